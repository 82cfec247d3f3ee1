// Package assemble is the pipeline from a Plan to an image: toolchain,
// kernel, userland, initial RAM disk, boot loader, ISO.
//
// Every stage is a function of signed inputs and of code, kept in the store
// under the hash of both. The package prints nothing, asks nothing and starts
// no machine; it reports events and returns errors.
package assemble

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/singleflight"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
)

// Options say how to build, as opposed to what. Only Store is required.
type Options struct {
	Store     *store.Store
	Mirror    string      // root of a Debian archive; "" lets floe find one
	Toolchain string      // Sandbox or Host; "" is Sandbox
	Refresh   bool        // ask the archive for news in any case
	Jobs      int         // parallel compilations; 0 is one for each processor
	Report    report.Sink // nil drops every event
	Host      arch.Arch   // architecture of the tools; "" is this machine's
}

// The kinds of toolchains.
const (
	Sandbox = "sandbox" // from the signed archive, in a sandbox
	Host    = "host"    // this machine's own programs
)

// Builder builds the parts of an image. Its methods may be called from
// several goroutines.
type Builder struct {
	opt Options

	making singleflight.Group // of roots

	mu      sync.Mutex // guards what follows
	archive *debian.Archive
	blobs   *debian.Archive             // Debian's non-free-firmware, for boards
	roots   map[string]store.Entry      // made or found already
	used    map[string]debian.Selection // by stage: what the lock file tells
	sources []debian.SourcePackage
}

// New makes a Builder. The archive is asked when it is first needed.
func New(opt Options) *Builder {
	if opt.Report == nil {
		opt.Report = report.Discard
	}
	if opt.Jobs == 0 {
		opt.Jobs = runtime.NumCPU()
	}
	if opt.Host == "" {
		opt.Host = arch.Host()
	}
	if opt.Toolchain == "" {
		opt.Toolchain = Sandbox
	}
	return &Builder{opt: opt, used: map[string]debian.Selection{}, roots: map[string]store.Entry{}}
}

// Archive gives the verified archive: its component main, of which everything
// is made but for what firmware of boards is.
func (b *Builder) Archive(ctx context.Context) (*debian.Archive, error) {
	return b.open(ctx, &b.archive, "main")
}

// firmware gives the component with firmware that is not free. It is signed
// as the rest is, and read for boards only.
func (b *Builder) firmware(ctx context.Context) (*debian.Archive, error) {
	return b.open(ctx, &b.blobs, "non-free-firmware")
}

func (b *Builder) open(ctx context.Context, archive **debian.Archive, component string) (*debian.Archive, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *archive != nil {
		return *archive, nil
	}
	mirrors, err := debian.FindMirrors(b.opt.Mirror, "/")
	if err != nil {
		return nil, err
	}
	*archive, err = debian.Open(ctx, debian.Options{
		Cache: b.opt.Store.Downloads(), Mirrors: mirrors, Archs: arch.All(), Components: []string{component},
		Refresh: b.opt.Refresh, Report: b.opt.Report,
	})
	return *archive, err
}

// stage gives the entry for key, building it where it is not in the store, and
// tells its story. What build makes it says in a few words.
func (b *Builder) stage(ctx context.Context, id, title string, key *store.Key,
	build func(ctx context.Context, dir string, stage *report.Stage) (made string, err error)) (store.Entry, error) {
	stage := report.Start(b.opt.Report, id, title)
	var made string
	entry, err := b.opt.Store.Do(ctx, key, func(ctx context.Context, dir string) (err error) {
		for _, why := range b.opt.Store.Why(key) {
			stage.Log("why it is built: " + why)
		}
		made, err = build(ctx, dir, stage)
		return err
	}, store.OnWait(func() { stage.Log("waiting: another floe is building the same") }))
	switch {
	case err != nil:
		return entry, stage.Fail(err)
	case entry.Cached:
		stage.Cached("kept")
	default:
		stage.Done(made)
	}
	return entry, nil
}

// log gives the path of the full log of a stage.
func (b *Builder) log(name string) string {
	return filepath.Join(b.opt.Store.Logs(), name+".log")
}

// scratch makes a folder for a stage to work in, within the folder that the
// store will keep; the caller removes it before the stage ends.
func scratch(dir string) (work string, remove func() error, err error) {
	work = filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		return "", nil, fmt.Errorf("make a working folder: %w", err)
	}
	return work, func() error { return os.RemoveAll(work) }, nil
}

// runner gives what runs the programs of a list of packages: a root folder of
// the store, or the host itself. Its second value names the exact tools, for
// keys.
func (b *Builder) runner(ctx context.Context, name string, packages []string, tools []sandbox.Tool) (sandbox.Runner, string, error) {
	if b.opt.Toolchain == Host {
		if err := sandbox.CheckHost(ctx, tools); err != nil {
			return nil, "", err
		}
		id, err := hostIdentity(ctx, tools)
		return sandbox.Host{}, id, err
	}
	entry, err := b.root(ctx, name, b.opt.Host, packages)
	if err != nil {
		return nil, "", err
	}
	return sandbox.New(entry.Path), entry.Key, nil
}
