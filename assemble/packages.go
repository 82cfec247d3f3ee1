package assemble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
)

// rootVersion is the version of the code that makes root folders.
const rootVersion = "1"

// root gives a root folder of the packages and all that they depend on. Name
// stands in the store's and the stage's names. However many stages want it,
// it is made once and told of once.
func (b *Builder) root(ctx context.Context, name string, host arch.Arch, packages []string) (store.Entry, error) {
	id := strings.Join(append([]string{name, string(host)}, packages...), " ")
	b.mu.Lock()
	entry, ok := b.roots[id]
	b.mu.Unlock()
	if ok {
		return entry, nil
	}
	made, err, _ := b.making.Do(id, func() (any, error) {
		entry, err := b.makeRoot(ctx, name, host, packages)
		if err == nil {
			b.mu.Lock()
			b.roots[id] = entry
			b.mu.Unlock()
		}
		return entry, err
	})
	return made.(store.Entry), err
}

func (b *Builder) makeRoot(ctx context.Context, name string, host arch.Arch, packages []string) (store.Entry, error) {
	archive, err := b.Archive(ctx)
	if err != nil {
		return store.Entry{}, err
	}
	var entry store.Entry
	err = archive.Retry(ctx, func(ctx context.Context) error {
		whole, files := split(packages)
		selection, err := archive.Resolve(ctx, host, whole, debian.Shallow(files...))
		if err != nil {
			return err
		}
		b.record(name, selection)
		key := store.NewKey("root/"+name, rootVersion).String("packages", selection.Digest())
		entry, err = b.stage(ctx, "root/"+name, "Unpack the "+name+" tools", key,
			func(ctx context.Context, dir string, stage *report.Stage) (string, error) {
				return fmt.Sprintf("%d packages", len(selection.Packages)), b.unpack(ctx, name, selection, dir, stage)
			})
		return err
	})
	return entry, err
}

// split tells the packages that are to run from the foreign ones.
func split(packages []string) (whole, files []string) {
	for _, name := range packages {
		if strings.Contains(name, ":") {
			files = append(files, name)
		} else {
			whole = append(whole, name)
		}
	}
	return whole, files
}

func (b *Builder) unpack(ctx context.Context, name string, selection debian.Selection, dir string, stage *report.Stage) error {
	paths, err := b.fetch(ctx, "fetch/"+name, "Download the "+name+" tools", selection.Files())
	if err != nil {
		return err
	}
	return sandbox.Unpack(ctx, paths, dir, func(done, total int) {
		stage.Progress(int64(done), int64(total), report.Packages)
	})
}

// fetch downloads files as a stage of its own.
func (b *Builder) fetch(ctx context.Context, id, title string, files []debian.File) ([]string, error) {
	archive, err := b.Archive(ctx)
	if err != nil {
		return nil, err
	}
	stage := report.Start(b.opt.Report, id, title)
	paths, err := archive.Fetch(ctx, files, stage)
	if err != nil {
		return nil, stage.Fail(err)
	}
	stage.Done("every file as Debian signed it")
	return paths, nil
}

// record remembers what a stage was made from, for the lock file.
func (b *Builder) record(stage string, s debian.Selection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used[stage] = s
}

// Tools gives a runner with the programs of Debian packages, in a root folder
// of the store: for checks, and for whatever else wants a program that the
// host may not have.
func (b *Builder) Tools(ctx context.Context, name string, packages ...string) (*sandbox.Root, error) {
	entry, err := b.root(ctx, name, b.opt.Host, packages)
	if err != nil {
		return nil, err
	}
	return sandbox.New(entry.Path), nil
}

// hostIdentity names the host's tools by what they say of their versions.
func hostIdentity(ctx context.Context, tools []sandbox.Tool) (string, error) {
	var b strings.Builder
	for _, t := range tools {
		if !t.Program() {
			continue
		}
		path, err := exec.LookPath(t.Name)
		if err != nil {
			return "", fault.New(fault.Missing, "find", t.Name, err, "Install "+t.Package+".")
		}
		out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		first, _, _ := strings.Cut(string(out), "\n")
		b.WriteString(filepath.Base(path) + "=" + first + "\n")
	}
	return b.String(), nil
}
