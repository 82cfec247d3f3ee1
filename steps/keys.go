package steps

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"floe/internal/fault"
)

// Words that stand for keys in the plan.
const (
	OwnKey = "own"  // floe's own key
	NoKey  = "none" // no key: the console is the only way in
)

const minRSA = 2048 // bits; NIST SP 800-131A has disallowed less since 2014

func setKeys(p *Plan, values []string) error {
	keys := make([]string, 0, len(values))
	for _, v := range values {
		v = strings.TrimSpace(v)
		switch {
		case v == "":
			return errors.New("a key is empty")
		case v == NoKey && len(values) > 1:
			return errors.New("'none' goes with no other key")
		}
		keys = append(keys, v)
	}
	if len(keys) == 0 {
		return errors.New("no key is named; 'none' says that only the console is wanted")
	}
	p.SSHKeys = keys
	return nil
}

// AuthorizedKeys turns the plan's keys into lines of authorized_keys(5):
// files are read, "own" is asked of own, "none" gives no line. Each line is
// checked; equal keys are given once, in the order of the plan.
func (p *Plan) AuthorizedKeys(own func() (string, error)) ([]string, error) {
	var lines []string
	seen := map[string]bool{}
	for _, value := range p.SSHKeys {
		found, err := keyLines(value, own)
		if err != nil {
			return nil, fault.New(fault.Usage, "read the ssh key", shorten(value), err,
				"Name a public key: a file that ends in .pub, or its text (ssh-ed25519 AAAA…).")
		}
		for _, l := range found {
			if !seen[l] {
				seen[l] = true
				lines = append(lines, l)
			}
		}
	}
	return lines, nil
}

func keyLines(value string, own func() (string, error)) ([]string, error) {
	switch {
	case value == NoKey:
		return nil, nil
	case value == OwnKey:
		line, err := own()
		if err != nil {
			return nil, err
		}
		return parseKeys([]byte(line))
	case strings.Contains(value, " ") && strings.HasPrefix(value, "ssh-"),
		strings.HasPrefix(value, "ecdsa-sha2-"), strings.HasPrefix(value, "sk-"),
		strings.Contains(value, "PRIVATE KEY"):
		return parseKeys([]byte(value))
	}
	data, err := os.ReadFile(expandHome(value))
	if err != nil {
		return nil, err
	}
	return parseKeys(data)
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

func shorten(s string) string {
	if strings.Contains(s, "PRIVATE KEY") {
		return "(text not shown)"
	}
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// parseKeys checks lines of authorized_keys(5) and gives them back without
// comments' surroundings: type, base64 and comment.
func parseKeys(data []byte) ([]string, error) {
	if bytes.Contains(data, []byte("PRIVATE KEY")) {
		return nil, errors.New("this is a private key, which must never leave its place; the public key is the file with .pub at its end")
	}
	var lines []string
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
		if err := strong(key); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
		if comment != "" {
			line += " " + comment
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil, errors.New("no public key is in it")
	}
	return lines, nil
}

// strong refuses keys that Floe's ssh server would not take.
func strong(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		crypto, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			return errors.New("the RSA key cannot be read")
		}
		if pub, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok && pub.N.BitLen() < minRSA {
			return fmt.Errorf("an RSA key of %d bits is too weak; %d are the least", pub.N.BitLen(), minRSA)
		}
		return nil
	}
	return fmt.Errorf("keys of type %s are not taken; use ssh-ed25519", key.Type())
}
