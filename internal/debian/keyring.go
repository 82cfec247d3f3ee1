package debian

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"floe/assets"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// clockSkew is how far this machine's clock may be behind the archive's.
const clockSkew = 10 * time.Minute

// clearsignHead starts a text signed with the cleartext signature framework
// (RFC 9580, section 7).
const clearsignHead = "-----BEGIN PGP SIGNED MESSAGE-----\n"

// Keyring holds the public keys that may sign a release file.
type Keyring struct{ keys openpgp.EntityList }

// NewKeyring reads binary OpenPGP public keys.
func NewKeyring(data ...[]byte) (*Keyring, error) {
	k := &Keyring{}
	for _, d := range data {
		list, err := openpgp.ReadKeyRing(bytes.NewReader(d))
		if err != nil {
			return nil, fmt.Errorf("read public key: %w", err)
		}
		k.keys = append(k.keys, list...)
	}
	return k, nil
}

// DebianKeyring gives Debian's keys for Debian 13, after comparing each with
// its published fingerprint.
func DebianKeyring() (*Keyring, error) {
	all := &Keyring{}
	for _, known := range assets.DebianKeys() {
		k, err := NewKeyring(known.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", known.File, err)
		}
		if got := k.Fingerprints(); len(got) != 1 || got[0] != known.Fingerprint {
			return nil, fmt.Errorf("%s: holds %s, expected %s", known.File, strings.Join(got, " "), known.Fingerprint)
		}
		all.keys = append(all.keys, k.keys...)
	}
	return all, nil
}

// Fingerprints lists the primary keys' fingerprints in upper-case hexadecimal.
func (k *Keyring) Fingerprints() []string {
	var all []string
	for _, e := range k.keys {
		all = append(all, fingerprint(e))
	}
	return all
}

func fingerprint(e *openpgp.Entity) string { return fmt.Sprintf("%X", e.PrimaryKey.Fingerprint) }

// errSignature is the class of every reason not to trust a signed text.
var errSignature = errors.New("no good signature by a known key")

// Verify checks a clear-signed text and gives what was signed, and by which
// key. Of several signatures one good one by a key of the ring is enough; a
// signature by a key that has expired or was revoked, one that has itself
// expired, and one with a hash other than SHA-2 do not count. Text outside the
// signed part is refused.
func (k *Keyring) Verify(text []byte, now time.Time) (signed []byte, signer string, err error) {
	if !bytes.HasPrefix(text, []byte(clearsignHead)) {
		return nil, "", fmt.Errorf("%w: it does not start with %q", errSignature, strings.TrimSpace(clearsignHead))
	}
	block, rest := clearsign.Decode(text)
	if block == nil {
		return nil, "", fmt.Errorf("%w: the signed text is damaged or cut", errSignature)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, "", fmt.Errorf("%w: text follows the signature", errSignature)
	}
	var reasons []string
	packets := packet.NewOpaqueReader(block.ArmoredSignature.Body)
	for {
		p, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, "", fmt.Errorf("%w: the signature is damaged: %v", errSignature, err)
		}
		e, err := k.check(block.Bytes, p, now)
		if err == nil {
			return block.Plaintext, fingerprint(e), nil
		}
		reasons = append(reasons, describe(p, e, err))
	}
	return nil, "", fmt.Errorf("%w: %s", errSignature, strings.Join(reasons, "; "))
}

// check verifies one signature packet over the text.
func (k *Keyring) check(text []byte, p *packet.OpaquePacket, now time.Time) (*openpgp.Entity, error) {
	var one bytes.Buffer
	if err := p.Serialize(&one); err != nil {
		return nil, err
	}
	strong := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
	config := &packet.Config{Time: func() time.Time { return now.Add(clockSkew) }}
	_, e, err := openpgp.VerifyDetachedSignatureAndHash(k.keys, bytes.NewReader(text), &one, strong, config)
	return e, err
}

// describe says why a signature does not count.
func describe(p *packet.OpaquePacket, e *openpgp.Entity, err error) string {
	who := "a signature"
	if parsed, perr := p.Parse(); perr == nil {
		if s, ok := parsed.(*packet.Signature); ok && s.IssuerKeyId != nil {
			who = fmt.Sprintf("key %016X", *s.IssuerKeyId)
		}
	}
	if e != nil {
		who = "key " + fingerprint(e)
	}
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return who + " is not one of the archive's keys"
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return who + " has expired"
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return who + " was revoked"
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return who + ": the signature is not valid at this time"
	}
	return who + ": " + err.Error()
}
