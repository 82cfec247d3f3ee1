package assets

import (
	"embed"
	"path"
)

//go:embed keys/*.gpg
var keyFiles embed.FS

// ArchiveKey is one of Debian's public keys for signing its archive.
type ArchiveKey struct {
	File        string // name in assets/keys
	Fingerprint string // of the primary key: 40 upper-case hexadecimal digits
	Signs       string // what Debian signs with it, in words
	Data        []byte // binary OpenPGP public key (RFC 9580, section 10.1), not armored
}

// DebianKeys lists the public keys of Debian 13 (trixie), in a fixed order.
// The fingerprints are those that Debian publishes; whoever uses Data compares
// them with what the data holds.
func DebianKeys() []ArchiveKey {
	keys := []ArchiveKey{
		{
			File:        "debian-archive-trixie-automatic.gpg",
			Fingerprint: "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
			Signs:       "trixie and trixie-updates",
		},
		{
			File:        "debian-archive-trixie-security-automatic.gpg",
			Fingerprint: "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
			Signs:       "trixie-security",
		},
		{
			File:        "debian-archive-trixie-stable.gpg",
			Fingerprint: "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
			Signs:       "trixie, at each point release",
		},
	}
	for i := range keys {
		data, err := keyFiles.ReadFile(path.Join("keys", keys[i].File))
		if err != nil {
			panic(err) // the file is embedded: only a wrong name above gets here
		}
		keys[i].Data = data
	}
	return keys
}
