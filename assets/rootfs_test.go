package assets

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// Every embedded file has a line in the table, and every line a file; a file
// is executable exactly if it is a script.
func TestFilesTable(t *testing.T) {
	inTable := map[string]uint32{}
	for _, f := range files {
		inTable[f.path] = f.mode
	}
	err := fs.WalkDir(rootfs, "rootfs", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := rootfs.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "rootfs/")
		mode, ok := inTable[name]
		if !ok {
			t.Errorf("assets/rootfs/%s is in no image: add it to the table in rootfs.go", name)
			return nil
		}
		delete(inTable, name)
		if script := strings.HasPrefix(string(data), "#!/bin/sh\n"); script != (mode&0o111 != 0) {
			t.Errorf("%s has mode %o, and is a script: %t", name, mode, script)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range inTable {
		t.Errorf("the table in rootfs.go names %s, which does not exist", name)
	}
}

// The folder of every entry comes before it: the kernel drops what has none.
func TestRootfsParentsFirst(t *testing.T) {
	seen := map[string]bool{".": true}
	for _, e := range Rootfs() {
		if seen[e.Path] {
			t.Errorf("%s is there twice", e.Path)
		}
		if !seen[path.Dir(e.Path)] {
			t.Errorf("%s comes before its folder", e.Path)
		}
		if e.Dir {
			seen[e.Path] = true
		}
		kinds := 0
		for _, is := range []bool{e.Dir, e.Target != "", e.Data != nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%s is %d kinds of thing", e.Path, kinds)
		}
	}
}

func TestRootEssentialExist(t *testing.T) {
	for _, name := range RootEssential() {
		if !slices.ContainsFunc(files, func(f struct {
			path string
			mode uint32
		}) bool {
			return f.path == name
		}) {
			t.Errorf("%s is essential, but no file", name)
		}
	}
}

// Nobody has a password: every second field is "*", which no password gives.
func TestNoPassword(t *testing.T) {
	for _, name := range []string{"etc/passwd", "etc/group"} {
		data, err := rootfs.ReadFile("rootfs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if f := strings.Split(line, ":"); len(f) < 4 || f[1] != "*" {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}

// dropbearMotdMax is MOTD_MAXSIZE in dropbear's default_options.h: it cuts a
// longer greeting.
const dropbearMotdMax = 2000

func TestMotd(t *testing.T) {
	penguin, err := rootfs.ReadFile("rootfs/etc/motd")
	if err != nil {
		t.Fatal(err)
	}
	greetings := map[string][]byte{"none": penguin, "docker": Motd([]string{"docker"}), "podman": Motd([]string{"podman", "docker"})}
	for name, data := range greetings {
		if len(data) == 0 || len(data) >= dropbearMotdMax {
			t.Errorf("%s: %d bytes", name, len(data))
		}
		for line := range strings.Lines(string(data)) {
			if len(line) > 80 {
				t.Errorf("%s: wider than a terminal: %q", name, line)
			}
			for _, r := range line {
				if r > 126 {
					t.Errorf("%s: not ASCII: %q", name, line)
				}
			}
		}
		if rows := bytes.Count(data, []byte("\n")); rows > 12 {
			t.Errorf("%s: %d rows", name, rows)
		}
	}
	if Motd(nil) != nil || Motd([]string{"none"}) != nil {
		t.Error("an image without a runtime greets as one with")
	}
}
