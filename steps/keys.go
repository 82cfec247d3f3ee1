package steps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"floe/internal/fault"
)

// Words that stand for keys in the plan.
const (
	OwnKey = "own"  // floe's own key
	NoKey  = "none" // no key: the console is the only way in
)

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
				"Name a public key: a file that ends in .pub, or its text (ssh-ed25519 AAAA...).")
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
		IsPrivate(value):
		return parseKeys([]byte(value))
	}
	data, err := os.ReadFile(expandHome(value))
	if err != nil {
		return nil, err
	}
	return parseKeys(data)
}

// showKeys says who may log in, on one line.
func showKeys(p *Plan) string {
	words := make([]string, 0, len(p.SSHKeys))
	for _, v := range p.SSHKeys {
		words = append(words, keyWord(v))
	}
	if n := len(words); n > 3 {
		words = append(words[:2], fmt.Sprintf("%d more", n-2))
	}
	return strings.Join(words, ", ")
}

// keyWord names one of the plan's keys in a few words.
func keyWord(v string) string {
	switch {
	case v == NoKey:
		return "nobody: console only"
	case v == OwnKey:
		return "floe's own key"
	}
	if keys, err := ReadKeys([]byte(v)); err == nil {
		if keys[0].Comment != "" {
			return keys[0].Comment
		}
		return keys[0].Fingerprint
	}
	return shorten(v)
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
	if IsPrivate(s) {
		return "(text not shown)"
	}
	return cut(s, 40)
}

// cut leaves so many characters of a text that may be long. What stands for the rest is
// ASCII, for any terminal.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
