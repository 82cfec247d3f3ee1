package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"floe/internal/arch"
	"floe/internal/debian/deb"
	"floe/internal/fault"
	"floe/internal/report"

	"golang.org/x/sync/errgroup"
)

// indexPaths lists the indices that the options ask for, without compression
// suffix and below a suite's folder.
func (a *Archive) indexPaths() []string {
	var paths []string
	for _, c := range a.opt.Components {
		for _, ar := range a.opt.Archs {
			paths = append(paths, packagesPath(c, ar))
		}
		paths = append(paths, sourcesPath(c))
	}
	return paths
}

func packagesPath(component string, a arch.Arch) string {
	return component + "/binary-" + a.Debian() + "/Packages"
}

func sourcesPath(component string) string { return component + "/source/Sources" }

// need is one table that is wanted.
type need struct {
	release *release
	index   indexFile
	columns []string
}

// tables gives the tables of one kind of index over all suites and
// components, in the order of the options. What is not on disk is fetched.
func (a *Archive) tables(ctx context.Context, v *view, path func(component string) string, columns []string) ([]*table, error) {
	var needs []need
	for _, r := range v.releases {
		for _, c := range a.opt.Components {
			f, err := r.index(path(c))
			if err != nil {
				return nil, fault.New(fault.Network, "read the index", path(c), err, "the components and architectures of a suite are those that its release file names")
			}
			needs = append(needs, need{release: r, index: f, columns: columns})
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var missing []need
	for _, n := range needs {
		if v.tables[n.index.sha256] != nil {
			continue
		}
		rows, err := loadTable(a.tableFile(n.index))
		if err != nil {
			missing = append(missing, n)
			continue
		}
		v.tables[n.index.sha256] = &table{release: n.release, rows: rows}
	}
	if err := a.build(ctx, v, missing); err != nil {
		return nil, err
	}
	all := make([]*table, len(needs))
	for i, n := range needs {
		// Two suites can have the same (empty) index; its rows are shared.
		all[i] = &table{release: n.release, rows: v.tables[n.index.sha256].rows}
	}
	return all, nil
}

func (a *Archive) tableFile(f indexFile) string {
	return filepath.Join(a.opt.Cache, "table", f.sha256+"."+tableVersion)
}

// build fetches indices and boils them down to tables.
func (a *Archive) build(ctx context.Context, v *view, missing []need) error {
	if len(missing) == 0 {
		return nil
	}
	stage := report.Start(a.opt.Report, "indices", "Fetch Debian's package lists")
	files := make([]File, len(missing))
	for i, n := range missing {
		files[i] = File{
			Path: n.release.url(n.index), Root: n.release.suite.Root, Size: n.index.size, SHA256: n.index.sha256,
			label: n.release.suite.Codename + "/" + n.index.path,
		}
	}
	paths, err := a.fetch(ctx, files, stage, never)
	if err != nil {
		return stage.Fail(err)
	}
	made := make([]*table, len(missing))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, n := range missing {
		group.Go(func() error {
			t, err := a.buildOne(ctx, n, paths[i])
			made[i] = t
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return stage.Fail(err)
	}
	for i, n := range missing {
		v.tables[n.index.sha256] = made[i]
	}
	a.tidy(v)
	stage.Done(fmt.Sprintf("%d lists", len(missing)))
	return nil
}

// buildOne makes one table of a verified index file.
func (a *Archive) buildOne(ctx context.Context, n need, path string) (*table, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	plain, err := deb.Decompress(n.index.path, deb.WithContext(ctx, in))
	var rows []byte
	if err == nil {
		defer plain.Close()
		rows, err = condense(plain, n.columns)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fault.New(fault.Verify, "read the index", n.index.path, err, "the file is what Debian signed, but Floe cannot read it: please report this")
	}
	if err := saveTable(a.tableFile(n.index), rows); err != nil {
		return nil, fault.New(fault.Missing, "keep the table of", n.index.path, err, hintDisk)
	}
	return &table{release: n.release, rows: splitRows(rows)}, nil
}

// tidy removes tables that no current release file names, and the indices
// they came from. Another process may still read one: it has it open.
func (a *Archive) tidy(v *view) {
	current := map[string]bool{}
	for _, r := range v.releases {
		for _, f := range r.indices {
			current[f.sha256] = true
		}
	}
	names, err := os.ReadDir(filepath.Join(a.opt.Cache, "table"))
	if err != nil {
		return
	}
	for _, e := range names {
		sum, version, _ := strings.Cut(e.Name(), ".")
		if !isSHA256(sum) || current[sum] && version == tableVersion {
			continue
		}
		os.Remove(filepath.Join(a.opt.Cache, "table", e.Name()))
		if !current[sum] {
			os.Remove(filepath.Join(a.opt.Cache, "sha256", sum))
		}
	}
}

// packageIndex finds the binary packages of one architecture by name.
type packageIndex struct {
	byName   map[string][]rowRef // real packages
	provides map[string][]rowRef // packages that provide the name
}

// rowRef is a row and where it is from.
type rowRef struct {
	row     string
	release *release
}

// packages gives the packages of an architecture, those for all architectures
// among them.
func (a *Archive) packages(ctx context.Context, v *view, ar arch.Arch) (*packageIndex, error) {
	known := false
	for _, o := range a.opt.Archs {
		known = known || o == ar
	}
	if !known {
		return nil, fault.New(fault.Usage, "resolve packages of", ar.Debian(), errors.New("the archive was not opened for this architecture"), "")
	}
	tables, err := a.tables(ctx, v, func(c string) string { return packagesPath(c, ar) }, packageColumns())
	if err != nil {
		return nil, err
	}
	rows := 0
	for _, t := range tables {
		rows += len(t.rows)
	}
	x := &packageIndex{byName: make(map[string][]rowRef, rows), provides: make(map[string][]rowRef, rows/4)}
	for _, t := range tables {
		for _, row := range t.rows {
			name, _, _ := strings.Cut(row, "\t")
			x.byName[name] = append(x.byName[name], rowRef{row, t.release})
			x.addProvides(row, t.release)
		}
	}
	return x, nil
}

// addProvides notes the names that the last column of a row lists.
func (x *packageIndex) addProvides(row string, r *release) {
	list := row[strings.LastIndexByte(row, '\t')+1:]
	for list != "" {
		var item string
		item, list, _ = strings.Cut(list, ",")
		item = strings.TrimSpace(item)
		if end := strings.IndexAny(item, " (:"); end >= 0 {
			item = item[:end]
		}
		if item != "" {
			x.provides[item] = append(x.provides[item], rowRef{row, r})
		}
	}
}
