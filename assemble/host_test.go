package assemble

import (
	"slices"
	"testing"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/store"
	"floe/internal/tcz"
)

// TestToolsForHosts resolves the tools for every target on every host: the
// archive must have all of them, for that host to run. Nothing is fetched but
// the archive's indices.
func TestToolsForHosts(t *testing.T) {
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := New(Options{Store: s})
	archive, err := b.Archive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range arch.All() {
		for _, target := range arch.All() {
			for name, packages := range map[string][]string{
				"compiler": compilerPackages(host, target), "mastering": masteringPackages(host, target),
				"packaging": tcz.Packages(), "qemu": qemuPackages(target),
			} {
				whole, files := split(packages)
				got, err := archive.Resolve(t.Context(), host, whole, debian.Shallow(files...))
				if err != nil {
					t.Errorf("%s for %s on %s: %v", name, target, host, err)
					continue
				}
				for _, p := range got.Packages {
					if p.Arch != host.Debian() && p.Arch != "all" && !slices.Contains(files, p.Name+":"+p.Arch) {
						t.Errorf("%s for %s on %s has %s", name, target, host, p)
					}
				}
			}
		}
	}
}
