package grub

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// moduleTree is a folder of GRUB's modules, with what moddep.lst says of them.
type moduleTree struct {
	dir   fs.FS
	needs map[string][]string
}

// readModules reads moddep.lst: lines of "module: dependency dependency".
func readModules(dir fs.FS) (moduleTree, error) {
	text, err := fs.ReadFile(dir, "moddep.lst")
	if err != nil {
		return moduleTree{}, err
	}
	t := moduleTree{dir: dir, needs: map[string][]string{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, needs, ok := strings.Cut(lines.Text(), ":")
		if ok {
			t.needs[name] = strings.Fields(needs)
		}
	}
	return t, lines.Err()
}

// closure gives the modules and all that they depend on, sorted.
func (t moduleTree) closure(names []string) ([]string, error) {
	seen := map[string]bool{}
	todo := slices.Clone(names)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		needs, ok := t.needs[name]
		if !ok {
			return nil, fmt.Errorf("GRUB has no module %s", name)
		}
		seen[name] = true
		todo = append(todo, needs...)
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// compressed gives the files of modules and what they depend on, but for
// those that are in the image already. GRUB's gzio reads them.
func (t moduleTree) compressed(names, in []string) ([]File, error) {
	all, err := t.closure(names)
	if err != nil {
		return nil, err
	}
	there, err := t.closure(in)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range all {
		if slices.Contains(there, name) {
			continue
		}
		data, err := fs.ReadFile(t.dir, name+".mod")
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		files = append(files, File{Path: name + ".mod", Data: b.Bytes()})
	}
	return files, nil
}
