package assemble_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/sshclient"
)

// TestAddPackages: what is packed into one folder one after the other is all in its
// list, once; and nobody's key signs what somebody else has listed there.
func TestAddPackages(t *testing.T) {
	mine, _, err := sshclient.Identity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := sshclient.Identity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	add := func(key ssh.Signer, list ...assemble.Package) error {
		return assemble.AddPackages(folder, list, key.PublicKey(), func(sums []byte) ([]byte, error) { return assemble.SignSums(sums, key) })
	}
	a, b, newer := madeUp(t, "a", "1"), madeUp(t, "b", "1"), madeUp(t, "a", "2")
	for _, list := range [][]assemble.Package{{b}, {a, b}, {newer}} {
		if err := add(mine, list...); err != nil {
			t.Fatal(err)
		}
	}
	want := newer.SHA256 + "  a.tcz\n" + b.SHA256 + "  b.tcz\n"
	if got, err := assemble.SignedSums(folder, mine.PublicKey()); err != nil || string(got) != want {
		t.Errorf("the list is %q, %v; want %q", got, err, want)
	}
	for name, want := range map[string]string{"a.tcz": "2", "a.tcz.dep": "", "b.tcz": "1"} {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
	if err := add(other, a); fault.Code(err) != int(fault.Usage) {
		t.Errorf("a list that another key signed was added to: %v", err)
	}
	if err := assemble.OtherArch(folder, arch.AMD64); err != nil {
		t.Error(err)
	}
	if err := assemble.OtherArch(folder, arch.ARM64); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "a is there for amd64, not for arm64") {
		t.Errorf("there is room for another architecture: %v", err)
	}
	if err := assemble.OtherArch(filepath.Join(folder, "none"), arch.ARM64); err != nil {
		t.Errorf("a folder that is not there yet: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, assemble.SumsFile), []byte(want+"0  c.tcz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := add(mine, a); fault.Code(err) != int(fault.Usage) {
		t.Errorf("a list that was changed was added to: %v", err)
	}
}

// madeUp is a package that holds a text.
func madeUp(t *testing.T, name, text string) assemble.Package {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	p := assemble.Package{Name: name, Dir: t.TempDir(), SHA256: hex.EncodeToString(sum[:])}
	for ext, data := range map[string]string{"": text, ".dep": "", ".info": "Title:          " + name + ".tcz\nExtension_by:   floe, for amd64\n"} {
		if err := os.WriteFile(p.Path()+ext, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}
