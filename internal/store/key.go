package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
)

// Key is everything that can change what a stage builds: its name, the
// version of its own code, and its inputs, part by part. Two keys are equal
// when the same parts were added in the same order.
//
// The encoding that is hashed (SHA-256) is unambiguous: each part is its kind,
// then its name and its values, each preceded by its length as 64 bits, big
// endian. So ("ab", "c") and ("a", "bc") are different parts.
//
// A Key must not be added to while Do, Lookup or Why work with it.
type Key struct {
	stage string
	sum   hash.Hash
	parts []Part
}

// Part is one input of a key in a form short enough to be read by a person:
// a long value is given as its size and the start of its SHA-256.
type Part struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The kinds of parts, as hashed.
const (
	kindStage   = 's'
	kindString  = 'S'
	kindBytes   = 'B'
	kindStrings = 'L'
)

// longestPart is the longest value, in bytes, that Part shows in full.
const longestPart = 80

// nameDigits is how many hexadecimal digits of the key an entry's folder
// carries. The whole key is in its entry.json and is compared there.
const nameDigits = 32

// NewKey starts the key of a stage, such as "kernel/amd64". The version is the
// stage's own: raise it when the code of the stage changes what it makes.
func NewKey(stage, version string) *Key {
	k := &Key{stage: stage, sum: sha256.New()}
	k.add(kindStage, stage, []byte(version))
	k.parts = append(k.parts, Part{"version", brief([]byte(version))})
	return k
}

// String adds a text and returns k.
func (k *Key) String(name, value string) *Key {
	k.add(kindString, name, []byte(value))
	k.parts = append(k.parts, Part{name, brief([]byte(value))})
	return k
}

// Bytes adds the contents of something and returns k.
func (k *Key) Bytes(name string, value []byte) *Key {
	k.add(kindBytes, name, value)
	k.parts = append(k.parts, Part{name, brief(value)})
	return k
}

// Strings adds a list, whose order matters, and returns k.
func (k *Key) Strings(name string, values []string) *Key {
	fields := make([][]byte, len(values))
	for i, v := range values {
		fields[i] = []byte(v)
	}
	k.add(kindStrings, name, fields...)
	k.parts = append(k.parts, Part{name, brief([]byte(strings.Join(values, " ")))})
	return k
}

// Stage gives the stage's name.
func (k *Key) Stage() string { return k.stage }

// Hex gives the key: 64 hexadecimal digits.
func (k *Key) Hex() string { return hex.EncodeToString(k.sum.Sum(nil)) }

// Parts lists what was added, the stage's version first.
func (k *Key) Parts() []Part { return append([]Part(nil), k.parts...) }

// name is the name of the entry's folder: the stage, with everything that
// has a meaning in paths replaced, and the start of the key.
func (k *Key) name() string { return plain(k.stage) + "-" + k.Hex()[:nameDigits] }

func (k *Key) add(kind byte, name string, values ...[]byte) {
	var n [8]byte
	size := func(i int) {
		binary.BigEndian.PutUint64(n[:], uint64(i))
		k.sum.Write(n[:])
	}
	k.sum.Write([]byte{kind})
	size(len(name))
	k.sum.Write([]byte(name))
	size(len(values))
	for _, v := range values {
		size(len(v))
		k.sum.Write(v)
	}
}

// brief gives a value as a person reads it.
func brief(value []byte) string {
	if len(value) <= longestPart && isText(value) {
		return string(value)
	}
	sum := sha256.Sum256(value)
	return strconv.Itoa(len(value)) + " bytes, sha256 " + hex.EncodeToString(sum[:8])
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// plain replaces every character of a stage's name that is not a letter, a
// digit, '.', '_' or '+' by a dash, and a leading dot too.
func plain(stage string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '+':
			return r
		}
		return '-'
	}, stage)
	if strings.HasPrefix(s, ".") {
		s = "-" + s[1:]
	}
	return s
}
