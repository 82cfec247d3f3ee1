package userland

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
)

// Options is what the programs are made of. All fields must be set.
//
// The runner's root needs the packages in [Packages].
type Options struct {
	Arch     arch.Arch      // where the programs will run
	Host     arch.Arch      // where the compiler runs
	Busybox  string         // folder of the source package, unpacked and patched; only read
	Dropbear string         // the same
	Runner   sandbox.Runner // where make and gcc run

	// Work is an empty folder: about 90 MB, emptied again when Build returns.
	// Out is where the results go; it must exist.
	Work, Out string

	Jobs    int           // compilers at a time; below 1 counts as 1
	Time    time.Time     // what the programs say about when they were built
	Stage   *report.Stage // told about progress; Build neither starts nor ends it
	LogPath string        // where everything that the tools say is kept
}

// Packages lists the Debian packages, besides their dependencies, that Build's
// commands come from. A cross build also needs gcc-<triplet>, and musl-dev of
// the target's architecture.
func Packages() []string {
	return []string{"dash", "coreutils", "findutils", "diffutils", "grep", "sed", "mawk", "make", "gcc", "binutils", "bzip2",
		"libc6-dev", "linux-libc-dev", "musl-dev"}
}

// Files that Build leaves in Out. LinksName has a line for each applet, such
// as "/usr/bin/awk".
const (
	BusyboxName   = "busybox"
	LinksName     = "busybox.links"
	ConfigName    = "busybox.config"
	DropbearName  = "dropbear"
	SudoName      = "sudo"
	LinkwatchName = "linkwatch"
	SigcheckName  = "sigcheck"
)

// Folders below Work.
const (
	busyboxDir  = "busybox"
	dropbearDir = "dropbear"
	ownDir      = "own"
	headersDir  = "headers"
)

// objects is how many C files are compiled, for the progress.
const objects = 810

// Build builds the programs. The error of a failed build is a fault.Build.
func Build(ctx context.Context, o Options) (err error) {
	log, err := os.Create(o.LogPath)
	if err != nil {
		return fault.New(fault.Missing, "write the log", o.LogPath, err, "")
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	b := &builder{Options: o, log: &locked{w: log}}
	defer func() { err = errors.Join(err, b.clean()) }()
	if err := b.sources(); err != nil {
		return fault.New(fault.Build, "copy the sources of the userland to", o.Work, err, "")
	}
	// Two of the three spend much of their time in steps that are not
	// parallel, so they run beside each other.
	share := max(o.Jobs/2, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.busybox(ctx, share) })
	g.Go(func() error {
		return errors.Join(b.dropbear(ctx, share), b.own(ctx))
	})
	if err := g.Wait(); err != nil {
		return err
	}
	b.Stage.Progress(objects, objects, report.Objects)
	return nil
}

type builder struct {
	Options
	log  io.Writer
	done atomic.Int64
}

// cc is the compiler: a script of Debian's musl-dev that runs the triplet's
// gcc with musl's headers and libraries in place of glibc's.
func (b *builder) cc() string { return b.Arch.Musl() + "-gcc" }

// epoch is the time for programs that would ask for the clock.
func (b *builder) epoch() string { return fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.Time.Unix()) }

// sources fills Work: copies of the sources, because they are built in place,
// Floe's own files, and the kernel's headers apart from glibc's, which stand
// in the same folder.
func (b *builder) sources() error {
	for dir, from := range map[string]string{busyboxDir: b.Busybox, dropbearDir: b.Dropbear} {
		if err := os.CopyFS(filepath.Join(b.Work, dir), os.DirFS(from)); err != nil {
			return err
		}
	}
	own, err := fs.Sub(assets.Userland, "userland")
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(b.Work, ownDir), own); err != nil {
		return err
	}
	headers := filepath.Join(b.Work, headersDir)
	if err := os.Mkdir(headers, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"linux", "asm-generic", "mtd", "scsi"} {
		if err := os.Symlink(path.Join("/usr/include", name), filepath.Join(headers, name)); err != nil {
			return err
		}
	}
	return os.Symlink(path.Join("/usr/include", b.Arch.Triplet(), "asm"), filepath.Join(headers, "asm"))
}

// clean empties Work.
func (b *builder) clean() error {
	var all error
	for _, dir := range []string{busyboxDir, dropbearDir, ownDir, headersDir} {
		all = errors.Join(all, os.RemoveAll(filepath.Join(b.Work, dir)))
	}
	return all
}

// run runs a command for a part of the userland. What it says goes to the
// log, and counts for the progress.
func (b *builder) run(ctx context.Context, part string, c sandbox.Command) error {
	lines := report.Lines(func(line string) {
		fmt.Fprintf(b.log, "%s: %s\n", part, line)
		if compiles(line) {
			b.Stage.Progress(min(b.done.Add(1), objects), objects, report.Objects)
		}
	})
	c.Work, c.Stdout, c.Stderr = b.Work, lines, lines
	c.Env = append(c.Env, b.epoch())
	err := b.Runner.Run(ctx, c)
	err = errors.Join(err, lines.Close())
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		return fault.New(fault.Build, "build", part, err, exit.Advice("")+" The whole log is in "+b.LogPath)
	}
	return err
}

// keep copies a result to Out.
func (b *builder) keep(from, name string, mode fs.FileMode) error {
	data, err := os.ReadFile(filepath.Join(b.Work, from))
	if err != nil {
		return fault.New(fault.Build, "keep", name, err, "the whole log is in "+b.LogPath)
	}
	return os.WriteFile(filepath.Join(b.Out, name), data, mode)
}

// strip removes symbols.
func (b *builder) strip(ctx context.Context, part, file string) error {
	return b.run(ctx, part, sandbox.Command{Args: []string{b.Arch.Triplet() + "-strip", "-s", file}})
}

// locked lets two builds write one log, line by line.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
