package assemble_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/sshclient"
)

// version makes a package that says which version it is, with the head of a squashfs
// that was made at that time, and gives its line of a list.
func (g *guest) version(dir, name, manifest, version string, made uint32) string {
	g.t.Helper()
	file := filepath.Join(dir, name+".tcz")
	head := binary.LittleEndian.AppendUint32([]byte("hsqs\x07\x01\x00\x00"), made)
	data := string(head) + version
	g.write(file, data)
	g.write(file+".d/usr/share/floe/"+name, manifest)
	g.write(file+".d/usr/share/version/"+name, version)
	return fmt.Sprintf("%x  %s.tcz\n", sha256.Sum256([]byte(data)), name)
}

// reboot takes away what does not last.
func (g *guest) reboot() {
	g.t.Helper()
	for _, name := range []string{"usr/local", "usr/share"} {
		g.must(os.RemoveAll(g.path(name)))
	}
}

// What was downloaded wins over what the medium brings if it is newer.
func TestLoadNewest(t *testing.T) {
	for _, c := range []struct {
		kept, medium uint32
		want         string
	}{
		{100, 100, "medium"}, {0x01ff, 0x0200, "medium"}, {0x0200, 0x01ff, "kept"}, {0x7f_00_00_00, 0x80_00_00_00, "medium"},
	} {
		g := newGuest(t)
		g.write("run/tce/dirs", g.path("medium")+"\n")
		g.write("etc/floe/packages.sha256", g.version(optional, "tool", "", "kept", c.kept)+g.version("medium", "tool", "", "medium", c.medium))
		g.succeeds("tce-load", "-i", "tool")
		g.expect("usr/share/version/tool", c.want)
	}
}

// -w and -wi bring what the mirror has a newer one of, also where one is loaded; what
// is there is good enough where the mirror is gone.
func TestLoadUpdates(t *testing.T) {
	g := newGuest(t)
	mine, line, err := sshclient.Identity(t.TempDir())
	g.must(err)
	g.write("etc/floe/packages.keys", packageKey(t, line))
	offers := func(version string, made uint32) {
		sums := g.version("mirror", "libs", "", version, made) + g.version("mirror", "tool", "depends libs\n", version, made)
		g.write("mirror/tool.tcz.dep", "libs.tcz\n")
		g.write("mirror/packages.sha256", sums)
		signatures, err := assemble.SignSums([]byte(sums), mine)
		g.must(err)
		g.write("mirror/packages.sha256.sig", string(signatures))
	}
	mounts := func() { // where the fake mount looks
		for _, name := range []string{"libs", "tool"} {
			g.must(os.RemoveAll(g.path(optional + "/" + name + ".tcz.d")))
			g.must(os.CopyFS(g.path(optional+"/"+name+".tcz.d"), os.DirFS(g.path("mirror/"+name+".tcz.d"))))
		}
	}
	g.must(os.MkdirAll(g.path("data/optional"), 0o755))
	g.must(os.MkdirAll(g.path("run/tce"), 0o755))
	g.must(os.Symlink(g.path("data"), g.path("run/tce/dir")))
	server := httptest.NewServer(http.FileServer(http.Dir(g.path("mirror"))))
	defer server.Close()
	g.write("cmdline", "tce.mirror="+server.URL)

	offers("one", 100)
	mounts()
	g.succeeds("tce-load", "-wi", "tool")
	g.expect("usr/share/version/libs", "one")
	offers("two", 200)
	if out := g.succeeds("tce-load", "-wi", "tool"); !strings.Contains(out, "tool: a newer one is kept") {
		t.Errorf("an update says %q", out)
	}
	mounts()
	g.reboot()
	g.succeeds("tce-load", "-i", "tool")
	for _, name := range []string{"libs", "tool"} {
		g.expect("usr/share/version/"+name, "two")
	}
	offers("old", 150)
	if out := g.succeeds("tce-load", "-w", "tool"); !strings.Contains(out, "no newer") {
		t.Errorf("an older one says %q", out)
	}
	offers("three", 300)
	g.write("mirror/tool.tcz", "changed on the way")
	if out := g.succeeds("tce-load", "-w", "tool"); !strings.Contains(out, "tool: REFUSED") {
		t.Errorf("a wrong update says %q", out)
	}
	server.Close()
	g.reboot()
	if out := g.succeeds("tce-load", "-wi", "tool"); strings.Count(out, "cannot download") != 1 {
		t.Errorf("without a mirror it says %q", out)
	}
	g.expect("usr/share/version/tool", "two")
}

// A package of another architecture is refused, and leaves nothing.
func TestLoadOtherArchitecture(t *testing.T) {
	g := newGuest(t)
	other := arch.AMD64
	if arch.Host() == other {
		other = arch.ARM64
	}
	g.add(optional, "alien", "arch "+other.Debian()+"\n", map[string]string{"usr/bin/alien": ""})
	g.add(optional, "own", "arch "+arch.Host().Debian()+"\n", nil)
	g.refuses("alien: REFUSED: it is for "+other.Debian(), "tce-load", "-i", "alien")
	if _, err := os.Lstat(g.path("usr/bin/alien")); err == nil {
		t.Error("its files are there")
	}
	if _, err := os.Lstat(g.path("usr/local/tcz/alien")); err == nil {
		t.Error("it stays mounted")
	}
	g.succeeds("tce-load", "-i", "own")
}

// Settings on the data disk follow those of the package until somebody changes them;
// none is there in part. New ones that find no room keep no package from being loaded.
func TestLoadSettings(t *testing.T) {
	g := newGuest(t)
	g.must(os.MkdirAll(g.path("data/optional"), 0o755))
	g.must(os.MkdirAll(g.path("run/tce"), 0o755))
	g.must(os.MkdirAll(g.path("etc/docker"), 0o755))
	g.must(os.Symlink(g.path("data"), g.path("run/tce/dir")))
	boots := func(files map[string]string) (said string) {
		g.must(os.RemoveAll(g.path("run/further")))
		g.write("etc/floe/packages.sha256", "")
		g.add("run/further", "tool", "", files)
		g.write("run/tce/dirs", g.path("run/further")+"\n")
		g.reboot()
		return g.succeeds("tce-load", "-i", "tool")
	}
	boots(map[string]string{"etc/docker/a": "a1", "etc/docker/b": "b1", "etc/docker/d/.hidden": "h1", "etc/docker/gone": "g1"})
	g.expect("etc/docker/d/.hidden", "h1")
	g.write("etc/docker/b", "mine")
	boots(map[string]string{"etc/docker/a": "a2", "etc/docker/b": "b2", "etc/docker/d/.hidden": "h2", "etc/docker/d/new": "n2"})
	for name, want := range map[string]string{"a": "a2", "b": "mine", "d/.hidden": "h2", "d/new": "n2"} {
		g.expect("etc/docker/"+name, want)
	}
	if _, err := os.Stat(g.path("etc/docker/gone")); err == nil {
		t.Error("what the package has no longer, and nobody changed, is still there")
	}
	if left, _ := filepath.Glob(g.path("etc/docker/.tcz*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
	boots(map[string]string{"etc/docker/a": "a3", "etc/docker/b": "b3"})
	g.expect("etc/docker/a", "a3")
	g.expect("etc/docker/b", "mine")
	g.must(os.Remove(filepath.Join(g.bin, "sync")))
	g.must(os.WriteFile(filepath.Join(g.bin, "sync"), []byte("#!/bin/sh\nexit 1\n"), 0o755)) // as on a full disk
	if said := boots(map[string]string{"etc/docker/a": "a3", "etc/docker/b": "b3", "etc/docker/new": "n3"}); !strings.Contains(said, "no room for settings in etc/docker") {
		t.Errorf("it does not say what is missing: %q", said)
	}
	g.expect("etc/docker/a", "a3")
	if left, _ := filepath.Glob(g.path("etc/docker/*n*")); left != nil {
		t.Errorf("there in part: %q", left)
	}
}

// A package that is named with its folder is known by the signed list there, at the next
// boot as well if it is to stay.
func TestLoadFolder(t *testing.T) {
	g := newGuest(t)
	mine, line, err := sshclient.Identity(t.TempDir())
	g.must(err)
	g.write("etc/floe/packages.keys", packageKey(t, line))
	g.write("etc/floe/packages.sha256", "")
	sums := g.version("pack", "tool", "depends libs\n", "packed", 100) + g.version("pack", "libs", "", "packed", 100)
	g.write("pack/tool.tcz.dep", "libs.tcz\n")
	g.write("pack/packages.sha256", sums)
	g.refuses("not among the packages", "tce-load", "-i", g.path("pack/tool.tcz"))
	signatures, err := assemble.SignSums([]byte(sums), mine)
	g.must(err)
	g.write("pack/packages.sha256.sig", string(signatures))
	g.succeeds("tce-load", "-wi", g.path("pack/tool.tcz"))
	g.expect("usr/share/version/tool", "packed")
	for _, name := range []string{"libs", "tool"} { // where the fake mount looks
		g.must(os.Rename(g.path("pack/"+name+".tcz.d"), g.path(optional+"/"+name+".tcz.d")))
	}
	g.must(os.RemoveAll(g.path("pack")))
	g.reboot()
	g.succeeds("tce-load", "-i", "tool")
	for _, name := range []string{"libs", "tool"} {
		g.expect("usr/share/version/"+name, "packed")
	}
}
