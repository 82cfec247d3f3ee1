package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The kernel looks for each cpio archive at a multiple of four bytes.
func TestInitrdsAreAligned(t *testing.T) {
	dir := t.TempDir()
	var parts []string
	for name, text := range map[string]string{"a": "12345", "b": "1234", "c": "1"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		parts = append(parts, filepath.Join(dir, name))
	}
	joined := filepath.Join(dir, "joined")
	if err := writeAll(joined, parts, 4); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(joined); err != nil || string(text) != "12345\x00\x00\x001234"+"1\x00\x00\x00" {
		t.Errorf("%q, %v", text, err)
	}
	if err := writeAll(joined, parts, 1); err == nil {
		t.Error("a file that is there was written over")
	}
}

func TestDefaultRuntime(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if got := DefaultRuntime(); got != filepath.Join(dir, "floe") {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "relative", filepath.Join(dir, "not")} {
		t.Setenv("XDG_RUNTIME_DIR", bad)
		if got := DefaultRuntime(); !strings.HasPrefix(got, filepath.Join(os.TempDir(), "floe-")) {
			t.Errorf("%q: got %s", bad, got)
		}
	}
}

func TestMachinesOfDifferentHomesShareNoSocket(t *testing.T) {
	a, b := Home{State: "/a", Runtime: "/run"}.Files("m"), Home{State: "/b", Runtime: "/run"}.Files("m")
	if a.Keyboard == b.Keyboard || a.Control == a.Events {
		t.Errorf("%+v, %+v", a, b)
	}
}
