package assemble

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"

	"golang.org/x/crypto/ssh"
)

// A mirror of packages is a folder with packages, what belongs to each, a list
// of PackageSums and signatures of that list. An image carries the sums of the
// packages that came with it, and the keys of those who may log in: who can be
// root on the machine may as well say what it loads. So an image need not know
// packages that were not built yet, and an update needs no new image.
const (
	SumsFile      = "packages.sha256"
	SignatureFile = SumsFile + ".sig" // a line for each signature
)

// signedHead comes before what is signed, so that a signature is good for
// nothing else.
const signedHead = "floe packages\n"

// SignSums signs a list of PackageSums with each key that is of the type
// Ed25519 (RFC 8032), and gives the SignatureFile: base64, a line for each.
func SignSums(sums []byte, keys ...ssh.Signer) ([]byte, error) {
	var b bytes.Buffer
	for _, key := range keys {
		if key.PublicKey().Type() != ssh.KeyAlgoED25519 {
			continue
		}
		signature, err := key.Sign(rand.Reader, append([]byte(signedHead), sums...))
		if err != nil {
			return nil, err
		}
		b.WriteString(base64.StdEncoding.EncodeToString(signature.Blob) + "\n")
	}
	return b.Bytes(), nil
}

// packageKeys gives the keys of the type Ed25519 among lines of
// authorized_keys(5): base64, a line for each.
func packageKeys(authorized []string) []byte {
	var b bytes.Buffer
	for _, line := range authorized {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			continue // steps has told about it
		}
		if c, ok := key.(ssh.CryptoPublicKey); ok {
			if k, ok := c.CryptoPublicKey().(ed25519.PublicKey); ok {
				b.WriteString(base64.StdEncoding.EncodeToString(k) + "\n")
			}
		}
	}
	return b.Bytes()
}
