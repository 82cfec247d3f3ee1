package assemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/internal/tcz"
)

// Package is a package of the booted system that was built.
type Package struct {
	Name   string
	Dir    string // folder of NAME.tcz and of the files beside it: .dep, .info, .list, .sha256
	Key    string // the store's
	SHA256 string // of NAME.tcz, lower-case hexadecimal
	Size   int64  // of NAME.tcz, bytes
}

// Path is the path of the package itself.
func (p Package) Path() string { return filepath.Join(p.Dir, p.Name+tcz.Ext) }

// packageTable is the table of packages that Floe defines.
var packageTable = sync.OnceValues(func() (tcz.Table, error) { return tcz.ReadTable(assets.Packages()) })

// PackageNames lists the packages that Floe defines.
func PackageNames() ([]string, error) {
	table, err := packageTable()
	return table.Names(), err
}

// Packages builds packages and all that they depend on. They come in an order
// in which each stands after those that it depends on. A name that Floe does
// not define is that of a Debian package.
func (b *Builder) Packages(ctx context.Context, a arch.Arch, names ...string) ([]Package, error) {
	var list []Package
	for _, name := range names {
		d, err := b.definition(ctx, a, name)
		if err != nil {
			return nil, err
		}
		if list, err = b.packages(ctx, a, d, list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// packages adds a package, and before it those that it depends on, to those
// that were built already.
func (b *Builder) packages(ctx context.Context, a arch.Arch, d tcz.Definition, list []Package) ([]Package, error) {
	if slices.ContainsFunc(list, func(p Package) bool { return p.Name == d.Name }) {
		return list, nil
	}
	table, err := packageTable()
	if err != nil {
		return nil, err
	}
	for _, dep := range d.Depends {
		if list, err = b.packages(ctx, a, table[dep], list); err != nil {
			return nil, err
		}
	}
	names, err := table.Closure(d.Depends...)
	if err != nil {
		return nil, err
	}
	var below []Package
	for _, p := range list {
		if slices.Contains(names, p.Name) {
			below = append(below, p)
		}
	}
	entry, err := b.buildPackage(ctx, a, d, below)
	if err != nil {
		return nil, err
	}
	p, err := readPackage(d.Name, entry)
	return append(list, p), err
}

func readPackage(name string, entry store.Entry) (Package, error) {
	p := Package{Name: name, Dir: entry.Path, Key: entry.Key}
	text, err := os.ReadFile(p.Path() + ".sha256")
	if err != nil {
		return p, err
	}
	p.SHA256, _, _ = strings.Cut(string(text), " ")
	info, err := os.Stat(p.Path())
	if err == nil {
		p.Size = info.Size()
	}
	return p, err
}

// Package builds one package, and first those that it depends on.
func (b *Builder) Package(ctx context.Context, a arch.Arch, name string) (store.Entry, error) {
	list, err := b.Packages(ctx, a, name)
	if err != nil {
		return store.Entry{}, err
	}
	last := list[len(list)-1]
	return store.Entry{Path: last.Dir, Key: last.Key}, nil
}

// definition finds a package's definition: the table's, or one derived from
// the Debian package of that name.
func (b *Builder) definition(ctx context.Context, a arch.Arch, name string) (tcz.Definition, error) {
	table, err := packageTable()
	if err != nil {
		return tcz.Definition{}, err
	}
	if d, ok := table[name]; ok {
		return d, nil
	}
	archive, err := b.Archive(ctx)
	if err != nil {
		return tcz.Definition{}, err
	}
	selection, err := archive.Resolve(ctx, a, []string{name}, debian.Exclude(tcz.Unneeded()...))
	if err != nil {
		return tcz.Definition{}, err
	}
	var names []string
	for _, p := range selection.Packages {
		names = append(names, p.Name)
	}
	d := table.Derive(name, names)
	if err := d.Check(); err != nil {
		return d, fault.New(fault.Usage, "make a package of", name, err, "Names are those of Debian's packages, such as htop.")
	}
	return d, nil
}

// buildPackage builds a package whose dependencies are built.
func (b *Builder) buildPackage(ctx context.Context, a arch.Arch, d tcz.Definition, below []Package) (store.Entry, error) {
	archive, err := b.Archive(ctx)
	if err != nil {
		return store.Entry{}, err
	}
	run, tools, err := b.runner(ctx, "packaging", tcz.Packages(), tcz.Tools())
	if err != nil {
		return store.Entry{}, err
	}
	id := "package/" + d.Name
	if a != b.opt.Host {
		id += "-" + string(a)
	}
	provided, err := providedBy(below)
	if err != nil {
		return store.Entry{}, err
	}
	var entry store.Entry
	err = archive.Retry(ctx, func(ctx context.Context) error {
		var selection debian.Selection
		if len(d.Debian) > 0 {
			var err error
			if selection, err = archive.Resolve(ctx, a, d.Debian, debian.Exclude(unneeded(d)...)); err != nil {
				return err
			}
			b.record(id, selection)
		}
		key := store.NewKey("package/"+string(a)+"/"+d.Name, tcz.Version).
			String("tools", tools).String("compression", tcz.Compression()).String("time", assets.Date().String()).
			String("debian", selection.Digest()).String("definition", d.Digest()).
			Strings("provided", provided)
		entry, err = b.stage(ctx, id, "Make the package "+d.Name, key,
			func(ctx context.Context, dir string, stage *report.Stage) (string, error) {
				return b.fillPackage(ctx, a, d, provided, selection, run, dir, stage)
			})
		return err
	})
	return entry, err
}

// unneeded are the Debian packages that a package does without, though its own
// depend on them.
func unneeded(d tcz.Definition) []string {
	list := slices.Concat(tcz.Unneeded(), d.Without)
	return slices.DeleteFunc(list, func(name string) bool { return slices.Contains(d.Debian, name) })
}

func (b *Builder) fillPackage(ctx context.Context, a arch.Arch, d tcz.Definition, provided []string, selection debian.Selection,
	run sandbox.Runner, dir string, stage *report.Stage) (made string, err error) {
	var paths []string
	if len(selection.Packages) > 0 {
		if paths, err = b.fetch(ctx, "fetch/"+d.Name, "Download for the package "+d.Name, selection.Files()); err != nil {
			return "", err
		}
	}
	var debs []tcz.Deb
	for i, p := range selection.Packages {
		debs = append(debs, tcz.Deb{Name: p.Name, Version: p.Version, Path: paths[i]})
	}
	work, remove, err := scratch(dir)
	if err != nil {
		return "", err
	}
	err = tcz.Build(ctx, tcz.Options{
		Arch: a, Definition: d, Debs: debs, Provided: provided, Runner: run,
		Work: work, Out: dir, Time: assets.Date(), Stage: stage,
	})
	if err = errors.Join(err, remove()); err != nil {
		return "", err
	}
	p, err := readPackage(d.Name, store.Entry{Path: dir})
	return humanize.Comma(p.Size) + " bytes", err
}

// providedBy lists the files of packages. Only where something is matters to
// those that depend on them, so that a new certificate makes no docker anew.
func providedBy(list []Package) ([]string, error) {
	var provided []string
	for _, p := range list {
		files, err := tcz.ReadList(p.Dir, p.Name)
		if err != nil {
			return nil, err
		}
		provided = append(provided, files...)
	}
	return provided, nil
}

// PackageSums lists packages with their SHA-256 as sha256sum -c reads it: what
// an image carries so that the booted system knows its packages.
func PackageSums(list []Package) []byte {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%s  %s%s\n", p.SHA256, p.Name, tcz.Ext)
	}
	return []byte(b.String())
}
