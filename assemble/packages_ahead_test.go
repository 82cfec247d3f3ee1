package assemble_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What lies beside a package is looked at while its sum is made, and is believed in
// nothing: neither that the package is right nor that it needs no more.
func TestLoadAhead(t *testing.T) {
	g := newGuest(t)
	g.add(optional, "libs", "", nil)
	g.add(optional, "tool", "depends libs\n", nil)
	g.write(optional+"/tool.tcz", "something else")
	g.refuses("tool: REFUSED", "tce-load", "-i", "tool")
	g.write(optional+"/tool.tcz", "package tool")
	g.write(optional+"/tool.tcz.dep", "nothing.tcz\nlibs.tcz\n")
	g.refuses("tool: not loaded, for it needs nothing", "tce-load", "-i", "tool")
	if got := g.succeeds("tce-status"); got != "" {
		t.Errorf("loaded: %q", got)
	}

	g = newGuest(t)
	g.add(optional, "libs", "", nil)
	g.add(optional, "tool", "depends libs\n", nil)
	g.must(os.Remove(g.path(optional + "/tool.tcz.dep")))
	g.succeeds("tce-load", "-i", "tool")
	if got := g.succeeds("tce-status"); got != "libs\ntool\n" {
		t.Errorf("loaded: %q", got)
	}
	if left, _ := filepath.Glob(g.path("run/tce/sum*")); left != nil {
		t.Errorf("left behind: %q", left)
	}

	// The sum was made of the medium's file, and another one was named.
	g = newGuest(t)
	g.add(optional, "libs", "", nil)
	g.add(optional, "tool", "depends libs\n", nil)
	g.write("home/libs.tcz", "something else")
	g.refuses("libs: REFUSED", "tce-load", "-i", g.path("home/libs.tcz"), "tool")
}

// A program is read ahead where there is a second processor for it and memory to
// spare, whatever comes of the one before. The shell compares numbers of 64 bits.
func TestReadAhead(t *testing.T) {
	g := newGuest(t)
	g.must(os.Remove(filepath.Join(g.bin, "cat")))
	g.must(os.WriteFile(filepath.Join(g.bin, "cat"), []byte("#!"+filepath.Join(g.bin, "sh")+"\necho \"$1\" >>"+g.path("read")+"\n"), 0o755))
	g.write("small", "a program")
	g.write("huge", "")
	g.must(os.Truncate(g.path("huge"), 1<<42)) // a hole: larger than any machine's memory
	cmd := exec.Command(filepath.Join(g.bin, "sh"), g.path("etc/floe/ahead"), g.path("none"), g.path("huge"), g.path("small"))
	cmd.Env = []string{"PATH=" + g.bin}
	out, err := cmd.CombinedOutput()
	want := g.path("small") + "\n"
	if _, one := os.Stat("/sys/devices/system/cpu/cpu1"); one != nil {
		want = g.read("read")
	}
	if got := g.read("read"); err != nil || got != want {
		t.Errorf("read ahead: %q, not %q (%v)\n%s", got, want, err, out)
	}
}

// What a package names is read as soon as it is mounted, before the last of what it
// needs is loaded.
func TestLoadReadsAhead(t *testing.T) {
	g := newGuest(t)
	g.write("etc/floe/ahead", "#!"+filepath.Join(g.bin, "sh")+"\necho \"$1\" >"+g.path("read")+"\n")
	g.add(optional, "libs", "", nil)
	g.add(optional, "tool", "ahead usr/bin/tool\ndepends libs\n", nil)
	g.succeeds("tce-load", "-i", "tool")
	want := g.path("usr/local/tcz/tool/usr/bin/tool") + "\n"
	for range 100 { // nobody waits for it
		if g.read("read") == want {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	g.expect("read", want)
	if got := g.succeeds("tce-status"); got != "libs\ntool\n" {
		t.Errorf("loaded: %q", got)
	}
}
