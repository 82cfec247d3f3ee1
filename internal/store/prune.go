package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entries lists what is in the store, by stage, the last used first. Damaged
// entries are left out.
func (s *Store) Entries() ([]Entry, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, name := range names {
		if e, err := s.read(name); err == nil {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b Entry) int {
		if c := strings.Compare(a.Stage, b.Stage); c != 0 {
			return c
		}
		return b.Used.Compare(a.Used)
	})
	return list, nil
}

// Size gives the number of bytes of everything in the store: entries,
// downloads, logs and what is being built.
func (s *Store) Size() (int64, error) {
	var sum int64
	for _, d := range []string{outDir, tmpDir, downloadsDir, logsDir} {
		n, err := treeSize(s.path(d))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // others may remove while we count
			return 0, s.explain("count the bytes of", s.path(d), err)
		}
		sum += n
	}
	return sum, nil
}

// Keep says what Prune keeps. An entry stays if any of the rules keeps it;
// the zero Keep keeps nothing but what is in use.
type Keep struct {
	PerStage  int       // of each stage, the entries used last
	UsedAfter time.Time // entries, downloads and logs used after that; the zero time keeps none
}

// Pruned tells what Prune removed.
type Pruned struct {
	Entries []Entry  // as they were
	Files   []string // downloads and logs
	Bytes   int64    // of both
}

// Prune removes entries, downloads and logs that keep does not keep. Entries
// that any living process holds or builds stay. Nobody holds a download or a
// log: let UsedAfter be a day ago at least if another floe may be at work.
func (s *Store) Prune(ctx context.Context, keep Keep) (Pruned, error) {
	var p Pruned
	names, err := s.names()
	if err != nil {
		return p, err
	}
	list, err := s.Entries()
	if err != nil {
		return p, err
	}
	kept := keep.names(list)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		if kept[name] {
			continue
		}
		e, rerr := s.read(name)
		removed, err := s.prune(name)
		if err != nil {
			return p, s.explain("remove from the store", s.path(outDir, name), err)
		}
		if removed && rerr == nil {
			p.Entries = append(p.Entries, e)
			p.Bytes += e.Size
		}
	}
	for _, dir := range []string{downloadsDir, logsDir} {
		if err := s.pruneFiles(ctx, dir, keep.UsedAfter, &p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// names gives the names of the entries of list that stay. The list is in the
// order of Entries.
func (k Keep) names(list []Entry) map[string]bool {
	kept := map[string]bool{}
	count := map[string]int{}
	for _, e := range list {
		count[e.Stage]++
		if count[e.Stage] <= k.PerStage || !k.UsedAfter.IsZero() && e.Used.After(k.UsedAfter) {
			kept[e.name] = true
		}
	}
	return kept
}

// prune removes one entry, unless it is in use or being built.
func (s *Store) prune(name string) (removed bool, err error) {
	build, use := s.buildLock(name), s.useLock(name)
	defer build.Close()
	defer use.Close()
	if ok, err := build.TryLock(); err != nil || !ok {
		return false, err
	}
	if ok, err := use.TryLock(); err != nil || !ok {
		return false, err
	}
	return true, s.discard(s.path(outDir, name), name)
}

// pruneFiles removes the files below a folder that were not changed after a
// time.
func (s *Store) pruneFiles(ctx context.Context, dir string, after time.Time, p *Pruned) error {
	return filepath.WalkDir(s.path(dir), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // others remove as well
			return nil
		case err != nil:
			return s.explain("read the store", path, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || !after.IsZero() && info.ModTime().After(after) {
			return nil
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.explain("remove from the store", path, err)
		}
		name, err := filepath.Rel(s.dir, path)
		p.Files = append(p.Files, name)
		p.Bytes += info.Size()
		return err
	})
}

// Why says which inputs of key differ from those of the entry of the same
// stage that was used last: why a build is needed. It gives nil if key's own
// entry is there, and "first build" if the stage has no entry.
func (s *Store) Why(key *Key) []string {
	list, err := s.Entries()
	if err != nil {
		return nil
	}
	var last *Entry
	for i, e := range list {
		if e.Key == key.Hex() {
			return nil
		}
		if last == nil && e.Stage == key.stage {
			last = &list[i]
		}
	}
	if last == nil {
		return []string{"first build"}
	}
	return differ(last.Parts, key.parts)
}

// differ says in words how two lists of parts differ.
func differ(before, now []Part) []string {
	old := map[string]string{}
	for _, p := range before {
		old[p.Name] = p.Value
	}
	var why []string
	seen := map[string]bool{}
	for _, p := range now {
		was, had := old[p.Name]
		switch {
		case !had:
			why = append(why, "new: "+p.Name)
		case was != p.Value:
			why = append(why, p.Name+": "+was+" → "+p.Value)
		}
		seen[p.Name] = true
	}
	for _, p := range before {
		if !seen[p.Name] {
			why = append(why, "gone: "+p.Name)
		}
	}
	return why
}
