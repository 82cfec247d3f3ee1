package assemble_test

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"floe/assemble"
	"floe/assets"
	"floe/internal/arch"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/internal/tcz"
)

// packageBuilder builds in the person's store: docker alone takes minutes.
func packageBuilder(t *testing.T) *assemble.Builder {
	t.Helper()
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	return builderIn(t, dir)
}

func builderIn(t *testing.T, dir string) *assemble.Builder {
	t.Helper()
	return reporting(t, dir, nil)
}

// reporting builds in the store in dir, and tells of it.
func reporting(t *testing.T, dir string, to report.Sink) *assemble.Builder {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return assemble.New(assemble.Options{Store: s, Report: to})
}

// TestPackageFiles unpacks every package of the table with unsquashfs and
// looks: is everything there that it says, does it belong to root, has it the
// one time, does every ELF file find its loader and libraries in the package or
// in those that are loaded before it, is what other packages have too the same there,
// and has every Debian package that something was taken from its licence.
func TestPackageFiles(t *testing.T) {
	t.Parallel()
	sizes := map[arch.Arch]map[string]int64{}
	for _, a := range arch.All() {
		t.Run(a.String(), func(t *testing.T) { sizes[a] = packageFiles(t, a) })
	}
	for _, name := range []string{"docker", "containerd", "podman"} { // not there in a short test
		if amd, arm := sizes[arch.AMD64][name], sizes[arch.ARM64][name]; arm > amd {
			t.Errorf("%s has %d bytes for arm64, and %d for amd64: what is left out there is in it", name, arm, amd)
		}
	}
}

// packageFiles gives the sizes of the packages.
func packageFiles(t *testing.T, a arch.Arch) map[string]int64 {
	b := packageBuilder(t)
	names, err := assemble.PackageNames()
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		names = []string{"glibc", "ca-certificates", "iptables", "nftables", "e2fsprogs", "apparmor"}
	}
	names = append(names, "htop") // no definition of ours: derived
	list, root := packed(t, b, a, names...)
	sizes, contents, first := map[string]int64{}, map[string]map[string]bool{}, origins{} // by package, by package, by path
	for _, p := range list {
		sizes[p.Name] = p.Size
		t.Run(p.Name, func(t *testing.T) {
			dir := unsquash(t, root, p)
			contents[p.Name] = checkListing(t, dir, p)
			first.add(t, dir, p.Name, contents[p.Name])
			seen := map[string]bool{}
			for _, dep := range append(dependencies(t, p, list), p.Name) {
				for file := range contents[dep] {
					seen[file] = true
				}
			}
			checkLibraries(t, a, dir, seen)
			checkLicences(t, p, seen)
		})
	}
	return sizes
}

// madeFrom matches the lines of an .info file that name Debian packages.
var madeFrom = regexp.MustCompile(`(?m)^(?:Made-from:| {10})  *([a-z0-9][a-z0-9+.-]*) \S+$`)

// checkLicences wants the copyright file of each of them.
func checkLicences(t *testing.T, p assemble.Package, have map[string]bool) {
	t.Helper()
	info, err := os.ReadFile(p.Path() + ".info")
	if err != nil {
		t.Fatal(err)
	}
	from := madeFrom.FindAllStringSubmatch(string(info), -1)
	if len(from) == 0 {
		t.Errorf("it does not say what it was made from:\n%s", info)
	}
	for _, m := range from {
		// The folder may be a link to that of another package of the same source.
		if doc := "usr/share/doc/" + m[1]; !have[doc] && !have[doc+"/copyright"] {
			t.Errorf("no copyright file of %s", m[1])
		}
	}
}

// dependencies reads the .dep files, all the way down.
func dependencies(t *testing.T, p assemble.Package, list []assemble.Package) []string {
	t.Helper()
	text, err := os.ReadFile(p.Path() + ".dep")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range strings.Fields(string(text)) {
		for _, other := range list {
			if other.Name+tcz.Ext == file {
				names = append(names, other.Name)
				names = append(names, dependencies(t, other, list)...)
			}
		}
	}
	return names
}

// unsquash unpacks a package into the folder root.
func unsquash(t *testing.T, root *sandbox.Root, p assemble.Package) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Link(p.Path(), filepath.Join(dir, "p.tcz")); err != nil {
		data, err := os.ReadFile(p.Path())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "p.tcz"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := output(t, root, dir, "unsquashfs", "-d", "", "-lln", "p.tcz")
	stamp := assets.Date().Format("2006-01-02 15:04")
	for line := range strings.Lines(long) {
		if f := strings.Fields(line); len(f) < 5 || f[1] != "0/0" || f[3]+" "+f[4] != stamp {
			t.Errorf("not root's, or not of %s: %s", stamp, line)
		}
	}
	output(t, root, dir, "unsquashfs", "-q", "-n", "-no-xattrs", "-d", "root", "p.tcz")
	return filepath.Join(dir, "root")
}

// checkListing compares what is in a package with its .list, and looks for
// what must not be there. It gives the paths.
func checkListing(t *testing.T, dir string, p assemble.Package) map[string]bool {
	t.Helper()
	listed, err := tcz.ReadList(p.Dir, p.Name)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if !slices.Equal(found, listed) {
		t.Errorf("the package has %d files, its list %d", len(found), len(listed))
	}
	set := map[string]bool{}
	for _, name := range found {
		set[name] = true
		for _, bad := range []string{"usr/sbin/", "usr/share/man/", "usr/share/locale/", "usr/lib/systemd/"} {
			if strings.HasPrefix(name, bad) {
				t.Errorf("%s has no business in a package", name)
			}
		}
		if !strings.HasPrefix(name, "usr/") && !strings.HasPrefix(name, "etc/") {
			t.Errorf("%s is neither below usr nor etc", name)
		}
	}
	return set
}

// checkLibraries looks for what every ELF file needs. A loader's path and a
// name in the multiarch folder are all that the programs of the table use; a
// path of its own (DT_RUNPATH) would be found missing here.
func checkLibraries(t *testing.T, a arch.Arch, dir string, have map[string]bool) {
	t.Helper()
	programs := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := elf.Open(name)
		if err != nil {
			return nil // not ELF
		}
		defer f.Close()
		programs++
		for _, p := range f.Progs {
			if p.Type != elf.PT_INTERP {
				continue
			}
			loader := make([]byte, p.Filesz)
			if _, err := p.ReadAt(loader, 0); err != nil {
				return err
			}
			if at := "usr" + string(bytes.TrimRight(loader, "\x00")); !have[at] {
				t.Errorf("%s: no loader %s", name, at)
			}
		}
		if f.SectionByType(elf.SHT_DYNAMIC) == nil {
			return nil
		}
		libraries, err := f.ImportedLibraries()
		for _, lib := range libraries {
			if !have["usr/lib/"+a.Triplet()+"/"+lib] {
				t.Errorf("%s: no library %s", name, lib)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d ELF files", programs)
}

// TestPackageIsReproducible builds packages once more in an empty store.
func TestPackageIsReproducible(t *testing.T) {
	t.Parallel()
	known, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(known, "downloads"), filepath.Join(fresh, "downloads")); err != nil {
		t.Fatal(err)
	}
	var sums []string
	for _, b := range []*assemble.Builder{packageBuilder(t), builderIn(t, fresh)} {
		list, err := b.Packages(t.Context(), arch.AMD64, "e2fsprogs", "terminfo", "ca-certificates", "containerd", "tcpdump", "fuse3")
		if err != nil {
			t.Fatal(err)
		}
		others, err := b.Packages(t.Context(), arch.ARM64, "crun", "fuse3")
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, others...)
		text := string(assemble.PackageSums(list))
		for _, p := range list {
			info, err := os.ReadFile(p.Path() + ".info")
			if err != nil {
				t.Fatal(err)
			}
			text += string(info)
		}
		sums = append(sums, text)
	}
	if sums[0] != sums[1] {
		t.Errorf("the same inputs gave:\n%s\nand then:\n%s", sums[0], sums[1])
	}
}

// TestDerivedChores looks at packages that no definition of ours tells of: what
// Debian's own scripts would have made is there.
func TestDerivedChores(t *testing.T) {
	b := packageBuilder(t)
	list, err := b.Packages(t.Context(), arch.AMD64, "netcat-openbsd", "tcpdump", "fuse3")
	if err != nil {
		t.Fatal(err)
	}
	root, err := b.Tools(t.Context(), "packaging", tcz.Packages()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		dir := unsquash(t, root, p)
		switch p.Name {
		case "netcat-openbsd":
			if got, err := os.Readlink(filepath.Join(dir, "usr/bin/nc")); got != "/usr/bin/nc.openbsd" {
				t.Errorf("nc leads to %q, %v", got, err)
			}
		case "tcpdump":
			manifest, err := os.ReadFile(filepath.Join(dir, "usr/share/floe/tcpdump"))
			if want := "arch amd64\n"; !strings.HasPrefix(string(manifest), want) {
				t.Errorf("it begins otherwise than with %q: %q", want, manifest)
			}
			if want := "group tcpdump -\nuser tcpdump - tcpdump /nonexistent\n"; err != nil || !strings.Contains(string(manifest), want) {
				t.Errorf("%q, %v; wanted %q", manifest, err, want)
			}
		case "fuse3":
			if info, err := os.Stat(filepath.Join(dir, "usr/bin/fusermount3")); err != nil || info.Mode()&fs.ModeSetuid == 0 {
				t.Errorf("fusermount3: %v, %v", info, err)
			}
		case "glibc": // the copyright files of all say "see /usr/share/common-licenses"
			for _, name := range []string{"GPL-2", "GPL-3", "LGPL-2.1", "Apache-2.0", "GPL"} {
				if file := filepath.Join(dir, "usr/share/common-licenses", name); !exists(file) {
					t.Errorf("the licence %s is not there", name)
				}
			}
		}
	}
}

// TestTrimmedProgramsRun starts programs that tcz changed, with every symbol
// bound at once: a table of symbols that is wrong would stop the loader.
func TestTrimmedProgramsRun(t *testing.T) {
	b, host := packageBuilder(t), arch.Host()
	list, err := b.Packages(t.Context(), host, "docker")
	if err != nil {
		t.Fatal(err)
	}
	root, err := b.Tools(t.Context(), "packaging", tcz.Packages()...)
	if err != nil {
		t.Fatal(err)
	}
	var libraries []string
	programs := map[string]string{}
	for _, p := range list {
		dir := unsquash(t, root, p)
		libraries = append(libraries, filepath.Join(dir, "usr/lib", host.Triplet()))
		for _, name := range []string{"containerd", "containerd-shim-runc-v2", "dockerd", "docker", "runc"} {
			if file := filepath.Join(dir, "usr/bin", name); exists(file) {
				programs[name] = file
			}
		}
	}
	loaders, err := filepath.Glob(filepath.Join(libraries[0], "ld-linux-*.so.*"))
	if err != nil || len(loaders) != 1 {
		t.Fatalf("loaders of the first package: %v, %v", loaders, err)
	}
	for name, flag := range map[string]string{
		"containerd": "--version", "containerd-shim-runc-v2": "-v", "dockerd": "--version", "docker": "--version", "runc": "--version",
	} {
		cmd := exec.Command(loaders[0], "--library-path", strings.Join(libraries, ":"), programs[name], flag)
		cmd.Env = []string{"LD_BIND_NOW=1"}
		if out, err := cmd.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s %s: %v\n%s", name, flag, err, out)
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// packed makes packages, and gives the tools that read them.
func packed(t *testing.T, b *assemble.Builder, a arch.Arch, names ...string) ([]assemble.Package, *sandbox.Root) {
	t.Helper()
	list, err := b.Packages(t.Context(), a, names...)
	if err != nil {
		t.Fatal(err)
	}
	root, err := b.Tools(t.Context(), "packaging", tcz.Packages()...)
	if err != nil {
		t.Fatal(err)
	}
	return list, root
}
