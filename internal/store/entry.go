package store

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Entry is a thing in the store.
type Entry struct {
	Path   string    // the folder that the stage built; nobody writes to it any more
	Stage  string    // the stage's name, as given to NewKey
	Key    string    // the whole key, 64 hexadecimal digits; good as an input of another key
	Parts  []Part    // the inputs, as far as a person can read them
	Size   int64     // bytes in files, each hard-linked file counted once
	Made   time.Time // when its build ended
	Used   time.Time // when Do or Lookup returned it last
	Cached bool      // Do did not have to build it

	name string // of its folder in out
}

// entryFile and treeDir are what an entry's folder holds.
const (
	entryFile = "entry.json"
	treeDir   = "tree"
)

// format is the version of entry.json. An entry of another version is built
// again.
const format = 1

// record is entry.json.
type record struct {
	Format int       `json:"format"`
	Stage  string    `json:"stage"`
	Key    string    `json:"key"`
	Parts  []Part    `json:"parts"`
	Size   int64     `json:"size"`
	Made   time.Time `json:"made"`
}

// read gives the entry in the folder out/name, or an error that says why it
// is none.
func (s *Store) read(name string) (Entry, error) {
	path := s.path(outDir, name, entryFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return Entry{}, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return Entry{}, fmt.Errorf("%s: %w", path, err)
	}
	if r.Format != format {
		return Entry{}, fmt.Errorf("%s: format %d, this floe knows %d", path, r.Format, format)
	}
	if len(r.Key) < nameDigits || name != plain(r.Stage)+"-"+r.Key[:nameDigits] {
		return Entry{}, fmt.Errorf("%s: is of key %q of stage %q", path, r.Key, r.Stage)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Entry{}, err
	}
	tree := s.path(outDir, name, treeDir)
	if st, err := os.Lstat(tree); err != nil {
		return Entry{}, err
	} else if !st.IsDir() {
		return Entry{}, fmt.Errorf("%s: not a folder", tree)
	}
	return Entry{
		Path: tree, Stage: r.Stage, Key: r.Key, Parts: r.Parts, Size: r.Size,
		Made: r.Made, Used: info.ModTime(), name: name,
	}, nil
}

// write puts entry.json for key into dir, and the tree's bytes and it on the
// disk.
func write(dir string, key *Key) error {
	size, err := treeSize(filepath.Join(dir, treeDir))
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(record{
		Format: format, Stage: key.stage, Key: key.Hex(), Parts: key.parts,
		Size: size, Made: time.Now().UTC().Truncate(time.Second),
	}, "", "\t")
	if err != nil {
		return err
	}
	// The whole file system is flushed rather than each of some ten thousand
	// files; entry.json comes after, so that it never vouches for less.
	if err := syncFS(dir); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, entryFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(text, '\n')); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(dir)
}

// treeSize counts the bytes of the regular files under dir.
func treeSize(dir string) (int64, error) {
	var size int64
	type inode struct{ dev, ino uint64 }
	linked := map[inode]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
			id := inode{uint64(st.Dev), st.Ino}
			if linked[id] {
				return nil
			}
			linked[id] = true
		}
		size += info.Size()
		return nil
	})
	return size, err
}
