package sandbox

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"floe/internal/debian/deb"
	"floe/internal/fault"
)

// maxWorkers is how many packages are unpacked at a time, at most: each needs
// some 10 MB for its decompressor, and the disk gains nothing from more.
const maxWorkers = 4

// Unpack unpacks .deb files into dir, which is made if it is not there and
// must be empty, and makes of it a root that a Root can run commands in.
// progress, if not nil, is told each time a package is done.
//
// The same set of packages gives the same tree, whatever their order: modes
// are 0755 for folders and whatever is executable, else 0644 (so no setuid,
// and all of it can be removed), the owner is the caller, a file's time is
// that in its package. Two packages with the same path are an error, unless
// it is the same file, byte for byte. Device nodes are left out, and so are
// manual pages, translations and documentation but for the copyright files.
//
// /usr is merged: /bin, /sbin, /lib and /lib64 are links, and what packages
// have there goes to /usr. Maintainer scripts do not run; the few links that
// they make and builds need are made from a table, where their target is.
func Unpack(ctx context.Context, debs []string, dir string, progress func(done, total int)) error {
	if err := unpackAll(ctx, debs, dir, progress); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("unpack %d packages: stopped: %w", len(debs), ctx.Err())
		}
		var known *fault.Error
		if errors.As(err, &known) {
			return err
		}
		return fault.New(fault.Build, "unpack packages into", dir, err, "")
	}
	return nil
}

func unpackAll(ctx context.Context, debs []string, dir string, progress func(done, total int)) error {
	debs, err := largestFirst(debs)
	if err != nil {
		return err
	}
	if err := emptyDir(dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := newTree(root)
	if err := t.mergeUsr(); err != nil {
		return err
	}

	var mu sync.Mutex
	done := 0
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(min(maxWorkers, runtime.GOMAXPROCS(0)))
	for _, file := range debs {
		g.Go(func() error {
			if err := t.unpack(gctx, file); err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(file), err)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if progress != nil {
				progress(done, len(debs))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := t.settle(); err != nil {
		return err
	}
	return t.finish()
}

// largestFirst sorts by size, so that no worker is left alone with a large
// package at the end.
func largestFirst(debs []string) ([]string, error) {
	size := make(map[string]int64, len(debs))
	for _, d := range debs {
		info, err := os.Stat(d)
		if err != nil {
			return nil, err
		}
		size[d] = info.Size()
	}
	debs = slices.Clone(debs)
	slices.SortFunc(debs, func(a, b string) int {
		return cmp.Or(cmp.Compare(size[b], size[a]), cmp.Compare(a, b))
	})
	return slices.Compact(debs), nil
}

// emptyDir makes dir, or checks that nothing is in it.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err == nil && len(list) > 0 {
		err = errors.New("the folder is not empty")
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755) // whatever the umask
}

// unpack unpacks one package.
func (t *tree) unpack(ctx context.Context, file string) error {
	data, err := deb.Open(file)
	if err != nil {
		return err
	}
	defer data.Close()
	w := &writer{tree: t, ctx: ctx, deb: data.Control.Get("Package") + " " + data.Control.Get("Version"), buf: make([]byte, 256<<10)}
	defer w.leave()
	for {
		h, err := data.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := w.entry(h, data); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// entry puts one entry of a package into the tree.
func (w *writer) entry(h *tar.Header, content io.Reader) error {
	name, err := place(h.Name)
	if err != nil {
		return err
	}
	if name == "." || unwanted(name, h.Typeflag) {
		return nil
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return w.folder(name)
	case tar.TypeReg:
		return w.file(name, h, content)
	case tar.TypeSymlink:
		return w.symlink(name, h.Linkname)
	case tar.TypeLink:
		target, err := place(h.Linkname)
		if err != nil {
			return err
		}
		return w.hardlink(name, target)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("an entry of unknown type %q", h.Typeflag)
}
