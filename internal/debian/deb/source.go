package deb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"floe/internal/debian/deb822"

	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

// Source is an unpacked source package.
type Source struct {
	Name    string
	Version string
	Format  string   // "1.0", "3.0 (native)" or "3.0 (quilt)"
	Patches []string // of debian/patches, in the order in which they were applied
	// Date is the latest modification time in the Debian part. Patched files
	// have it as theirs, so that they are newer than what is made from them
	// upstream, and the same on every host.
	Date time.Time
}

// UnpackSource unpacks a source package into the folder dir, which must be
// empty or not there, and applies its patches. files maps the names of the
// .dsc file and of all that it names to where they are.
//
// The maintainer's signature in the .dsc is not checked: files come from an
// index whose checksums are signed.
func UnpackSource(ctx context.Context, files map[string]string, dir string) (*Source, error) {
	u := &unpacker{ctx: ctx, files: files, dir: dir}
	if err := u.readDSC(); err != nil {
		return nil, err
	}
	if err := u.unpack(); err != nil {
		return nil, fmt.Errorf("unpack the source package %s %s: %w", u.src.Name, u.src.Version, err)
	}
	return &u.src, nil
}

type unpacker struct {
	ctx   context.Context
	files map[string]string
	dir   string
	src   Source
	names []string // of the .dsc's files
}

func (u *unpacker) readDSC() error {
	name := ""
	for n := range u.files {
		if strings.HasSuffix(n, ".dsc") {
			if name != "" {
				return fmt.Errorf("unpack a source package: both %s and %s given", min(n, name), max(n, name))
			}
			name = n
		}
	}
	if name == "" {
		return errors.New("unpack a source package: no .dsc file given")
	}
	text, err := os.ReadFile(u.files[name])
	if err != nil {
		return err
	}
	if block, _ := clearsign.Decode(text); block != nil {
		text = block.Plaintext
	}
	p, err := deb822.NewReader(bytes.NewReader(text)).Next()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	u.src = Source{Name: p.Get("Source"), Version: p.Get("Version"), Format: p.Get("Format")}
	for _, line := range p.Lines("Checksums-Sha256") {
		words := strings.Fields(line)
		if len(words) != 3 || filepath.Base(words[2]) != words[2] {
			return fmt.Errorf("read %s: %q is not a line of checksum, size and name", name, line)
		}
		if u.files[words[2]] == "" {
			return fmt.Errorf("%s names %s, which was not given", name, words[2])
		}
		u.names = append(u.names, words[2])
	}
	slices.Sort(u.names)
	return nil
}

// unpack follows dpkg-source(1), "SOURCE PACKAGE FORMATS".
func (u *unpacker) unpack() error {
	if entries, err := os.ReadDir(u.dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", u.dir)
	}
	switch u.src.Format {
	case "3.0 (native)":
		return u.unpackNative()
	case "3.0 (quilt)":
		return u.unpackQuilt()
	case "1.0":
		if u.match(origTar) == "" {
			return u.unpackNative()
		}
		return u.unpackDiff()
	}
	return fmt.Errorf("source format %q is not supported", u.src.Format)
}

// The kinds of files of a source package, by name.
const (
	anyTar       = `\.tar\.(xz|gz|bz2|zst)$`
	origTar      = `\.orig` + anyTar
	componentTar = `\.orig-([A-Za-z0-9][-A-Za-z0-9]*)` + anyTar
	debianTar    = `\.debian` + anyTar
	oldDiff      = `\.diff\.(xz|gz|bz2)$`
)

// match gives the first file of a kind, or "".
func (u *unpacker) match(kind string) string {
	for _, n := range u.names {
		if regexp.MustCompile(kind).MatchString(n) {
			return n
		}
	}
	return ""
}

func (u *unpacker) need(kind, what string) (string, error) {
	if n := u.match(kind); n != "" {
		return n, nil
	}
	return "", fmt.Errorf("the .dsc names no %s", what)
}

func (u *unpacker) unpackNative() error {
	name, err := u.need(anyTar, "tar archive")
	if err != nil {
		return err
	}
	u.src.Date, err = u.tree(name, u.dir)
	return err
}

func (u *unpacker) unpackDiff() error {
	name, err := u.need(origTar, "upstream archive")
	if err != nil {
		return err
	}
	if u.src.Date, err = u.tree(name, u.dir); err != nil {
		return err
	}
	if name = u.match(oldDiff); name == "" {
		return nil
	}
	diff, err := readAll(u.ctx, u.files[name], name)
	if err != nil {
		return err
	}
	return u.patch(name, diff)
}

func (u *unpacker) unpackQuilt() error {
	orig, err := u.need(origTar, "upstream archive")
	if err != nil {
		return err
	}
	changes, err := u.need(debianTar, "Debian archive")
	if err != nil {
		return err
	}
	if _, err := u.tree(orig, u.dir); err != nil {
		return err
	}
	component := regexp.MustCompile(componentTar)
	for _, n := range u.names {
		if m := component.FindStringSubmatch(n); m != nil {
			target := filepath.Join(u.dir, m[1])
			if err := os.RemoveAll(target); err != nil {
				return err
			}
			if _, err := u.tree(n, target); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(filepath.Join(u.dir, "debian")); err != nil {
		return err
	}
	if u.src.Date, err = u.untar(changes, u.dir); err != nil {
		return err
	}
	return u.applySeries()
}

func (u *unpacker) untar(name, dir string) (time.Time, error) {
	f, err := os.Open(u.files[name])
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	plain, err := Decompress(name, f)
	if err != nil {
		return time.Time{}, err
	}
	defer plain.Close()
	date, err := Untar(u.ctx, plain, dir)
	if err != nil {
		return date, fmt.Errorf("%s: %w", name, err)
	}
	return date, nil
}

// tree unpacks an archive to dir. A single folder that holds all the rest
// loses its name.
func (u *unpacker) tree(name, dir string) (time.Time, error) {
	above := filepath.Dir(dir)
	if err := os.MkdirAll(above, 0o755); err != nil {
		return time.Time{}, err
	}
	temp, err := os.MkdirTemp(above, ".unpack-*")
	if err != nil {
		return time.Time{}, err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return time.Time{}, err
	}
	date, err := u.untar(name, temp)
	if err != nil {
		return date, err
	}
	from := temp
	if entries, err := os.ReadDir(temp); err == nil && len(entries) == 1 && entries[0].IsDir() {
		from = filepath.Join(temp, entries[0].Name())
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return date, err
	}
	return date, os.Rename(from, dir)
}

// applySeries applies debian/patches/series, or the list that Debian keeps for
// itself beside it.
func (u *unpacker) applySeries() error {
	patches := filepath.Join(u.dir, "debian", "patches")
	var list []byte
	err := fs.ErrNotExist
	for _, name := range []string{"debian.series", "series"} {
		if list, err = os.ReadFile(filepath.Join(patches, name)); err == nil {
			break
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := parseSeries(string(list))
	if err != nil {
		return err
	}
	for _, name := range names {
		if u.ctx.Err() != nil {
			return context.Cause(u.ctx)
		}
		diff, err := readInside(patches, name)
		if err != nil {
			return err
		}
		if err := u.patch(name, diff); err != nil {
			return err
		}
	}
	return nil
}

// parseSeries reads quilt's list of patches: a name on each line, perhaps with
// the option -p1, comments after "#".
func parseSeries(text string) ([]string, error) {
	var names []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case len(words) > 2 || len(words) == 2 && words[1] != "-p1":
			return nil, fmt.Errorf("series: options in %q are not supported", strings.TrimSpace(line))
		}
		names = append(names, words[0])
	}
	return names, nil
}

// readInside reads a file below dir that a list names.
func readInside(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(name)
}

// patch applies one patch and dates what it changed.
func (u *unpacker) patch(name string, diff []byte) error {
	changed, err := ApplyPatch(u.dir, diff)
	if err != nil {
		return fmt.Errorf("apply %s: %w", name, err)
	}
	u.src.Patches = append(u.src.Patches, name)
	for _, c := range changed {
		if err := os.Chtimes(filepath.Join(u.dir, c), u.src.Date, u.src.Date); err != nil {
			return err
		}
	}
	return nil
}

func readAll(ctx context.Context, file, name string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := Decompress(name, WithContext(ctx, f))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(plain)
	return out.Bytes(), err
}
