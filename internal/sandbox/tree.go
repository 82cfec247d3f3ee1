package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tree is a root folder in the making. Several packages are written at once:
// each path is claimed before it is written, and what two packages claim is
// compared.
//
// No path is ever written through a symbolic link that came from a package:
// every folder on the way to a file is claimed as a folder. os.Root stands
// behind that.
type tree struct {
	root *os.Root

	mu      sync.Mutex
	claims  map[string]claim
	doubles []double
}

// claim is what is at a path.
type claim struct {
	deb  string // the package that was first
	kind byte   // of package tar
	link string // target of a link
}

// double is a regular file that another package has claimed before.
type double struct {
	name, deb string
	sum       [sha256.Size]byte
	mode      fs.FileMode
	time      time.Time
}

func newTree(root *os.Root) *tree { return &tree{root: root, claims: map[string]claim{}} }

// ours is the "package" of what this package makes itself.
const ours = "floe"

// merged are the folders of / that are links into /usr; see
// https://wiki.debian.org/UsrMerge.
var merged = []string{"bin", "lib", "lib64", "sbin"}

// mergeUsr makes the links of the merged /usr and what they point to.
func (t *tree) mergeUsr() error {
	w := &writer{tree: t, deb: ours}
	defer w.leave()
	for _, name := range merged {
		if err := w.folder("usr/" + name); err != nil {
			return err
		}
		if err := w.symlink(name, "usr/"+name); err != nil {
			return err
		}
	}
	return nil
}

// place gives where an entry of a package goes: a clean relative path with
// the merged /usr applied.
func place(name string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(name, "/"))
	if !filepath.IsLocal(clean) {
		return "", fmt.Errorf("the path leads out of the root")
	}
	for _, m := range merged {
		if strings.HasPrefix(clean, m+"/") {
			return "usr/" + clean, nil
		}
	}
	return clean, nil
}

// unwantedDirs are left out: builds do not read them, and they are a quarter
// of all files.
var unwantedDirs = []string{
	"usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/bug/",
	"usr/share/doc-base/", "usr/share/gtk-doc/",
}

// unwanted says whether an entry is left out.
func unwanted(name string, kind byte) bool {
	for _, d := range unwantedDirs {
		if strings.HasPrefix(name+"/", d) {
			return true
		}
	}
	if rest, ok := strings.CutPrefix(name, "usr/share/doc/"); ok && kind != tar.TypeSymlink {
		_, file, below := strings.Cut(rest, "/")
		return !below || file != "copyright" // the folder is made with the file
	}
	return false
}

// claim takes a path for a package. It gives true if the path is free, false
// if the same thing is there; anything else is an error. A regular file that
// is there is "the same" for now; settle compares the bytes. The caller holds
// t.mu.
func (t *tree) claim(name string, c claim) (bool, error) {
	old, taken := t.claims[name]
	switch {
	case !taken:
		t.claims[name] = c
		return true, nil
	case old.kind == c.kind && old.link == c.link:
		return false, nil
	case old.deb == ours && old.kind == tar.TypeSymlink && (c.kind == tar.TypeDir || path.Clean("/"+c.link) == "/"+old.link):
		return false, nil // /bin as a folder, or as an absolute link, of a package
	}
	return false, fmt.Errorf("/%s is %s in %s, and %s in %s", name, old, old.deb, c, c.deb)
}

// claim takes a path for the writer's package; see tree.claim.
func (w *writer) claim(name string, kind byte, link string) (bool, error) {
	w.tree.mu.Lock()
	defer w.tree.mu.Unlock()
	return w.tree.claim(name, claim{deb: w.deb, kind: kind, link: link})
}

// String says in words what is at the path.
func (c claim) String() string {
	switch c.kind {
	case tar.TypeDir:
		return "a folder"
	case tar.TypeSymlink:
		return "a link to " + c.link
	case tar.TypeLink:
		return "a hard link to " + c.link
	}
	return "a file"
}

// writer writes the entries of one package.
type writer struct {
	tree *tree
	ctx  context.Context
	deb  string
	buf  []byte

	name string   // of the folder that was last written to
	dir  *os.Root // that folder; nil: none
}

// leave lets go of the folder that was last written to.
func (w *writer) leave() {
	if w.dir != nil {
		_ = w.dir.Close()
		w.dir = nil
	}
}

// in gives the folder that holds name, made if needed. Entries come folder by
// folder, so it is mostly open already.
func (w *writer) in(name string) (*os.Root, error) {
	parent := path.Dir(name)
	if parent == "." {
		return w.tree.root, nil
	}
	if w.dir != nil && w.name == parent {
		return w.dir, nil
	}
	if err := w.folder(parent); err != nil {
		return nil, err
	}
	w.leave()
	dir, err := w.tree.root.OpenRoot(parent)
	if err != nil {
		return nil, err
	}
	w.name, w.dir = parent, dir
	return dir, nil
}

// folder makes a folder, and those above it.
func (w *writer) folder(name string) error {
	if parent := path.Dir(name); parent != "." {
		if err := w.folder(parent); err != nil {
			return err
		}
	}
	t := w.tree
	t.mu.Lock() // until it is made: others want to write into it
	defer t.mu.Unlock()
	isNew, err := t.claim(name, claim{deb: w.deb, kind: tar.TypeDir})
	if err != nil || !isNew {
		return err
	}
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return t.root.Chmod(name, 0o755) // whatever the umask
}

func (w *writer) file(name string, h *tar.Header, content io.Reader) error {
	dir, err := w.in(name)
	if err != nil {
		return err
	}
	isNew, err := w.claim(name, tar.TypeReg, "")
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	content = ctxReader{w.ctx, content}
	if !isNew {
		return w.double(name, mode, h.ModTime, content)
	}
	base := path.Base(name)
	f, err := dir.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{f}, content, w.buf)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return dir.Chtimes(base, h.ModTime, h.ModTime)
}

// double notes a file that another package has as well.
func (w *writer) double(name string, mode fs.FileMode, mtime time.Time, content io.Reader) error {
	d := double{name: name, deb: w.deb, mode: mode, time: mtime}
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, content, w.buf); err != nil {
		return err
	}
	sum.Sum(d.sum[:0])
	w.tree.mu.Lock()
	defer w.tree.mu.Unlock()
	w.tree.doubles = append(w.tree.doubles, d)
	return nil
}

func (w *writer) symlink(name, target string) error {
	dir, err := w.in(name)
	if err != nil {
		return err
	}
	isNew, err := w.claim(name, tar.TypeSymlink, target)
	if err != nil || !isNew {
		return err
	}
	return dir.Symlink(target, path.Base(name))
}

func (w *writer) hardlink(name, target string) error {
	if _, err := w.in(name); err != nil {
		return err
	}
	isNew, err := w.claim(name, tar.TypeLink, target)
	if err != nil || !isNew {
		return err
	}
	w.tree.mu.Lock()
	owner := w.tree.claims[target].deb
	w.tree.mu.Unlock()
	if owner != w.deb {
		return fmt.Errorf("a hard link to /%s, which is not of this package", target)
	}
	return w.tree.root.Link(target, name)
}

// settle compares the files that several packages have.
func (t *tree) settle() error {
	for _, d := range t.doubles {
		info, err := t.root.Lstat(d.name)
		if err != nil {
			return err
		}
		f, err := t.root.Open(d.name)
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		if !bytes.Equal(sum.Sum(nil), d.sum[:]) || info.Mode().Perm() != d.mode {
			return fmt.Errorf("/%s of %s and of %s differ", d.name, t.claims[d.name].deb, d.deb)
		}
		if d.time.Before(info.ModTime()) { // the same, whoever came first
			if err := t.root.Chtimes(d.name, d.time, d.time); err != nil {
				return err
			}
		}
	}
	return nil
}

// ctxReader ends with ctx.
type ctxReader struct {
	ctx context.Context
	io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// onlyWriter hides an *os.File's ReadFrom, which would not use our buffer.
type onlyWriter struct{ io.Writer }
