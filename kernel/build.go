package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
)

// Options is what one kernel is made of. All fields must be set unless their
// comment says otherwise.
type Options struct {
	Arch   arch.Arch      // what the kernel runs on
	Prefix string         // of the names of gcc and binutils that make it: "aarch64-linux-gnu-"; may be ""
	Source string         // the linux-source .deb, or the .tar.xz that is inside it
	Runner sandbox.Runner // where make and gcc run

	// Work is an empty folder for the source and what is made of it: about
	// 1.9 GB, removed again unless Build fails. Out is where the results go;
	// it must exist.
	Work, Out string

	Jobs    int           // compilers at a time; below 1 counts as 1
	Time    time.Time     // what the kernel says about when it was built
	Objects int           // how many objects an earlier build had; 0: the built-in figure
	Report  *report.Stage // told about progress; Build neither starts nor ends it
	LogPath string        // where everything that the tools say is kept
}

// The names of the files that Build leaves.
const (
	ImageName   = "vmlinuz"
	ConfigName  = "config"
	SymbolsName = "System.map"
	ResultName  = "kernel.json"
)

// treeDir is the folder of the source below Work, and allConfig the file with
// the fragments beside it.
const (
	treeDir   = "linux"
	allConfig = "fragments.config"
)

// Build makes a kernel: unpacks the source, applies the patches, configures,
// checks that every symbol got what the fragments ask for, compiles it and its
// device trees. A failure is a fault.Build with the first error of the log in
// it.
func Build(ctx context.Context, o Options) (err error) {
	frags, err := Fragments(o.Arch)
	if err != nil {
		return err
	}
	log, err := os.Create(o.LogPath)
	if err != nil {
		return fault.New(fault.Missing, "write the log", o.LogPath, err, "")
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	b := &builder{Options: o, log: log, frags: frags}
	b.count = &counter{total: max(o.Objects, 0), tell: o.Report.Progress}
	if b.count.total == 0 {
		b.count.total = Objects(o.Arch)
	}
	for _, step := range []func(context.Context) error{b.unpack, b.patch, b.configure, b.compile, b.trees, b.collect} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return os.RemoveAll(b.tree())
}

type builder struct {
	Options
	log   io.Writer
	frags []Fragment
	unfit []string // patches that the source has no place for
	count *counter
}

// tree is the path of the source.
func (b *builder) tree() string { return filepath.Join(b.Work, treeDir) }

// run runs a command; every line it says goes to the log and the report.
func (b *builder) run(ctx context.Context, c sandbox.Command) error {
	lines := report.Lines(func(line string) {
		fmt.Fprintln(b.log, line)
		if line != "" {
			b.Report.Log(line)
		}
		b.count.line(line)
	})
	c.Work, c.Stdout, c.Stderr = b.Work, lines, lines
	err := b.Runner.Run(ctx, c)
	return errors.Join(err, lines.Close())
}

// make runs make in the source.
func (b *builder) make(ctx context.Context, args ...string) error {
	return b.run(ctx, sandbox.Command{
		Args: append([]string{"make"}, append(makeArgs(b.Arch, b.Prefix), args...)...),
		Env:  makeEnv(b.Time),
		Sub:  treeDir,
	})
}

// makeEnv is what the kernel would otherwise take from the machine that it is
// built on (Documentation/kbuild/reproducible-builds.rst).
func makeEnv(t time.Time) []string {
	return []string{
		"KBUILD_BUILD_TIMESTAMP=" + t.UTC().Format("Mon Jan _2 15:04:05 UTC 2006"),
		"KBUILD_BUILD_USER=floe",
		"KBUILD_BUILD_HOST=floe",
		"KBUILD_BUILD_VERSION=1",
	}
}

// configure makes the configuration and checks it.
func (b *builder) configure(ctx context.Context) error {
	reqs, err := Merge(b.frags)
	if err != nil {
		return err
	}
	reqs = withoutPatches(reqs, b.Arch, b.unfit)
	if err := os.WriteFile(filepath.Join(b.Work, allConfig), settings(reqs), 0o644); err != nil {
		return err
	}
	if err := b.make(ctx, "KCONFIG_ALLCONFIG=../"+allConfig, "allnoconfig"); err != nil {
		return b.failed("configure the kernel", err)
	}
	text, err := os.ReadFile(filepath.Join(b.tree(), ".config"))
	if err != nil {
		return err
	}
	conf, err := ParseConfig(text)
	if err != nil {
		return err
	}
	if misses := conf.Check(reqs); len(misses) > 0 {
		return b.missed(misses, conf)
	}
	return nil
}

// missed explains requests that were dropped.
func (b *builder) missed(misses []Miss, conf Config) error {
	e := &ConfigError{}
	tree, err := ReadTree(os.DirFS(b.tree()), "Kconfig", map[string]string{"SRCARCH": srcArch[b.Arch]})
	for _, m := range misses {
		why := fmt.Sprint("the reason is not known: ", err)
		if err == nil {
			why = tree.Explain(m, conf)
		}
		e.Misses = append(e.Misses, Explained{m, why})
		fmt.Fprintln(b.log, e.Misses[len(e.Misses)-1])
	}
	return fault.New(fault.Build, "configure the kernel for", b.Arch.String(), e,
		"ask in a fragment for what the symbol depends on, or no longer for the symbol")
}

// srcArch is the folder below arch/ in the source.
var srcArch = map[arch.Arch]string{arch.AMD64: "x86", arch.ARM64: "arm64"}

// compile builds the image.
func (b *builder) compile(ctx context.Context) error {
	err := b.make(ctx, fmt.Sprintf("-j%d", max(b.Jobs, 1)), path.Base(b.Arch.KernelImage()))
	if err != nil {
		return b.failed("compile the kernel", err)
	}
	b.count.finish()
	return nil
}

// collect puts the results into Out.
func (b *builder) collect(context.Context) error {
	version, err := Version(b.tree())
	if err != nil {
		return err
	}
	for _, f := range []struct{ from, to string }{
		{b.Arch.KernelImage(), ImageName},
		{".config", ConfigName},
		{"System.map", SymbolsName},
	} {
		if err := copyFile(filepath.Join(b.tree(), f.from), filepath.Join(b.Out, f.to)); err != nil {
			return fault.New(fault.Build, "keep the kernel's", f.to, err, "")
		}
	}
	if err := b.keepTrees(); err != nil {
		return err
	}
	return Result{Arch: b.Arch, Version: version, Objects: b.count.done, Unfit: b.unfit, Plain: b.count.plain}.write(b.Out)
}

// failed turns the error of a command into one that a person can work with.
func (b *builder) failed(op string, err error) error {
	var exit *sandbox.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	fail := &LogError{Err: err}
	if f, openErr := os.Open(b.LogPath); openErr == nil {
		defer f.Close()
		fail.Excerpt, _ = FirstError(f)
	}
	return fault.New(fault.Build, op+" for", b.Arch.String(), fail, exit.Advice(fail.Excerpt.Line)+" The whole log is in "+b.LogPath)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// ConfigError is the error of a configuration that does not give what the
// fragments ask for.
type ConfigError struct{ Misses []Explained }

// Explained is a request that was not fulfilled, and why.
type Explained struct {
	Miss
	Why string
}

// String is one line.
func (e Explained) String() string {
	return fmt.Sprintf("%s (%s.config, line %d) became %s: %s", e.Request, e.Fragment, e.Line, e.Got, e.Why)
}

// Error has a line for every symbol.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Misses))
	for i, m := range e.Misses {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}
