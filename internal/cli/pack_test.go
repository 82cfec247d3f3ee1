package cli

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble"
	"floe/internal/sshclient"
)

// TestPack makes packages of a Debian package that floe has no definition of:
// that one and what it needs, each with what stands beside it.
func TestPack(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the archive")
	}
	p := newPerson(t)
	said := p.must("pack", "htop", "-o", "packages")
	dir := filepath.Join(p.home, "packages")
	deps, err := os.ReadFile(filepath.Join(dir, "htop.tcz.dep"))
	if err != nil || !strings.Contains(string(deps), "glibc.tcz\n") {
		t.Fatalf("what htop depends on: %q, %v", deps, err)
	}
	for _, name := range append(strings.Fields(string(deps)), "htop.tcz") {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum, err := os.ReadFile(filepath.Join(dir, name+".sha256"))
		if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(whole), name); err != nil || string(sum) != want {
			t.Errorf("%s.sha256 is %q, %v; want %q", name, sum, err, want)
		}
		for _, ext := range []string{".info", ".list"} {
			if text, err := os.ReadFile(filepath.Join(dir, name+ext)); err != nil || len(text) == 0 {
				t.Errorf("%s%s: %q, %v", name, ext, text, err)
			}
		}
		if !strings.Contains(said, strings.TrimSuffix(name, ".tcz")) {
			t.Errorf("nothing is said of %s:\n%s", name, said)
		}
	}
	// What is packed later joins the list, which floe's own key signs each time.
	p.must("pack", "lsof", "-o", "packages")
	own, _, err := sshclient.Identity(filepath.Join(p.home, "data", "floe"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := assemble.SignedSums(dir, own.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"glibc", "htop", "lsof"} {
		if sum, err := os.ReadFile(filepath.Join(dir, name+".tcz.sha256")); err != nil || !strings.Contains(string(sums), string(sum)) {
			t.Errorf("the list has no line %q, %v:\n%s", sum, err, sums)
		}
	}
	if !strings.Contains(said, "tce=LABEL=") {
		t.Errorf("nothing is said of what to do with the packages:\n%s", said)
	}
	if _, errs, code := p.floe("pack", "no-such-package"); code == 0 || !strings.Contains(errs, "no-such-package") {
		t.Errorf("a package that is not there: exit code %d\n%s", code, errs)
	}
}
