package steps

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

const minRSA = 2048 // bits; NIST SP 800-131A has disallowed less since 2014

// PublicKey is a public ssh key, as a person looks at one.
type PublicKey struct {
	Line        string // of authorized_keys(5): type, base64 and comment
	Type        string // "ed25519", "rsa", "ecdsa", "dsa"; "sk" in it stands for a security key
	Bits        int    // 0: not known
	Fingerprint string // as ssh-keygen -l writes it: "SHA256:…"
	Comment     string
	Weak        string // why Floe's ssh server would not take it; "": it does
}

// ErrPrivate is the error for a private key where a public one was wanted.
var ErrPrivate = errors.New("this is a private key, which must never leave its place; the public key is the file with .pub at its end")

// IsPrivate tells whether text has the look of a private key, of whatever
// kind: OpenSSH's and PEM's have these words in their first line, PuTTY's
// begins with its program's name.
func IsPrivate(text string) bool {
	return strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "PuTTY-User-Key-File")
}

// ReadKeys reads lines in the form of authorized_keys(5), without options.
// Weak keys are told, not refused. No error ever shows the text.
func ReadKeys(data []byte) ([]PublicKey, error) {
	if IsPrivate(string(data)) {
		return nil, ErrPrivate
	}
	var keys []PublicKey
	for n, raw := range bytes.Split(data, []byte("\n")) {
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 || raw[0] == '#' {
			continue
		}
		key, comment, options, _, err := ssh.ParseAuthorizedKey(raw)
		if err != nil {
			return nil, fmt.Errorf("line %d is not a public key", n+1)
		}
		if len(options) > 0 {
			return nil, fmt.Errorf("line %d has options (%s); floe takes plain keys", n+1, strings.Join(options, ","))
		}
		keys = append(keys, Describe(key, comment))
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key is in it")
	}
	return keys, nil
}

// Describe says what there is to say about a key.
func Describe(key ssh.PublicKey, comment string) PublicKey {
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if comment = strings.TrimSpace(comment); comment != "" {
		line += " " + comment
	}
	kind, bits := family(key)
	d := PublicKey{Line: line, Type: kind, Bits: bits, Fingerprint: ssh.FingerprintSHA256(key), Comment: comment}
	if err := strong(key, bits); err != nil {
		d.Weak = err.Error()
	}
	return d
}

// family gives the kind and the size of a key.
func family(key ssh.PublicKey) (kind string, bits int) {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		return "ed25519", 256
	case ssh.KeyAlgoSKED25519:
		return "ed25519-sk", 256
	case ssh.KeyAlgoSKECDSA256:
		return "ecdsa-sk", 256
	case ssh.KeyAlgoECDSA256:
		return "ecdsa", 256
	case ssh.KeyAlgoECDSA384:
		return "ecdsa", 384
	case ssh.KeyAlgoECDSA521:
		return "ecdsa", 521
	case ssh.KeyAlgoRSA:
		if c, ok := key.(ssh.CryptoPublicKey); ok {
			if pub, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
				return "rsa", pub.N.BitLen()
			}
		}
		return "rsa", 0
	}
	return strings.TrimPrefix(key.Type(), "ssh-"), 0
}

// strong refuses keys that Floe's ssh server would not take.
func strong(key ssh.PublicKey, bits int) error {
	switch kind, _ := family(key); {
	case strings.HasPrefix(kind, "ed25519"), strings.HasPrefix(kind, "ecdsa"):
		return nil
	case kind == "rsa" && bits >= minRSA:
		return nil
	case kind == "rsa":
		return fmt.Errorf("an RSA key of %d bits is too weak; %d are the least", bits, minRSA)
	}
	return fmt.Errorf("keys of type %s are not taken; use ssh-ed25519", key.Type())
}

// parseKeys gives the lines for the keys in data, and refuses weak ones.
func parseKeys(data []byte) ([]string, error) {
	keys, err := ReadKeys(data)
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(keys))
	for i, k := range keys {
		if k.Weak != "" {
			return nil, errors.New(k.Weak)
		}
		lines[i] = k.Line
	}
	return lines, nil
}
