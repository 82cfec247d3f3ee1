// Package deb reads Debian's packages: the binary .deb (deb(5)) and source
// packages (dsc(5), formats 1.0, 3.0 (native) and 3.0 (quilt)).
//
// It verifies no checksum and no signature: it is given files that the
// package above has verified. It runs nothing, neither maintainer scripts nor
// patch: patches are applied here, in Go.
package deb

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"floe/internal/debian/deb822"
)

// ErrFormat is the class of errors of a file that is not what its name says.
var ErrFormat = errors.New("not a Debian package")

// Reader reads a binary package from front to back.
type Reader struct {
	Control  deb822.Paragraph // the package's control file
	PostInst string           // its postinst script (deb-postinst(5)); may be empty
	data     *tar.Reader
	file     *os.File
	plain    io.ReadCloser
	members  *arReader
}

// Open opens a .deb, reads its control file and stands before the first entry
// of its data archive.
func Open(name string) (*Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r := &Reader{file: f}
	if err := r.open(); err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}

// open follows deb(5): "debian-binary", then the control archive, then the
// data archive. Members whose name starts with an underscore are passed over.
func (r *Reader) open() error {
	var err error
	if r.members, err = newArReader(r.file); err != nil {
		return err
	}
	name, err := r.members.control()
	if err != nil {
		return err
	}
	if err = r.readControl(name); err != nil {
		return err
	}
	if name, err = r.members.data(); err != nil {
		return err
	}
	if r.plain, err = Decompress(name, r.members); err != nil {
		return err
	}
	r.data = tar.NewReader(r.plain)
	return nil
}

// maxPostInst is how long a script may be, in bytes; the longest of Debian 13
// have some ten thousand.
const maxPostInst = 1 << 20

// readControl reads what is of use in the control archive.
func (r *Reader) readControl(name string) error {
	plain, err := Decompress(name, r.members)
	if err != nil {
		return err
	}
	defer plain.Close()
	t := tar.NewReader(plain)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch path.Clean(h.Name) {
		case "control":
			r.Control, err = deb822.NewReader(t).Next()
		case "postinst":
			var text []byte
			text, err = io.ReadAll(io.LimitReader(t, maxPostInst))
			r.PostInst = string(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.Control == nil {
		return fmt.Errorf("%w: no control file", ErrFormat)
	}
	return nil
}

// Next goes to the next entry of the data archive, or gives io.EOF. Names are
// as in the archive, mostly with "./" in front; it is for the caller to keep
// them within a folder. Read then reads the entry's content.
func (r *Reader) Next() (*tar.Header, error) { return r.data.Next() }

// Read reads from the current entry.
func (r *Reader) Read(p []byte) (int, error) { return r.data.Read(p) }

// Close closes the package.
func (r *Reader) Close() error {
	r.plain.Close()
	return r.file.Close()
}

// Data gives the data archive of a .deb as it is, compressed: the name of its
// member, whose ending tells how ("data.tar.xz"), and its bytes.
func Data(r io.Reader) (name string, data io.Reader, err error) {
	members, err := newArReader(r)
	if err != nil {
		return "", nil, err
	}
	if _, err := members.control(); err != nil {
		return "", nil, err
	}
	name, err = members.data()
	return name, members, err
}

// arReader reads the common ar format (ar(5)), in which a .deb is.
type arReader struct {
	r    io.Reader
	left int64 // of the current member
	pad  int64 // 0 or 1 byte after it
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

func newArReader(r io.Reader) (*arReader, error) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != arMagic {
		return nil, fmt.Errorf("%w: it does not start as an ar archive", ErrFormat)
	}
	return &arReader{r: r}, nil
}

// next goes to the next member and gives its name.
func (a *arReader) next() (string, error) {
	if _, err := io.CopyN(io.Discard, a.r, a.left+a.pad); err != nil {
		return "", fmt.Errorf("%w: it ends within a member", ErrFormat)
	}
	a.left, a.pad = 0, 0
	var h [arHeader]byte
	if _, err := io.ReadFull(a.r, h[:]); err == io.EOF {
		return "", io.EOF
	} else if err != nil || string(h[58:]) != "`\n" {
		return "", fmt.Errorf("%w: damaged ar header", ErrFormat)
	}
	size, err := strconv.ParseInt(strings.TrimSpace(string(h[48:58])), 10, 64)
	if err != nil || size < 0 {
		return "", fmt.Errorf("%w: damaged ar header", ErrFormat)
	}
	a.left, a.pad = size, size%2
	return strings.TrimSuffix(strings.TrimSpace(string(h[:16])), "/"), nil
}

// member goes to the next member that means something.
func (a *arReader) member() (string, error) {
	for {
		name, err := a.next()
		if err == io.EOF {
			return "", fmt.Errorf("%w: it ends too early", ErrFormat)
		}
		if err != nil || !strings.HasPrefix(name, "_") {
			return name, err
		}
	}
}

// control goes to the control archive, past the format's version.
func (a *arReader) control() (string, error) {
	name, err := a.member()
	if err != nil {
		return "", err
	}
	version, err := io.ReadAll(io.LimitReader(a, 64))
	if err != nil {
		return "", err
	}
	if name != "debian-binary" || !bytes.HasPrefix(version, []byte("2.")) {
		return "", fmt.Errorf("%w: format %q of member %q is not 2.0", ErrFormat, bytes.TrimSpace(version), name)
	}
	return a.expect("control.tar")
}

// data goes from the control archive to the data archive.
func (a *arReader) data() (string, error) { return a.expect("data.tar") }

// expect goes to the next member, whose name must begin so.
func (a *arReader) expect(prefix string) (string, error) {
	name, err := a.member()
	if err == nil && !strings.HasPrefix(name, prefix) {
		err = fmt.Errorf("%w: member %q where %s is expected", ErrFormat, name, prefix)
	}
	return name, err
}

// Read reads from the current member.
func (a *arReader) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > a.left {
		p = p[:a.left]
	}
	n, err := a.r.Read(p)
	a.left -= int64(n)
	if err == io.EOF && a.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
