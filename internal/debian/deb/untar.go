package deb

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrUnsafe says that an archive's entry would reach outside its folder.
var ErrUnsafe = errors.New("the entry reaches outside the folder")

// Untar unpacks a plain tar stream into the folder dir, which is made if it is
// not there. It is meant for source trees: of modes it keeps whether a file
// may be executed (0755 or 0644), owners are ignored, and modification times
// are kept. Entries whose name or link leads out of dir are refused, and so
// are devices and the like.
//
// It returns the latest modification time of the entries.
func Untar(ctx context.Context, r io.Reader, dir string) (time.Time, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return time.Time{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return time.Time{}, err
	}
	defer root.Close()
	u := &untar{root: root, made: map[string]bool{".": true}, buf: make([]byte, 128<<10)}
	defer u.leave()
	t := tar.NewReader(WithContext(ctx, r))
	for {
		h, err := t.Next()
		if err == io.EOF {
			return u.newest, u.finish()
		}
		if err != nil {
			return u.newest, err
		}
		if err := u.entry(h, t); err != nil {
			return u.newest, fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
}

type untar struct {
	root   *os.Root
	made   map[string]bool // folders that are there
	dirs   []*tar.Header   // whose times are set at the end
	newest time.Time
	buf    []byte

	// The folder of the last file stays open: most entries are beside the one
	// before, and every element of a path costs a system call.
	at     string
	parent *os.Root
}

// enter gives the folder of that name.
func (u *untar) enter(name string) (*os.Root, error) {
	if u.parent != nil && u.at == name {
		return u.parent, nil
	}
	u.leave()
	parent, err := u.root.OpenRoot(name)
	if err != nil {
		return nil, escape(err)
	}
	u.at, u.parent = name, parent
	return parent, nil
}

func (u *untar) leave() {
	if u.parent != nil {
		u.parent.Close()
		u.parent = nil
	}
}

// inside gives an entry's name in clean form below the folder.
func inside(name string) (string, error) {
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(name, 0) {
		return "", ErrUnsafe
	}
	return clean, nil
}

func (u *untar) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := inside(h.Name)
	if err != nil {
		return err
	}
	if h.ModTime.After(u.newest) {
		u.newest = h.ModTime
	}
	if h.Typeflag == tar.TypeDir {
		u.dirs = append(u.dirs, h)
		return u.mkdir(name)
	}
	if err := u.mkdir(path.Dir(name)); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return u.regular(name, h, content)
	case tar.TypeSymlink:
		if _, err := inside(path.Join(path.Dir(name), h.Linkname)); err != nil || path.IsAbs(h.Linkname) {
			return fmt.Errorf("%w: link to %s", ErrUnsafe, h.Linkname)
		}
		return u.fresh(name, func() error { return u.root.Symlink(h.Linkname, name) })
	case tar.TypeLink:
		target, err := inside(h.Linkname)
		if err != nil {
			return fmt.Errorf("%w: link to %s", ErrUnsafe, h.Linkname)
		}
		return u.fresh(name, func() error { return u.root.Link(target, name) })
	}
	return fmt.Errorf("entries of type %q are not unpacked", h.Typeflag)
}

// mkdir makes a folder and those above it.
func (u *untar) mkdir(name string) error {
	if u.made[name] {
		return nil
	}
	if err := u.root.MkdirAll(name, 0o755); err != nil {
		return escape(err)
	}
	u.made[name] = true
	return nil
}

// escape marks the error with which os.Root refuses a path through a link that
// leads outside.
func escape(err error) error {
	if err != nil && strings.Contains(err.Error(), "escapes") {
		return fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	return err
}

// fresh makes name anew, in place of what an earlier entry of that name left.
func (u *untar) fresh(name string, create func() error) error {
	err := create()
	if errors.Is(err, fs.ErrExist) {
		if err := u.root.Remove(name); err != nil {
			return err
		}
		err = create()
	}
	return escape(err)
}

func (u *untar) regular(name string, h *tar.Header, content io.Reader) error {
	parent, err := u.enter(path.Dir(name))
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	base := path.Base(name)
	return u.fresh(name, func() error {
		f, err := parent.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.CopyBuffer(struct{ io.Writer }{f}, content, u.buf); err != nil {
			return err
		}
		if err := f.Chmod(mode); err != nil { // whatever the umask
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return parent.Chtimes(base, h.ModTime, h.ModTime)
	})
}

// finish sets the times of folders, the deepest first, now that nothing
// changes in them any more.
func (u *untar) finish() error {
	for i := len(u.dirs) - 1; i >= 0; i-- {
		h := u.dirs[i]
		if err := u.root.Chtimes(filepath.Clean(h.Name), h.ModTime, h.ModTime); err != nil {
			return err
		}
	}
	return nil
}
