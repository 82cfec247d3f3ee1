package tcz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"floe/internal/report"
	"floe/internal/sandbox"
)

// Deb is a Debian package to take files from.
type Deb struct {
	Name    string
	Version string
	Path    string // of the .deb, verified
}

// entry is a file or link of a Debian package.
type entry struct {
	deb    string
	host   string // path on the host; "" for a folder
	dir    bool
	target string // of a symbolic link
	exec   bool
}

// index is what the Debian packages hold together, by path without a slash at
// the start. Each is unpacked in a folder of its own, so that it is known
// which of them a file is from.
type index struct {
	entries map[string]entry
	names   []string  // sorted
	newest  time.Time // of the times of files, which dpkg-buildpackage lets be no later than its own
}

// unpackers is how many packages are unpacked at a time.
const unpackers = 2

// systemFiles are what sandbox.Unpack adds for a build.
var systemFiles = []string{"etc/passwd", "etc/group", "etc/hosts"}

func unpack(ctx context.Context, debs []Deb, dir string, stage *report.Stage) (*index, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(unpackers)
	var done atomic.Int64
	for _, d := range debs {
		g.Go(func() error {
			if err := sandbox.Unpack(gctx, []string{d.Path}, filepath.Join(dir, d.Name), nil); err != nil {
				return err
			}
			stage.Progress(done.Add(1), int64(len(debs)), report.Packages)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	x := &index{entries: map[string]entry{}}
	for _, d := range debs {
		if err := x.add(d.Name, filepath.Join(dir, d.Name)); err != nil {
			return nil, err
		}
	}
	for name := range x.entries {
		x.names = append(x.names, name)
	}
	slices.Sort(x.names)
	return x, nil
}

func (x *index) add(deb, dir string) error {
	return filepath.WalkDir(dir, func(host string, e fs.DirEntry, err error) error {
		if err != nil || host == dir {
			return err
		}
		rel, err := filepath.Rel(dir, host)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		old, taken := x.entries[name]
		it := entry{deb: deb, host: host}
		switch {
		case slices.Contains(systemFiles, name):
			return nil
		case e.IsDir():
			it = entry{deb: deb, dir: true}
		case e.Type() == fs.ModeSymlink:
			if it.target, err = os.Readlink(host); err != nil {
				return err
			}
		default:
			info, err := e.Info()
			if err != nil {
				return err
			}
			it.exec = info.Mode()&0o111 != 0
			if info.ModTime().After(x.newest) {
				x.newest = info.ModTime()
			}
		}
		if taken && (old.dir != it.dir || old.target != it.target) {
			return fmt.Errorf("/%s is one thing in %s and another in %s", name, old.deb, deb)
		}
		if !taken {
			x.entries[name] = it
		}
		return nil
	})
}

// maxLinks is how many links are followed: the kernel's MAXSYMLINKS.
const maxLinks = 40

var errCircle = errors.New("too many links")

// resolve follows links, also those among the folders of a path. It gives the
// path of what is there at the end, and every link on the way.
func (x *index) resolve(name string) (end string, links []string, err error) {
	done, rest := "", path.Clean(strings.TrimPrefix(name, "/"))
	for rest != "" && rest != "." {
		first, after, _ := strings.Cut(rest, "/")
		at := path.Join(done, first)
		if !fs.ValidPath(at) {
			return "", links, fmt.Errorf("/%s leads out of the root", name)
		}
		it, ok := x.entries[at]
		switch {
		case !ok:
			return "", links, fmt.Errorf("/%s: %w", at, fs.ErrNotExist)
		case it.target == "":
			done, rest = at, after
			continue
		}
		if links = append(links, at); len(links) > maxLinks {
			return "", links, fmt.Errorf("/%s: %w", name, errCircle)
		}
		next := it.target
		if !path.IsAbs(next) {
			next = path.Join(done, next)
		}
		done, rest = "", path.Join(strings.TrimPrefix(next, "/"), after)
	}
	return done, links, nil
}

// match lists the files and links that a path names: a pattern, or a folder
// with all that is below.
func (x *index) match(pattern string) []string {
	var found []string
	for _, name := range x.names {
		ok, _ := path.Match(pattern, name)
		switch it := x.entries[name]; {
		case ok && !it.dir:
			found = append(found, name)
		case ok:
			found = append(found, x.below(name)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// below lists the files and links below a folder.
func (x *index) below(dir string) []string {
	var found []string
	at, _ := slices.BinarySearch(x.names, dir+"/")
	for _, name := range x.names[at:] {
		if !strings.HasPrefix(name, dir+"/") {
			break
		}
		if !x.entries[name].dir {
			found = append(found, name)
		}
	}
	return found
}
