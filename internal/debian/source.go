package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"floe/internal/fault"
)

// SourcePackage is a source package that the archive holds.
type SourcePackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Format  string `json:"format"` // "3.0 (quilt)"
	Suite   string `json:"suite"`
	Files   []File `json:"files"` // the .dsc and what it names, in the index's order
}

// Digest is a hash, in hexadecimal, of the package's files.
func (s SourcePackage) Digest() string {
	h := sha256.New()
	for _, f := range s.Files {
		fmt.Fprintln(h, f.Name(), f.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Source finds a source package: the newest version of the suites, or the one
// asked for as "name=version".
func (a *Archive) Source(ctx context.Context, name string) (SourcePackage, error) {
	return ask(ctx, a, []string{"source", name}, func(v *view) (SourcePackage, error) { return a.source(ctx, v, name) })
}

func (a *Archive) source(ctx context.Context, v *view, request string) (SourcePackage, error) {
	name, version, exact := strings.Cut(request, "=")
	tables, err := a.tables(ctx, v, sourcesPath, sourceColumns())
	if err != nil {
		return SourcePackage{}, err
	}
	var best []string
	var from *release
	for _, t := range tables {
		for _, row := range t.rows {
			if !strings.HasPrefix(row, name+"\t") {
				continue
			}
			cols := strings.Split(row, "\t")
			if exact && cols[colVersion] != version || !exact && cols[colExtraOnly] == "yes" {
				continue
			}
			if best == nil || CompareVersions(cols[colVersion], best[colVersion]) > 0 {
				best, from = cols, t.release
			}
		}
	}
	if best == nil {
		return SourcePackage{}, fault.New(fault.Network, "find the source package", request, errors.New("the archive has none of that name"), "")
	}
	return readSource(best, from)
}

// readSource takes a row of a source table apart.
func readSource(cols []string, from *release) (SourcePackage, error) {
	s := SourcePackage{Name: cols[colName], Version: cols[colVersion], Format: cols[colFormat], Suite: from.suite.Codename}
	words := strings.Fields(cols[colChecksums])
	for len(words) >= 3 {
		f, err := parseChecksum(strings.Join(words[:3], " "))
		if err != nil {
			return s, fmt.Errorf("source index of %s: %s: %w", s.Suite, s.Name, err)
		}
		if strings.ContainsAny(f.path, "/") {
			return s, fmt.Errorf("source index of %s: %s: file name %q", s.Suite, s.Name, f.path)
		}
		s.Files = append(s.Files, File{Path: cols[colDirectory] + "/" + f.path, Root: from.suite.Root, Size: f.size, SHA256: f.sha256})
		words = words[3:]
	}
	if len(s.Files) == 0 {
		return s, fmt.Errorf("source index of %s: %s has no files with SHA-256", s.Suite, s.Name)
	}
	return s, nil
}
