package debian

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"floe/internal/arch"
)

// Package is a binary package that the archive holds.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"` // Debian's name of its architecture, or "all"

	Source        string `json:"source"` // source package it was built from, and its version
	SourceVersion string `json:"source_version"`
	Suite         string `json:"suite"` // codename of the suite it was found in
	File          File   `json:"file"`
	Essential     bool   `json:"essential,omitempty"`
}

// String gives "name version arch".
func (p Package) String() string { return p.Name + " " + p.Version + " " + p.Arch }

// entry is a row of a table, read.
type entry struct {
	Package
	multiArch  string // "same", "foreign", "allowed" or "" for no
	priority   string
	preDepends string
	depends    string
	provides   []relation
}

// read takes a row apart.
func (ref rowRef) read() (*entry, error) {
	cols := strings.Split(ref.row, "\t")
	if len(cols) != colProvides+1 {
		return nil, fmt.Errorf("package index of %s: a row of %d columns", ref.release.suite.Codename, len(cols))
	}
	size, err := strconv.ParseInt(cols[colSize], 10, 64)
	if err != nil || !isSHA256(cols[colSHA256]) {
		return nil, fmt.Errorf("package index of %s: %s has no valid size and SHA-256", ref.release.suite.Codename, cols[colName])
	}
	e := &entry{
		Package: Package{
			Name: cols[colName], Version: cols[colVersion], Arch: cols[colArch],
			Suite:     ref.release.suite.Codename,
			File:      File{Path: cols[colFilename], Root: ref.release.suite.Root, Size: size, SHA256: cols[colSHA256]},
			Essential: cols[colEssential] == "yes",
		},
		multiArch: cols[colMultiArch], priority: cols[colPriority],
		preDepends: cols[colPreDepends], depends: cols[colDepends],
	}
	e.Source, e.SourceVersion = sourceOf(cols[colSource], e.Name, e.Version)
	groups, err := parseDependencies(cols[colProvides])
	if err != nil {
		return nil, fmt.Errorf("%s provides: %w", e.Name, err)
	}
	for _, g := range groups {
		e.provides = append(e.provides, g[0])
	}
	return e, nil
}

// sourceOf reads the field Source, "name (version)", both parts of which are
// left out where they are the same as the binary package's.
func sourceOf(field, name, version string) (string, string) {
	source, rest, ok := strings.Cut(field, " (")
	if source == "" {
		source = name
	}
	if ok {
		version = strings.TrimSuffix(rest, ")")
	}
	return source, version
}

// Selection is a set of packages that was resolved, sorted by name and
// architecture.
type Selection struct {
	Arch     arch.Arch `json:"arch"`
	Packages []Package `json:"packages"`
}

// Files lists the packages' files in the order of the packages.
func (s Selection) Files() []File {
	files := make([]File, len(s.Packages))
	for i, p := range s.Packages {
		files[i] = p.File
	}
	return files
}

// Size adds up the packages' files, in bytes.
func (s Selection) Size() int64 {
	var n int64
	for _, p := range s.Packages {
		n += p.File.Size
	}
	return n
}

// Find gives the package of that name, of the selection's own architecture
// first.
func (s Selection) Find(name string) (Package, bool) {
	var found Package
	ok := false
	for _, p := range s.Packages {
		if p.Name == name && (!ok || p.Arch == s.Arch.Debian()) {
			found, ok = p, true
		}
	}
	return found, ok
}

// Digest is a hash, in hexadecimal, of what the packages contain: the input to
// the key of whatever is built from them. It changes only with the packages,
// not with the day.
func (s Selection) Digest() string {
	h := sha256.New()
	for _, p := range s.Packages {
		fmt.Fprintln(h, p.Name, p.Version, p.Arch, p.File.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *Selection) sort() {
	slices.SortFunc(s.Packages, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Arch, b.Arch))
	})
}

// Lock records what an image was made from, in a form that is kept beside it
// as JSON. It holds nothing of the machine or the time of the build.
type Lock struct {
	Releases []LockedRelease `json:"releases"`
	Packages []LockedPackage `json:"packages"`
	Sources  []LockedSource  `json:"sources,omitempty"`
}

// LockedRelease is a release file that was used.
type LockedRelease struct {
	Suite  string    `json:"suite"`
	Date   time.Time `json:"date"`   // as signed
	Signer string    `json:"signer"` // fingerprint of the key
}

// LockedPackage is a binary package that was used.
type LockedPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	SHA256  string `json:"sha256"`
	Source  string `json:"source"` // "name version" of the source package
}

// LockedSource is a source package that was used.
type LockedSource struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Files   map[string]string `json:"files"` // name to SHA-256
}

// Lock records selections and source packages. Every package is there once,
// sorted by name, architecture and version.
func (a *Archive) Lock(selections []Selection, sources []SourcePackage) Lock {
	var l Lock
	for _, r := range a.current().releases {
		l.Releases = append(l.Releases, LockedRelease{Suite: r.suite.Codename, Date: r.date, Signer: r.signer})
	}
	for _, s := range selections {
		for _, p := range s.Packages {
			l.Packages = append(l.Packages, LockedPackage{p.Name, p.Version, p.Arch, p.File.SHA256, p.Source + " " + p.SourceVersion})
		}
	}
	slices.SortFunc(l.Packages, func(a, b LockedPackage) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Arch, b.Arch), strings.Compare(a.Version, b.Version))
	})
	l.Packages = slices.Compact(l.Packages)
	for _, s := range sources {
		files := map[string]string{}
		for _, f := range s.Files {
			files[f.Name()] = f.SHA256
		}
		l.Sources = append(l.Sources, LockedSource{s.Name, s.Version, files})
	}
	slices.SortFunc(l.Sources, func(a, b LockedSource) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return l
}
