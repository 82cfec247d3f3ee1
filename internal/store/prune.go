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

// Pruned tells what Prune removed, or would remove.
type Pruned struct {
	Entries []Entry  // as they were; a damaged one has its folder's name for a stage
	Files   []string // downloads and logs
	Bytes   int64    // of both

	InUse int  // entries that keep does not keep, and that a living process holds or builds
	Busy  bool // another floe has the store open: downloads and logs all stay
}

// Prune removes entries, downloads and logs that keep does not keep. What any
// living process holds or builds stays: an entry by its own locks, and downloads and
// logs, which have none, as long as another Store of the same folder is open. Each
// thing that is gone is told to tell, which may be nil, with its size.
//
// What the archive's release files and lists are read from is small, and saves
// asking: only the zero Keep lets it go. Nobody may build with s meanwhile.
func (s *Store) Prune(ctx context.Context, keep Keep, tell func(what string, bytes int64)) (Pruned, error) {
	if tell == nil {
		tell = func(string, int64) {}
	}
	return s.sift(ctx, keep, func(path, name string) error {
		if name != "" {
			return s.discard(path, name)
		}
		return os.Remove(path)
	}, tell)
}

// Stale tells what Prune would remove now.
func (s *Store) Stale(ctx context.Context, keep Keep) (Pruned, error) {
	return s.sift(ctx, keep, func(string, string) error { return nil }, func(string, int64) {})
}

// sift finds what keep does not keep and what nobody uses, and hands each of it to
// remove: an entry with its name, while its locks are held, and a file without.
func (s *Store) sift(ctx context.Context, keep Keep, remove func(path, name string) error, tell func(string, int64)) (Pruned, error) {
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
		e := s.whole(name)
		free, err := s.siftEntry(name, remove)
		switch {
		case err != nil:
			return p, s.explain("remove from the store", s.path(outDir, name), err)
		case !free:
			p.InUse++
			continue
		}
		p.Entries = append(p.Entries, e)
		p.Bytes += e.Size
		tell(e.Stage, e.Size)
	}
	alone, err := s.alone(func() error {
		for _, dir := range keep.folders() {
			if err := s.siftFiles(ctx, dir, keep.UsedAfter, &p, remove, tell); err != nil {
				return err
			}
		}
		return nil
	})
	p.Busy = !alone
	return p, err
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

// folders are those of files that need not all stay.
func (k Keep) folders() []string {
	if k == (Keep{}) {
		return []string{downloadsDir, logsDir}
	}
	return []string{filepath.Join(downloadsDir, "sha256"), filepath.Join(downloadsDir, "partial"), logsDir}
}

// whole gives an entry, a damaged one too.
func (s *Store) whole(name string) Entry {
	e, err := s.read(name)
	if err != nil {
		size, _ := treeSize(s.path(outDir, name)) // as far as it can be read
		return Entry{Stage: name, Size: size, name: name}
	}
	return e
}

// siftEntry hands an entry to remove, unless it is in use or being built.
func (s *Store) siftEntry(name string, remove func(path, name string) error) (free bool, err error) {
	build, use := s.buildLock(name), s.useLock(name)
	defer build.Close()
	defer use.Close()
	if ok, err := build.TryLock(); err != nil || !ok {
		return false, err
	}
	if ok, err := use.TryLock(); err != nil || !ok {
		return false, err
	}
	return true, remove(s.path(outDir, name), name)
}

// siftFiles hands the files below a folder to remove that were not used after a
// time. A file that is used is given the time of that.
func (s *Store) siftFiles(ctx context.Context, dir string, after time.Time, p *Pruned, remove func(path, name string) error, tell func(string, int64)) error {
	return filepath.WalkDir(s.path(dir), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // of downloads there may have been none
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
		if err := remove(path, ""); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.explain("remove from the store", path, err)
		}
		name, err := filepath.Rel(s.dir, path)
		p.Files = append(p.Files, name)
		p.Bytes += info.Size()
		tell(name, info.Size())
		return err
	})
}
