// Package initramfs makes the cpio archives that the Linux kernel unpacks
// into its first root file system, and compresses them.
//
// The form is "newc", as described in the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst, written with
// cavaliergopher/cpio. What the kernel does with an archive sets the rules
// here: a file whose folder was not listed before it is dropped without a
// word, and whatever no longer fits into the RAM disk (half of the memory) is
// lost with no more than a line in the log. So folders come before what is in
// them, essential files before the others, and a sentinel last, by which init
// can tell that everything arrived.
//
// It makes no device nodes (the kernel's own built-in archive has
// /dev/console), no hard links and no extended attributes, and it reads
// nothing from the file system of the host: names, owners, modes and times are
// all given.
package initramfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
)

// Limits of the kernel's reader and of the newc header's 32-bit fields.
const (
	pathMax   = 4096 // PATH_MAX, including the NUL at the end
	permMask  = 0o7777
	trailer   = "TRAILER!!!" // the name that ends an archive
	pageBytes = 4096         // what a file's content is rounded up to in rootfs
)

// place is the class in which an entry is written; lower comes first.
type place int

const (
	essential place = iota
	ordinary
	sentinel
)

// Entry is one name in an archive.
type Entry struct {
	Path   string // relative to the root, without a slash at either end
	Mode   uint32 // file type and permissions as in struct stat's st_mode
	UID    int
	GID    int
	Size   int64  // bytes of content; of a symbolic link: of its target
	Target string // of a symbolic link
}

type entry struct {
	path    string
	mode    cpio.FileMode
	uid     int
	gid     int
	content []byte // of a symbolic link: its target
	place   place
}

// Archive collects entries and writes them in an order that the kernel can
// use. Its methods may be called in any order; the first mistake made with
// them is kept and returned by WriteTo, Bytes and Err.
type Archive struct {
	mtime   time.Time
	entries map[string]*entry
	front   map[string]bool // named by Essential
	last    string          // named by Last
	err     error
}

// New returns an empty archive whose entries all carry mtime, in whole seconds.
func New(mtime time.Time) *Archive {
	a := &Archive{mtime: mtime, entries: map[string]*entry{}, front: map[string]bool{}}
	if s := mtime.Unix(); s < 0 || s > math.MaxUint32 {
		a.fail("", fmt.Errorf("time %s does not fit a cpio header", mtime.UTC().Format(time.RFC3339)))
	}
	return a
}

// Dir adds a folder. Mode is its permissions, such as 0o755. An archive that
// is unpacked after another sets owner and mode of the folders it names anew:
// an overlay must give them as the archive below it does.
func (a *Archive) Dir(name string, mode uint32, uid, gid int) {
	a.add(name, cpio.TypeDir, mode, uid, gid, nil)
}

// File adds a regular file. Mode is its permissions, set-uid, set-gid and
// sticky bits included, such as 0o4755. The content is kept, not copied.
func (a *Archive) File(name string, mode uint32, uid, gid int, content []byte) {
	a.add(name, cpio.TypeReg, mode, uid, gid, content)
}

// Symlink adds a symbolic link, owned by root.
func (a *Archive) Symlink(name, target string) {
	if target == "" || len(target) >= pathMax || strings.ContainsRune(target, 0) {
		a.fail(name, fmt.Errorf("link target %q: empty, too long or with a NUL", target))
		return
	}
	a.add(name, cpio.TypeSymlink, 0o777, 0, 0, []byte(target))
}

// Essential marks paths that must arrive even where memory is short: they are
// written first, with the folders above them.
func (a *Archive) Essential(names ...string) {
	for _, name := range names {
		for p := clean(name); p != "."; p = path.Dir(p) {
			a.front[p] = true
		}
	}
}

// Last marks the path that is written after every other one.
func (a *Archive) Last(name string) { a.last = clean(name) }

// Err gives the first mistake, including those that only the whole archive
// shows: a folder not listed, something marked that is not there.
func (a *Archive) Err() error {
	_, err := a.ordered()
	return err
}

func (a *Archive) fail(name string, err error) {
	if a.err != nil {
		return
	}
	if name != "" {
		err = fmt.Errorf("%s: %w", name, err)
	}
	a.err = fmt.Errorf("initramfs: %w", err)
}

// clean drops a slash at the start, so that both "/init" and "init" name init.
func clean(name string) string { return strings.TrimPrefix(name, "/") }

func (a *Archive) add(name string, kind cpio.FileMode, mode uint32, uid, gid int, content []byte) {
	p := clean(name)
	switch {
	case !fs.ValidPath(p) || p == "." || p == trailer || len(p) >= pathMax || strings.ContainsRune(p, 0):
		a.fail(name, errors.New("not a path that an archive can hold"))
	case mode&^permMask != 0:
		a.fail(name, fmt.Errorf("mode %#o has more than permission bits", mode))
	case uid < 0 || gid < 0 || int64(uid) > math.MaxUint32 || int64(gid) > math.MaxUint32:
		a.fail(name, fmt.Errorf("owner %d:%d does not fit a cpio header", uid, gid))
	case int64(len(content)) > math.MaxUint32:
		a.fail(name, errors.New("too large for a cpio header"))
	case a.entries[p] != nil:
		a.fail(name, errors.New("is in the archive already"))
	default:
		a.entries[p] = &entry{path: p, mode: kind | cpio.FileMode(mode), uid: uid, gid: gid, content: content, place: ordinary}
	}
}

// kind is the file type of an entry. The library's IsDir and IsRegular are of
// no use: the one takes block devices for folders, the other does not know a
// set-uid file.
func (e *entry) kind() cpio.FileMode { return e.mode & cpio.ModeType }

// ordered checks the whole archive and gives its entries in writing order.
func (a *Archive) ordered() ([]*entry, error) {
	if a.err != nil {
		return nil, a.err
	}
	list := make([]*entry, 0, len(a.entries))
	for p, e := range a.entries {
		e.place = ordinary
		if a.front[p] {
			e.place = essential
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(x, y *entry) int { return strings.Compare(x.path, y.path) })
	for _, e := range list { // sorted, so that the error named is always the same one
		if err := a.checkParent(e.path); err != nil {
			return nil, err
		}
	}
	if err := a.checkMarks(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(x, y *entry) int { return int(x.place - y.place) })
	return list, nil
}

func (a *Archive) checkParent(p string) error {
	dir := path.Dir(p)
	if dir == "." {
		return nil
	}
	switch parent := a.entries[dir]; {
	case parent == nil:
		return fmt.Errorf("initramfs: %s: its folder is not in the archive; the kernel would drop it", p)
	case parent.kind() != cpio.TypeDir:
		return fmt.Errorf("initramfs: %s: %s is not a folder", p, dir)
	}
	return nil
}

func (a *Archive) checkMarks() error {
	for _, p := range slices.Sorted(maps.Keys(a.front)) {
		if a.entries[p] == nil {
			return fmt.Errorf("initramfs: %s: marked as essential, but not in the archive", p)
		}
	}
	if a.last == "" {
		return nil
	}
	e := a.entries[a.last]
	switch {
	case e == nil:
		return fmt.Errorf("initramfs: %s: marked as last, but not in the archive", a.last)
	case e.kind() == cpio.TypeDir || a.front[a.last]:
		return fmt.Errorf("initramfs: %s: a folder or an essential file cannot be last", a.last)
	}
	e.place = sentinel
	return nil
}

// Entries lists what WriteTo will write, in that order.
func (a *Archive) Entries() ([]Entry, error) {
	list, err := a.ordered()
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(list))
	for i, e := range list {
		out[i] = Entry{Path: e.path, Mode: uint32(e.mode), UID: e.uid, GID: e.gid, Size: int64(len(e.content))}
		if e.kind() == cpio.TypeSymlink {
			out[i].Target = string(e.content)
		}
	}
	return out, nil
}

// Memory gives the bytes of RAM that the contents take once unpacked: every
// file rounded up to a page. The kernel's inodes come on top.
func (a *Archive) Memory() int64 {
	var sum int64
	for _, e := range a.entries {
		if e.kind() == cpio.TypeReg {
			sum += (int64(len(e.content)) + pageBytes - 1) / pageBytes * pageBytes
		}
	}
	return sum
}

// Bytes gives the archive, uncompressed. Its length is a multiple of four, so
// that another archive may follow it.
func (a *Archive) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if _, err := a.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// WriteTo writes the archive, uncompressed. The same entries give the same
// bytes, whatever the order in which they were added.
func (a *Archive) WriteTo(w io.Writer) (int64, error) {
	list, err := a.ordered()
	if err != nil {
		return 0, err
	}
	count := &counter{w: w}
	cw := cpio.NewWriter(count)
	for i, e := range list {
		// A fresh header each time: the library writes into the one it is given.
		// Checksum stays unset, since it would switch every later archive of
		// this process to another form.
		h := &cpio.Header{
			Name: e.path, Mode: e.mode, Uid: e.uid, Guid: e.gid, ModTime: a.mtime,
			Size: int64(len(e.content)), Inode: int64(i + 1), Links: 1,
		}
		if e.kind() == cpio.TypeDir {
			h.Links = 2
		}
		if err := cw.WriteHeader(h); err != nil {
			return count.n, fmt.Errorf("initramfs: write %s: %w", e.path, err)
		}
		if len(e.content) > 0 {
			if _, err := cw.Write(e.content); err != nil {
				return count.n, fmt.Errorf("initramfs: write %s: %w", e.path, err)
			}
		}
	}
	if err := cw.Close(); err != nil {
		return count.n, fmt.Errorf("initramfs: write the end of the archive: %w", err)
	}
	return count.n, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
