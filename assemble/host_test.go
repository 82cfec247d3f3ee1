package assemble

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/internal/tcz"
)

// usual is a builder with the person's store.
func usual(t *testing.T) *Builder {
	t.Helper()
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return New(Options{Store: s})
}

// TestToolsForHosts resolves the tools for every target on every host: the
// archive must have all of them, for that host to run. Nothing is fetched but
// the archive's indices.
func TestToolsForHosts(t *testing.T) {
	b := usual(t)
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

// TestHostToolsAreBrought: what a host has to have that builds with its own tools is what the
// archive's packages bring for everybody else.
func TestHostToolsAreBrought(t *testing.T) {
	b := usual(t)
	host := arch.Host()
	for _, target := range arch.All() {
		for _, c := range []struct {
			name     string
			packages []string
			tools    []sandbox.Tool
		}{
			{"compiler", compilerPackages(host, target), compilerTools(host, target)},
			{"mastering", masteringPackages(host, target), masteringTools(host, target)},
			{"packaging", tcz.Packages(), tcz.Tools()},
		} {
			root, err := b.Tools(t.Context(), c.name, c.packages...)
			if err != nil {
				t.Fatal(err)
			}
			for _, tool := range c.tools {
				path := tool.Name
				switch {
				case tool.Program():
					path = "/usr/bin/" + path
				case !filepath.IsAbs(path):
					path = "/usr/include/" + strings.Trim(path, "<>")
				}
				_, err := root.Path(path)
				if err != nil {
					_, err = root.Path(strings.Replace(path, "/usr/include/", "/usr/include/"+host.Triplet()+"/", 1))
				}
				if err != nil {
					t.Errorf("%s for %s: %s is asked of a host, and not brought: %v", c.name, target, tool.Name, err)
				}
			}
		}
	}
}

// prefixed are the programs that the kernel's makefiles call by a name with a prefix.
var prefixed = []string{"gcc", "ld", "ar", "nm", "objcopy", "objdump", "readelf", "strip"}

// TestKernelByOneName: the archive's compiler for an architecture has one name, whatever
// host it runs on, since the kernel keeps that; a host's own is called as it is there.
func TestKernelByOneName(t *testing.T) {
	for _, target := range arch.All() {
		for _, host := range arch.All() {
			want := target.Triplet() + "-"
			if got := (&Builder{opt: Options{Host: host, Toolchain: Sandbox}}).prefix(target); got != want {
				t.Errorf("%s on %s: %q", target, host, got)
			}
			if host == target {
				want = ""
			}
			if got := (&Builder{opt: Options{Host: host, Toolchain: Host}}).prefix(target); got != want {
				t.Errorf("%s by %s's own: %q", target, host, got)
			}
		}
	}
	b := usual(t)
	for _, target := range arch.All() {
		root, err := b.Tools(t.Context(), "compiler", compilerPackages(b.opt.Host, target)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range prefixed {
			if _, err := root.Path("/usr/bin/" + b.prefix(target) + name); err != nil {
				t.Error(err)
			}
		}
	}
}
