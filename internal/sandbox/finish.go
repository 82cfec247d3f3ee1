package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"
)

// scriptLinks are the links that maintainer scripts (mostly through
// update-alternatives) would have made, as far as builds need them. The first
// target that is in the tree is taken; a link that is there is left alone.
var scriptLinks = []struct {
	name    string   // in usr/bin
	targets []string // in usr/bin
}{
	{"awk", []string{"gawk", "mawk", "original-awk"}},
	{"nawk", []string{"gawk", "mawk", "original-awk"}},
	{"cc", []string{"gcc", "clang", "tcc"}},
	{"c++", []string{"g++", "clang++"}},
	{"c89", []string{"c89-gcc"}},
	{"c99", []string{"c99-gcc"}},
	{"yacc", []string{"bison.yacc", "byacc"}},
	{"lex", []string{"flex"}},
	{"which", []string{"which.debianutils"}},
	{"pkg-config", []string{"pkgconf"}},
	{"sh", []string{"dash", "bash"}},
}

// systemFiles are made where no package has them.
var systemFiles = []struct{ name, text string }{
	{"etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
	{"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
	{"etc/hosts", "127.0.0.1 localhost " + hostName + "\n::1 localhost\n"},
}

// finish adds to the unpacked packages what makes them a root.
func (t *tree) finish() error {
	w := &writer{tree: t, deb: ours}
	defer w.leave()
	for _, name := range mountPoints {
		if err := w.folder(name); err != nil {
			return err
		}
	}
	for _, l := range scriptLinks {
		if err := t.link(w, path.Join("usr/bin", l.name), l.targets); err != nil {
			return err
		}
	}
	if err := w.folder("etc"); err != nil {
		return err
	}
	for _, f := range systemFiles {
		if t.has(f.name) {
			continue
		}
		if err := t.write(f.name, f.text); err != nil {
			return err
		}
	}
	return nil
}

// link makes one of the scriptLinks.
func (t *tree) link(w *writer, name string, targets []string) error {
	if t.has(name) {
		return nil
	}
	for _, target := range targets {
		if t.has(path.Join(path.Dir(name), target)) {
			return w.symlink(name, target)
		}
	}
	return nil
}

func (t *tree) has(name string) bool {
	_, err := t.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func (t *tree) write(name, text string) error {
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	epoch := time.Unix(0, 0)
	return t.root.Chtimes(name, epoch, epoch)
}
