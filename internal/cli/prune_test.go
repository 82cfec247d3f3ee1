package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/fault"
	"floe/internal/store"
)

// TestPruneStore: of each kind the last stays, what another floe holds too, and only
// --all takes the rest.
func TestPruneStore(t *testing.T) {
	p := newPerson(t)
	dir := filepath.Join(p.home, "store")
	p.env = append(p.env, "FLOE_STORE="+dir)
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	build := func(source string) *store.Key {
		key := store.NewKey("kernel/amd64", "1").String("source", source)
		_, err := s.Do(t.Context(), key, func(_ context.Context, tree string) error {
			return os.WriteFile(filepath.Join(tree, "vmlinuz"), make([]byte, 3_000_000), 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	old, last := build("6.12.1"), build("6.12.2")
	there := func() (n int) {
		for _, key := range []*store.Key{old, last} {
			if files, _ := filepath.Glob(filepath.Join(dir, "out", "kernel-amd64-"+key.Hex()[:32], "tree", "vmlinuz")); len(files) > 0 {
				n++
			}
		}
		return n
	}
	prune := func(want int, says string, args ...string) {
		t.Helper()
		out, errs, code := p.floe(append([]string{"prune"}, args...)...)
		if code != 0 || there() != want || !strings.Contains(out+errs, says) {
			t.Errorf("prune %q: exit status %d, %d are left, want %d and %q\n%s%s", args, code, there(), want, says, out, errs)
		}
	}
	prune(2, "another floe uses 2 more", "--all")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	prune(2, "nothing is to go")
	prune(2, "3.0 MB of 6.0 MB would go", "--dry-run", "--days", "0")
	prune(1, "3.0 MB freed, 3.0 MB stay", "--days", "0")
	prune(1, "nothing is to go", "--days", "0")
	prune(0, "3.0 MB freed", "--all")
	for _, args := range [][]string{{"--days", "-1"}, {"--all", "--days", "3"}, {"kernel"}} {
		if _, errs, code := p.floe(append([]string{"prune"}, args...)...); code != int(fault.Usage) {
			t.Errorf("prune %q: exit status %d\n%s", args, code, errs)
		}
	}
}
