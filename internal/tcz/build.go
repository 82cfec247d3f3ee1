package tcz

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
)

// Version is the version of the code that makes packages: an input to keys.
const Version = "4"

// Ext is the ending of a package's file name.
const Ext = ".tcz"

// Options says what package to build. All but LogPath are required.
type Options struct {
	Arch       arch.Arch
	Definition Definition
	Debs       []Deb    // the definition's Debian packages and all that these depend on
	Provided   []string // the files of the packages that it depends on, also indirectly
	Runner     sandbox.Runner
	Work       string // empty folder to work in; what is left there is of no use
	Out        string // folder for the package and the files beside it
	Time       time.Time
	Stage      *report.Stage
}

// Tools are the programs that Build runs, for a host that brings its own.
func Tools() []sandbox.Tool {
	return []sandbox.Tool{{Name: "mksquashfs", Reason: "makes packages", Package: "squashfs-tools"}}
}

// Packages are the Debian packages that have the programs that Build runs.
func Packages() []string { return []string{"squashfs-tools"} }

// Build makes a package and the files beside it in Out.
func Build(ctx context.Context, opt Options) error {
	d := &opt.Definition
	err := build(ctx, opt, d)
	if known := (*fault.Error)(nil); err == nil || ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	return fault.New(fault.Build, "make package", d.Name, err, "")
}

func build(ctx context.Context, opt Options, d *Definition) error {
	index, err := unpack(ctx, opt.Debs, filepath.Join(opt.Work, "debian"), opt.Stage)
	if err != nil {
		return err
	}
	provided := map[string]bool{}
	for _, name := range opt.Provided {
		provided[name] = true
	}
	c := newChoice(opt.Arch, index, provided)
	if err := c.definition(d); err != nil {
		return err
	}
	if err := c.licences(); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	if d.Whole {
		ch, err := c.chores(opt.Debs)
		if err != nil {
			return err
		}
		c.with(d, ch)
	}
	for _, name := range c.left {
		opt.Stage.Log("left out /" + name + ", a link to nothing")
	}
	staged, err := stage(c, d, filepath.Join(opt.Work, rootDir))
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := squash(ctx, opt, index.newest); err != nil {
		return err
	}
	return beside(opt, c, staged)
}

const rootDir = "root" // in Work: the package laid out

// The compressor and its block size, by measurement: compression.md has the figures.
var compression = []string{"-comp", "zstd", "-Xcompression-level", "22", "-b", "64K", "-no-fragments"}

// Compression tells how packages are compressed: an input to keys.
func Compression() string { return strings.Join(compression, " ") }

// made orders packages by their newest Debian package first, and then by the Floe that
// made them: the day of the one, and in the seconds of that day the days of the other.
func made(newest, floe time.Time) time.Time {
	const day = 24 * time.Hour
	if newest.IsZero() {
		newest = time.Unix(0, 0)
	}
	return newest.UTC().Truncate(day).Add(time.Duration(floe.Unix()/int64(day/time.Second)) * time.Second)
}

// squash makes the file system: everything belongs to root, has the time that
// was asked for and no extended attributes. It says itself when it was made: of two, a
// machine takes the newer one.
func squash(ctx context.Context, opt Options, newest time.Time) error {
	name := opt.Definition.Name + Ext
	stamp, made := fmt.Sprint(opt.Time.Unix()), made(newest, opt.Time)
	args := []string{"mksquashfs", rootDir, name, "-noappend", "-no-progress", "-quiet", "-all-root", "-no-xattrs",
		"-no-exports", "-mkfs-time", fmt.Sprint(made.Unix()), "-all-time", stamp}
	err := opt.Runner.Run(ctx, sandbox.Command{Args: append(args, compression...), Work: opt.Work})
	if err != nil {
		return err
	}
	return os.Rename(filepath.Join(opt.Work, name), filepath.Join(opt.Out, name))
}

// beside writes what stands beside a package.
func beside(opt Options, c *choice, staged *stager) error {
	d := &opt.Definition
	name := d.Name + Ext
	sum, size, err := digest(filepath.Join(opt.Out, name))
	if err != nil {
		return err
	}
	var deps, list strings.Builder
	for _, dep := range d.Depends {
		deps.WriteString(dep + Ext + "\n")
	}
	for _, f := range staged.files {
		list.WriteString(f + "\n")
	}
	for ext, text := range map[string]string{
		".dep": deps.String(), ".list": list.String(), ".sha256": sum + "  " + name + "\n", ".info": info(opt, c, staged.changed, size),
	} {
		if err := os.WriteFile(filepath.Join(opt.Out, name+ext), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func digest(name string) (sum string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// info is the .info file, in the fields of Tiny Core's.
func info(opt Options, c *choice, changed []string, size int64) string {
	d := &opt.Definition
	versions := map[string]string{}
	for _, deb := range opt.Debs {
		versions[deb.Name] = deb.Version
	}
	version := opt.Time.UTC().Format(time.DateOnly)
	if len(d.Debian) > 0 {
		version = versions[d.Debian[0]]
	}
	var b bytes.Buffer
	field := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s%s\n", name+":", fmt.Sprintf(format, args...))
	}
	field("Title", "%s", d.Name+Ext)
	field("Description", "%s", d.Title)
	field("Version", "%s", version)
	field("Original-site", "%s", d.Site)
	field("Copying-policy", "see usr/share/doc/*/copyright in the package")
	field("Size", "%d", size)
	field("Extension_by", madeFor+"%s", opt.Arch)
	for _, what := range changed {
		field("Changed", "%s", what)
	}
	for i, deb := range c.debs() {
		label := "Made-from"
		if i > 0 {
			b.WriteString(strings.Repeat(" ", 16) + deb + " " + versions[deb] + "\n")
			continue
		}
		field(label, "%s %s", deb, versions[deb])
	}
	return b.String()
}

// ReadList reads the .list file of a package that was built in dir.
func ReadList(dir, name string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, name+Ext+".list"))
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' }), nil
}

// madeFor stands before the architecture in an .info file.
const madeFor = "floe, for "

// MadeFor reads from what stands beside a package which machines it is for; "" if
// that does not say.
func MadeFor(dir, name string) (arch.Arch, error) {
	data, err := os.ReadFile(filepath.Join(dir, name+Ext+".info"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if _, a, ok := strings.Cut(line, madeFor); ok && strings.HasPrefix(line, "Extension_by:") {
			return arch.Parse(strings.TrimSpace(a))
		}
	}
	return "", nil
}
