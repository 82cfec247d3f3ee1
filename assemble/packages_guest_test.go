package assemble_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/assets"
	"floe/internal/sshclient"
)

// guest is a folder that looks to tce-load like a booted system: its scripts
// run in the build's own busybox, as nobody in particular. Only mount and umount
// are others: one copies the folder FILE.d, the other removes the copy.
type guest struct {
	t    *testing.T
	root string
	bin  string // of applets, the PATH
}

const (
	fakeMount = `#!/bin/sh
while [ $# -gt 2 ]; do shift; done
cp -a "$1.d/." "$2"
`
	fakeUmount = `#!/bin/sh
while [ $# -gt 1 ]; do shift; done
rm -r "$1"/*
`
)

func newGuest(t *testing.T) *guest {
	t.Helper()
	programs := programsHere(t, packageBuilder(t))
	g := &guest{t: t, root: t.TempDir(), bin: t.TempDir()}
	busybox := filepath.Join(programs, "busybox")
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(strings.Fields(string(list)), "busybox") {
		if name != "mount" && name != "umount" {
			g.must(os.Symlink(busybox, filepath.Join(g.bin, name)))
		}
	}
	g.must(os.Symlink(filepath.Join(programs, "sigcheck"), filepath.Join(g.bin, "sigcheck")))
	g.must(os.WriteFile(filepath.Join(g.bin, "mount"), []byte(fakeMount), 0o755))
	g.must(os.WriteFile(filepath.Join(g.bin, "umount"), []byte(fakeUmount), 0o755))
	for _, e := range assets.Rootfs() {
		if strings.HasPrefix(e.Path, "etc/floe/") && e.Data != nil || e.Path == "etc/group" || e.Path == "etc/passwd" {
			g.write(e.Path, string(e.Data))
		}
	}
	g.write("etc/floe/user", "floe\n")
	g.write("usr/bin/busybox", "")
	g.must(os.Symlink("busybox", g.path("usr/bin/ps")))
	return g
}

func (g *guest) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) path(name string) string { return filepath.Join(g.root, name) }

func (g *guest) write(name, text string) {
	g.t.Helper()
	g.must(os.MkdirAll(filepath.Dir(g.path(name)), 0o755))
	g.must(os.WriteFile(g.path(name), []byte(text), 0o755))
}

// add makes a package in a folder, and lists it among the image's.
func (g *guest) add(dir, name, manifest string, files map[string]string) {
	g.t.Helper()
	file := filepath.Join(dir, name+".tcz")
	g.write(file, "package "+name)
	g.write(file+".d/usr/share/floe/"+name, manifest)
	for path, text := range files {
		g.write(file+".d/"+path, text)
	}
	for line := range strings.Lines(manifest) {
		if dep, ok := strings.CutPrefix(line, "depends "); ok {
			old, _ := os.ReadFile(g.path(file + ".dep"))
			g.write(file+".dep", string(old)+strings.TrimSpace(dep)+".tcz\n")
		}
	}
	sums, _ := os.ReadFile(g.path("etc/floe/packages.sha256"))
	g.write("etc/floe/packages.sha256", fmt.Sprintf("%s%x  %s.tcz\n", sums, sha256.Sum256([]byte("package "+name)), name))
}

// run runs one of the guest's scripts and gives what it said.
func (g *guest) run(script string, args ...string) (string, error) {
	g.t.Helper()
	var text []byte
	for _, e := range assets.Rootfs() {
		if e.Path == "usr/bin/"+script {
			text = e.Data
		}
	}
	name := filepath.Join(g.bin, script)
	g.must(os.WriteFile(name, []byte(strings.Replace(string(text), "#!/bin/sh", "#!"+filepath.Join(g.bin, "sh"), 1)), 0o755))
	ctx, cancel := context.WithTimeout(g.t.Context(), 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"PATH=" + g.bin, "TCE_ROOT=" + g.root, "bc_cmdline=" + g.path("cmdline")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g *guest) succeeds(script string, args ...string) string {
	g.t.Helper()
	out, err := g.run(script, args...)
	if err != nil {
		g.t.Fatalf("%s %s: %v\n%s", script, strings.Join(args, " "), err, out)
	}
	return out
}

func (g *guest) refuses(want, script string, args ...string) {
	g.t.Helper()
	out, err := g.run(script, args...)
	if err == nil || !strings.Contains(out, want) {
		g.t.Errorf("%s %s: %v, and no word of %q:\n%s", script, strings.Join(args, " "), err, want, out)
	}
}

func (g *guest) read(name string) string {
	data, err := os.ReadFile(g.path(name))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (g *guest) expect(name, want string) {
	g.t.Helper()
	if got := g.read(name); got != want {
		g.t.Errorf("/%s is %q, want %q", name, got, want)
	}
}

const optional = "run/tce/dir/optional"

// Loading merges into /usr, dependencies first; what is there stays, but for
// applets; doing it twice does nothing.
func TestLoadMerges(t *testing.T) {
	g := newGuest(t)
	g.add(optional, "libs", "", map[string]string{"usr/lib/liba.so": "liba of libs", "usr/lib64/ld.so": "loader"})
	g.add(optional, "tool", "depends libs\ngroup tool 950 @user other\nuser toold 950 950 /run/tool\nsubids @user\nservice tool\n", map[string]string{
		"usr/bin/tool": "tool", "usr/bin/ps": "better ps", "usr/bin/sh": "no shell of ours",
		"usr/lib/liba.so": "liba of tool", "etc/tool.conf": "default", "etc/mine.conf": "default", "etc/sv/tool/run": "#!/bin/sh\n",
	})
	g.write("etc/mine.conf", "mine")
	g.must(os.Symlink("busybox", g.path("usr/bin/sh")))
	for range 2 {
		g.succeeds("tce-load", "-i", "tool")
		g.expect("usr/bin/tool", "tool")
		g.expect("usr/bin/ps", "better ps")
		g.expect("usr/bin/sh", "")
		g.expect("usr/lib/liba.so", "liba of libs")
		g.expect("lib64/ld.so", "loader")
		g.expect("etc/tool.conf", "default")
		g.expect("etc/mine.conf", "mine")
	}
	if target, _ := os.Readlink(g.path("usr/bin/tool")); target != g.path("usr/local/tcz/tool/usr/bin/tool") {
		t.Errorf("/usr/bin/tool leads to %s", target)
	}
	if target, _ := os.Readlink(g.path("run/service/tool")); target != "/etc/sv/tool" {
		t.Errorf("the service leads to %s", target)
	}
	for name, line := range map[string]string{
		"etc/group": "tool:*:950:floe,other\n", "etc/passwd": "toold:*:950:950:toold:/run/tool:/usr/bin/false\n",
		"etc/subuid": "floe:100000:65536\n", "etc/subgid": "floe:100000:65536\n",
	} {
		if n := strings.Count(g.read(name), line); n != 1 {
			t.Errorf("/%s has %q %d times", name, line, n)
		}
	}
	if got := g.succeeds("tce-status", "-i"); got != "libs\ntool\n" {
		t.Errorf("tce-status: %q", got)
	}
}

// Packages that depend on each other in a circle are loaded, once each.
func TestLoadCircle(t *testing.T) {
	g := newGuest(t)
	g.add(optional, "hen", "depends egg\n", nil)
	g.add(optional, "egg", "depends hen\n", nil)
	g.succeeds("tce-load", "-i", "hen", "egg.tcz")
	if got := g.succeeds("tce-status"); got != "egg\nhen\n" {
		t.Errorf("loaded: %q", got)
	}
}

// A package that is not what the image knows is not even mounted, and what
// depends on it does not stay mounted.
func TestLoadRefuses(t *testing.T) {
	g := newGuest(t)
	g.add(optional, "libs", "", nil)
	g.add(optional, "tool", "depends libs\n", nil)
	g.add(optional, "other", "depends libs\n", nil)
	g.add(optional, "good", "", nil)
	g.write(optional+"/libs.tcz", "something else")
	g.refuses("libs: REFUSED", "tce-load", "-i", "tool", "good")
	g.refuses("other: not loaded, for it needs libs", "tce-load", "-i", "tool", "other", "good")
	g.refuses("not among the packages that this image knows", "tce-load", "-i", "stranger")
	g.refuses("not a package name", "tce-load", "-i", "../x/..")
	g.refuses("not a package name", "tce-load", "-i", "Tool;reboot")
	g.refuses("REFUSED", "tce-load", "-i", g.path(optional+"/libs.tcz"))
	g.refuses("tce-load -i NAME", "tce-load")
	if got := g.succeeds("tce-status"); got != "good\n" {
		t.Errorf("loaded: %q", got)
	}
	for _, name := range []string{"libs", "tool", "other"} {
		if _, err := os.Stat(g.path("usr/local/tcz/" + name)); err == nil {
			t.Errorf("%s is mounted", name)
		}
	}
	g.write(optional+"/libs.tcz", "package libs")
	g.write(optional+"/tool.tcz", "something else") // looked at again
	g.refuses("tool: REFUSED", "tce-load", "-i", "tool")
	g.write(optional+"/tool.tcz", "package tool")
	g.succeeds("tce-load", "-i", "tool")
	// A damaged download does not stand in the way of the medium's own.
	g.add("medium", "extra", "", nil)
	g.must(os.Rename(g.path("medium/extra.tcz.d"), g.path("medium/moved")))
	g.must(os.Symlink("moved", g.path("medium/extra.tcz.d")))
	g.write(optional+"/extra.tcz", "package exts, newer and damaged")
	g.write("run/tce/dirs", g.path("medium")+"\n")
	if out := g.succeeds("tce-load", "-i", "extra"); !strings.Contains(out, "REFUSED") {
		t.Errorf("the damaged one is not told of: %s", out)
	}
}

// A medium that cannot be read gives no sum, and that is not the right one.
func TestLoadUnreadable(t *testing.T) {
	g := newGuest(t)
	g.add(optional, "libs", "", nil)
	g.must(os.Remove(g.path(optional + "/libs.tcz")))
	g.must(os.Symlink("/proc/self/clear_refs", g.path(optional+"/libs.tcz"))) // can only be written
	g.refuses("libs: REFUSED", "tce-load", "-i", "libs")
}

// -w downloads with dependencies, -wi loads and remembers, -wl forgets.
func TestLoadFromMirror(t *testing.T) {
	g := newGuest(t)
	for _, p := range []struct{ name, manifest string }{{"libs", ""}, {"tool", "depends libs\n"}, {"other", "depends libs\n"}, {"bad", ""}} {
		g.add("mirror", p.name, p.manifest, nil)
		g.must(os.MkdirAll(g.path(optional), 0o755)) // where the fake mount looks
		g.must(os.Rename(g.path("mirror/"+p.name+".tcz.d"), g.path(optional+"/"+p.name+".tcz.d")))
	}
	g.write("mirror/bad.tcz", "changed on the way")
	server := httptest.NewServer(http.FileServer(http.Dir(g.path("mirror"))))
	defer server.Close()

	g.refuses("no mirror", "tce-load", "-wi", "tool")
	g.write("cmdline", "quiet tce.mirror="+server.URL+"/\n")
	g.refuses("no such package on the medium", "tce-load", "-i", "tool")
	g.succeeds("tce-load", "-w", "tool")
	g.expect(optional+"/tool.tcz", "package tool")
	g.expect(optional+"/libs.tcz", "package libs")
	if got := g.succeeds("tce-status"); got != "" {
		t.Errorf("-w loaded %q", got)
	}
	could := func(want ...string) {
		t.Helper()
		var lines string
		for _, name := range want {
			lines += name + " " + g.path(optional+"/"+name+".tcz") + "\n"
		}
		if got := g.succeeds("tce-status", "-a"); got != lines {
			t.Errorf("could be loaded: %q, want %q", got, lines)
		}
	}
	could("libs", "tool")
	g.succeeds("tce-load", "-i", "libs")
	could("tool")
	g.succeeds("tce-load", "-wi", "tool")
	could()
	g.succeeds("tce-load", "-wi", "tool")
	g.succeeds("tce-load", "-wl", "other")
	if got := g.succeeds("tce-status", "-i"); got != "libs\nother\ntool\n" {
		t.Errorf("loaded: %q", got)
	}
	g.expect("run/tce/dir/onboot.lst", "tool.tcz\n")
	g.write("run/tce/dir/onboot.lst", "# mine\r\ntool.tcz") // somebody edited it
	g.add("elsewhere", "brought", "", nil)
	g.must(os.Rename(g.path("elsewhere/brought.tcz.d"), g.path(optional+"/brought.tcz.d")))
	g.must(os.Symlink(g.path(optional+"/brought.tcz.d"), g.path("elsewhere/brought.tcz.d")))
	g.succeeds("tce-load", "-wi", g.path("elsewhere/brought.tcz"))
	g.expect(optional+"/brought.tcz", "package brought")
	g.expect("run/tce/dir/onboot.lst", "# mine\r\ntool.tcz\nbrought.tcz\n")
	if got := g.succeeds("tce-status", "-o"); got != "brought\ntool\n" {
		t.Errorf("loaded at boot: %q", got)
	}
	g.write("elsewhere/tool.tcz", "not the one that is loaded")
	g.refuses("REFUSED", "tce-load", "-wi", g.path("elsewhere/tool.tcz"))
	g.expect(optional+"/tool.tcz", "package tool")
	g.refuses("bad: REFUSED", "tce-load", "-wi", "bad")
	for _, name := range []string{"bad.tcz", "bad.tcz.part"} {
		if _, err := os.Stat(g.path(optional + "/" + name)); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
	server.Close()
	g.refuses("cannot download", "tce-load", "-w", "bad")
}

// packageKey is a line of packages.keys, for a line of authorized_keys.
func packageKey(t *testing.T, line string) string {
	t.Helper()
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(public.(ssh.CryptoPublicKey).CryptoPublicKey().(ed25519.PublicKey)) + "\n"
}

// A list of sums from the mirror counts if one of those signed it who may log
// in; it is kept, and checked again when it is used.
func TestLoadSigned(t *testing.T) {
	g := newGuest(t)
	g.add("mirror", "libs", "", nil)
	g.add("mirror", "tool", "depends libs\n", nil)
	g.must(os.MkdirAll(g.path(optional), 0o755))
	for _, name := range []string{"libs", "tool"} { // where the fake mount looks
		g.must(os.Rename(g.path("mirror/"+name+".tcz.d"), g.path(optional+"/"+name+".tcz.d")))
	}
	sums := g.read("etc/floe/packages.sha256")
	g.write("etc/floe/packages.sha256", "")
	g.write("mirror/packages.sha256", sums)
	server := httptest.NewServer(http.FileServer(http.Dir(g.path("mirror"))))
	defer server.Close()
	g.write("cmdline", "tce.mirror="+server.URL)
	sign := func(data string, keys ...ssh.Signer) {
		signatures, err := assemble.SignSums([]byte(data), keys...)
		g.must(err)
		g.write("mirror/packages.sha256.sig", string(signatures))
	}
	mine, line, err := sshclient.Identity(t.TempDir())
	g.must(err)
	other, _, err := sshclient.Identity(t.TempDir())
	g.must(err)
	g.write("etc/floe/packages.keys", base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"+packageKey(t, line))

	g.refuses("cannot download", "tce-load", "-w", "tool") // no signature
	sign(sums, other)
	g.refuses("REFUSED", "tce-load", "-w", "tool")
	sign(sums+" ", mine)
	g.refuses("REFUSED", "tce-load", "-w", "tool")
	sign(sums, other, mine)
	g.succeeds("tce-load", "-wi", "tool")
	if got := g.succeeds("tce-status"); got != "libs\ntool\n" {
		t.Errorf("loaded: %q", got)
	}
	// The next boot: nothing is downloaded, and a changed list is not believed.
	again := func() {
		for _, name := range []string{"usr/local/tce.installed", "usr/local/tcz"} {
			g.must(os.RemoveAll(g.path(name)))
		}
	}
	// Nor is anything lost by a later list that names other packages.
	g.add("mirror", "more", "", nil)
	g.must(os.Rename(g.path("mirror/more.tcz.d"), g.path(optional+"/more.tcz.d")))
	later := g.read("etc/floe/packages.sha256")
	g.write("etc/floe/packages.sha256", "")
	g.write("mirror/packages.sha256", later)
	sign(later, mine)
	g.succeeds("tce-load", "-w", "more")
	server.Close()
	again()
	g.succeeds("tce-load", "-i", "tool", "more")
	again()
	lists, err := filepath.Glob(g.path("run/tce/dir/packages-*.sha256"))
	if err != nil || len(lists) != 1 {
		t.Fatalf("%q, %v", lists, err)
	}
	g.must(os.Remove(lists[0]))
	g.must(os.Rename(lists[0]+".sig", g.path("run/tce/dir/packages.sha256.sig")))
	g.write("run/tce/dir/packages.sha256", sums+"\n")
	g.refuses("not among the packages", "tce-load", "-i", "tool")
	// A further folder has a signed list of its own.
	g.must(os.Rename(g.path("run/tce/dir"), g.path("further")))
	g.write("run/tce/dirs", g.path("further/optional")+"\n")
	again()
	g.refuses("not among the packages", "tce-load", "-i", "tool")
	g.write("further/packages.sha256", sums)
	again()
	g.succeeds("tce-load", "-i", "tool")
}
