package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fill makes n entries of a stage; the i-th was used i days after day.
func fill(t *testing.T, s *Store, stage string, n int, day time.Time) []*Key {
	t.Helper()
	var keys []*Key
	for i := range n {
		key := NewKey(stage, "1").String("n", fmt.Sprint(i))
		_, err := s.Do(t.Context(), key, func(_ context.Context, tree string) error { return thing(tree, "") })
		if err != nil {
			t.Fatal(err)
		}
		used := day.AddDate(0, 0, i)
		if err := os.Chtimes(s.path(outDir, key.name(), entryFile), used, used); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

func there(s *Store, keys []*Key) string {
	var b strings.Builder
	for _, k := range keys {
		if _, err := s.read(k.name()); err == nil {
			b.WriteByte('x')
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	maker := open(t, dir)
	kernels, roots := fill(t, maker, "kernel", 4, day), fill(t, maker, "root", 2, day)
	other := open(t, dir)
	all := Keep{}

	// All is held by the one that made it.
	if p, err := other.Prune(t.Context(), all, nil); err != nil || len(p.Entries) > 0 || p.InUse != 6 {
		t.Fatalf("pruned what is in use: %+v, %v", p, err)
	}
	if err := maker.Close(); err != nil {
		t.Fatal(err)
	}

	list, err := other.Entries()
	if err != nil || len(list) != 6 || list[0].Stage != "kernel" || !list[0].Used.Equal(day.AddDate(0, 0, 3)) || list[5].Stage != "root" {
		t.Fatalf("entries %+v, %v", list, err)
	}
	old := Keep{PerStage: 1, UsedAfter: day.AddDate(0, 0, 1)}
	stale, err := other.Stale(t.Context(), old)
	if err != nil || there(other, kernels) != "xxxx" || there(other, roots) != "xx" {
		t.Errorf("only asked for, %s %s is left, %v", there(other, kernels), there(other, roots), err)
	}
	var told []string
	var bytes int64
	p, err := other.Prune(t.Context(), old, func(what string, n int64) {
		told, bytes = append(told, what), bytes+n
	})
	if !reflect.DeepEqual(p, stale) || !slices.Equal(told, []string{"kernel", "kernel", "root"}) || bytes != p.Bytes {
		t.Errorf("removed %+v, and before it was %+v; told of %q, %d bytes", p, stale, told, bytes)
	}
	if err != nil || there(other, kernels) != "--xx" || there(other, roots) != "-x" || len(p.Entries) != 3 || p.Bytes != 60000 {
		t.Errorf("kept %s %s; %+v, %v", there(other, kernels), there(other, roots), p, err)
	}

	// Use by one process keeps it from another's Prune; use makes it young.
	if e, ok := maker.Lookup(kernels[2]); !ok || time.Since(e.Used) > time.Minute {
		t.Error(e, ok)
	}
	if _, err := other.Prune(t.Context(), all, nil); err != nil || there(other, kernels) != "--x-" || there(other, roots) != "--" {
		t.Errorf("kept %s %s, %v", there(other, kernels), there(other, roots), err)
	}
	if left := files(t, other.path(tmpDir)); len(left) > 0 {
		t.Errorf("left in tmp: %q", left)
	}

	// A damaged one is in nobody's use.
	if err := os.WriteFile(other.path(outDir, kernels[2].name(), entryFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := maker.Close(); err != nil {
		t.Fatal(err)
	}
	if p, err := other.Prune(t.Context(), old, nil); err != nil || len(p.Entries) != 1 || p.Entries[0].Stage != kernels[2].name() || p.Bytes < 20000 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestPruneFiles: files go by when they were used last, and none while another floe
// has the store open, which may have looked for one already.
func TestPruneFiles(t *testing.T) {
	s := open(t, t.TempDir())
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, used := range map[string]time.Time{
		"downloads/sha256/old": day, "downloads/sha256/new": day.AddDate(0, 0, 2), "logs/old": day, "downloads/release/old": day,
	} {
		path := filepath.Join(s.Dir(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("123"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, used, used); err != nil {
			t.Fatal(err)
		}
	}
	old := Keep{UsedAfter: day.AddDate(0, 0, 1)}
	other := open(t, s.Dir())
	for range 2 {
		if p, err := s.Prune(t.Context(), old, nil); err != nil || len(p.Files) > 0 || !p.Busy {
			t.Errorf("while another is open: %+v, %v", p, err)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := s.Prune(t.Context(), old, nil)
	if err != nil || !slices.Equal(p.Files, []string{"downloads/sha256/old", "logs/old"}) || p.Bytes != 6 || p.Busy {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := s.Prune(t.Context(), Keep{}, nil); err != nil || len(p.Files) != 2 {
		t.Errorf("of everything: %+v, %v", p, err)
	}
}

func TestWhy(t *testing.T) {
	s := open(t, t.TempDir())
	key := func(config string) *Key {
		return NewKey("kernel", "1").String("config", config).String("source", "6.12")
	}
	if why := s.Why(key("a")); !slices.Equal(why, []string{"first build"}) {
		t.Errorf("%q", why)
	}
	if _, err := s.Do(t.Context(), key("a"), func(_ context.Context, tree string) error { return thing(tree, "") }); err != nil {
		t.Fatal(err)
	}
	if why := s.Why(key("a")); why != nil {
		t.Errorf("%q", why)
	}
	if why := s.Why(key("b").String("jobs", "2")); !slices.Equal(why, []string{"config: a → b", "new: jobs"}) {
		t.Errorf("%q", why)
	}
	if why := s.Why(NewKey("kernel", "2").String("config", "a")); !slices.Equal(why, []string{"version: 1 → 2", "gone: source"}) {
		t.Errorf("%q", why)
	}
}
