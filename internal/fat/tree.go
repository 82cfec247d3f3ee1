package fat

import (
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"
)

// node is a file or a folder.
type node struct {
	name   string
	short  [11]byte
	long   bool // the short name does not say it all
	folder bool
	root   bool
	file   File
	size   int64
	kids   []*node
	first  int64 // cluster; 0: none, or the root of a FAT12
}

// newTree sorts files into folders and gives everything its short name.
func newTree(files []File) (*node, error) {
	root := &node{folder: true, root: true}
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) }) {
		if err := root.add(f); err != nil {
			return nil, err
		}
	}
	return root, root.shorten()
}

func (n *node) add(f File) error {
	parts := strings.Split(f.Path, "/")
	for i, part := range parts {
		// The system of names knows no case.
		at := slices.IndexFunc(n.kids, func(k *node) bool { return strings.EqualFold(k.name, part) })
		file := i == len(parts)-1
		switch {
		case at < 0:
			if err := checkName(part); err != nil {
				return fmt.Errorf("FAT: %s: %w", f.Path, err)
			}
			n.kids = append(n.kids, &node{name: part, folder: !file})
			at = len(n.kids) - 1
		case file || !n.kids[at].folder:
			return fmt.Errorf("FAT: %s is there twice", path.Join(parts[:i+1]...))
		}
		n = n.kids[at]
	}
	n.file, n.size = f, int64(len(f.Content))
	if f.Source != "" {
		info, err := os.Stat(f.Source)
		if err != nil {
			return err
		}
		n.size = info.Size()
	}
	if n.size > math.MaxUint32 {
		return fmt.Errorf("FAT: %s has %d bytes, and no file may have more than 4 GiB", f.Path, n.size)
	}
	return nil
}

// stream reads the file's source.
func (n *node) stream(put func(b []byte, offset int64) error) error {
	f, err := os.Open(n.file.Source)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for at := int64(0); at < n.size; {
		got, err := io.ReadFull(f, buf[:min(int64(len(buf)), n.size-at)])
		if err != nil {
			return fmt.Errorf("%s became shorter meanwhile: %w", n.file.Source, err)
		}
		if err := put(buf[:got], at); err != nil {
			return err
		}
		at += int64(got)
	}
	return nil
}
