package store

import (
	"strings"
	"testing"
)

func TestKeyIsUnambiguous(t *testing.T) {
	keys := map[string]*Key{
		"plain":          NewKey("a", "1"),
		"version":        NewKey("a", "2"),
		"stage":          NewKey("b", "1"),
		"moved":          NewKey("a1", ""),
		"string":         NewKey("a", "1").String("n", "v"),
		"name":           NewKey("a", "1").String("nv", ""),
		"bytes":          NewKey("a", "1").Bytes("n", []byte("v")),
		"list":           NewKey("a", "1").Strings("n", []string{"v"}),
		"empty list":     NewKey("a", "1").Strings("n", nil),
		"list of empty":  NewKey("a", "1").Strings("n", []string{""}),
		"list of two":    NewKey("a", "1").Strings("n", []string{"v", "w"}),
		"joined":         NewKey("a", "1").Strings("n", []string{"v w"}),
		"other order":    NewKey("a", "1").Strings("n", []string{"w", "v"}),
		"two parts":      NewKey("a", "1").String("n", "v").String("m", "w"),
		"parts, swapped": NewKey("a", "1").String("m", "w").String("n", "v"),
		"nul":            NewKey("a", "1").String("n", "v\x00"),
	}
	seen := map[string]string{}
	for name, k := range keys {
		if other, ok := seen[k.Hex()]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[k.Hex()] = name
	}
	// The value is fixed: a change of the encoding would build everything anew.
	const want = "187c4b59da15915628dc0567cea41dad1c06b521250a118be36052aefa3c33aa"
	if got := NewKey("a", "1").String("n", "v").Bytes("b", []byte{0}).Strings("l", []string{"x", ""}).Hex(); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

func TestKeyName(t *testing.T) {
	for stage, want := range map[string]string{
		"kernel/amd64": "kernel-amd64-", "../up": "-.-up-", ".hidden": "-hidden-", "a b": "a-b-", "": "-",
	} {
		name := NewKey(stage, "1").name()
		if !strings.HasPrefix(name, want) || len(name) != len(want)+nameDigits || strings.ContainsAny(name, "/ ") {
			t.Errorf("%q gives %q", stage, name)
		}
	}
}

func TestParts(t *testing.T) {
	long := strings.Repeat("x", 1000)
	parts := NewKey("a", "7").String("s", "v").Bytes("b", []byte{1}).String("long", long).Strings("l", []string{"x", "y"}).Parts()
	want := []Part{
		{"version", "7"}, {"s", "v"},
		{"b", "1 bytes, sha256 4bf5122f344554c5"},
		{"long", "1000 bytes, sha256 " + "44f8354494a5ba03"},
		{"l", "x y"},
	}
	for i, w := range want {
		if parts[i] != w {
			t.Errorf("part %d is %v, want %v", i, parts[i], w)
		}
	}
}
