package tcz

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"floe/assets"
	"floe/internal/arch"
)

// The table that is in the program is sound: it parses, nothing depends on
// what is not there, and no two packages have the same group, user or service.
func TestTable(t *testing.T) {
	table, err := ReadTable(assets.Packages())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"docker", "podman", "openssh", "compose", "buildx", "git", "e2fsprogs"} {
		if _, ok := table[want]; !ok {
			t.Errorf("no package %s", want)
		}
	}
	ids, owners := map[int]string{}, map[string]string{}
	for _, name := range table.Names() {
		d := table[name]
		if strings.HasSuffix(d.Site, "/") == false || !strings.HasPrefix(d.Site, "https://") {
			t.Errorf("%s: site %q", name, d.Site)
		}
		own := []string{}
		for _, g := range d.Groups {
			own = append(own, "group "+g.Name)
			if other, taken := ids[g.ID]; taken {
				t.Errorf("%s and %s: both have group %d", name, other, g.ID)
			}
			ids[g.ID] = name
		}
		for _, s := range d.Services {
			own = append(own, "service "+s)
		}
		for _, f := range d.Files {
			own = append(own, "file "+f.Path)
		}
		for _, what := range own {
			if other, taken := owners[what]; taken {
				t.Errorf("%s and %s: both have %s", name, other, what)
			}
			owners[what] = name
		}
	}
	got, err := table.Closure("docker")
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != "glibc" || got[len(got)-1] != "docker" {
		t.Errorf("docker is loaded in the order %v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key":     {"title = 'x'\npath = ['usr/bin/x']", "strict mode"},
		"no title":        {"debian = ['x']\npaths = ['usr/bin/x']", "title"},
		"nothing to pack": {"title = 'x'\ndebian = ['x']", "no paths"},
		"absolute":        {"title = 'x'\npaths = ['/usr/bin/x']", "not below usr"},
		"leads out":       {"title = 'x'\npaths = ['usr/../../x']", "not below usr"},
		"elsewhere":       {"title = 'x'\npaths = ['var/lib/x']", "not below usr"},
		"bad pattern":     {"title = 'x'\npaths = ['usr/bin/[']", "syntax error"},
		"itself":          {"title = 'x'\ndepends = ['x']", "itself"},
		"a person's id":   {"title = 'x'\n[[group]]\nname = 'x'\nid = 1000", "1000"},
		"user with colon": {"title = 'x'\n[[user]]\nname = 'x:y'\nid = 950\ngroup = 950\nhome = '/x'", "no name"},
		"mode":            {"title = 'x'\n[modes]\n'usr/bin/x' = '9755'", "mode"},
		"service":         {"title = 'x'\nservices = ['x']", "no script"},
	} {
		if _, err := Parse("x", []byte(tt.text), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("Bad Name", []byte("title = 'x'"), nil); err == nil {
		t.Error("a bad name was taken")
	}
}

func TestTableRefuses(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	_, err := ReadTable(fstest.MapFS{"hen.toml": file("title='x'\ndepends=['egg']"), "egg.toml": file("title='x'\ndepends=['hen']")})
	if err == nil || !strings.Contains(err.Error(), "circle: egg > hen > egg") {
		t.Errorf("a circle: %v", err)
	}
	_, err = ReadTable(fstest.MapFS{"hen.toml": file("title='x'\ndepends=['egg']")})
	if err == nil || !strings.Contains(err.Error(), `no package "egg", which hen depends on`) {
		t.Errorf("a name that is not there: %v", err)
	}
}

func TestManifest(t *testing.T) {
	d, err := Parse("x", []byte("title='x'\ndepends=['glibc','y']\nservices=['x']\nahead=['usr/bin/x']\nsubids=true\n[[group]]\nname='g'\nid=950\nmembers=['@user','u']\n"+
		"[[user]]\nname='u'\nid=951\ngroup=950\nhome='/run/x'"), fstest.MapFS{"etc/sv/x/run": {Data: []byte("#!/bin/sh\n")}})
	if err != nil {
		t.Fatal(err)
	}
	want := "arch arm64\nahead usr/bin/x\ndepends glibc\ndepends y\ngroup g 950 @user u\nuser u 951 950 /run/x\nsubids @user\nservice x\n"
	if got := string(d.manifest(arch.ARM64)); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	other := d
	other.Files = []File{{Path: "etc/sv/x/run", Mode: 0o755, Data: []byte("#!/bin/sh\nexit\n")}}
	if d.Digest() == other.Digest() {
		t.Error("another script, the same digest")
	}
}

// tree is an index of links, folders and empty files.
func tree(paths map[string]string) *index {
	x := &index{entries: map[string]entry{}}
	for name, target := range paths {
		x.entries[name] = entry{deb: "d", target: target, dir: target == "/"}
		if target == "/" {
			x.entries[name] = entry{deb: "d", dir: true}
		}
		x.names = append(x.names, name)
	}
	slices.Sort(x.names)
	return x
}

func TestResolve(t *testing.T) {
	x := tree(map[string]string{
		"lib": "usr/lib", "usr": "/", "usr/lib": "/", "usr/lib/a.so": "a.so.1", "usr/lib/a.so.1": "/lib/a.so.1.2", "usr/lib/a.so.1.2": "",
		"usr/lib/loop": "loop", "usr/lib/gone": "nowhere", "usr/lib/out": "../../../../etc/x",
	})
	end, links, err := x.resolve("/lib/a.so")
	if err != nil || end != "usr/lib/a.so.1.2" || !slices.Equal(links, []string{"lib", "usr/lib/a.so", "usr/lib/a.so.1", "lib"}) {
		t.Errorf("%q by %q: %v", end, links, err)
	}
	if _, _, err := x.resolve("usr/lib/loop"); !errors.Is(err, errCircle) {
		t.Errorf("a circle: %v", err)
	}
	if _, _, err := x.resolve("usr/lib/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link to nothing: %v", err)
	}
	if _, _, err := x.resolve("usr/lib/out"); err == nil {
		t.Error("a link out of the root was followed")
	}
	if got := x.match("usr/lib/a.so*"); len(got) != 3 {
		t.Errorf("matched %v", got)
	}
	if got := x.match("usr/lib"); len(got) != 6 {
		t.Errorf("the folder has %v", got)
	}
}

func TestRunPath(t *testing.T) {
	n := needs{paths: []string{"$ORIGIN/../private", "/opt/lib"}}
	want := []string{"usr/private", "opt/lib", "usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib64", "usr/bin"}
	if got := n.folders("usr/bin/x", "amd64"); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestPrivateLibraries: systemd's libraries lie in a folder of their own and
// tell nothing of it when they need each other.
func TestPrivateLibraries(t *testing.T) {
	const dir = "usr/lib/x86_64-linux-gnu/systemd/"
	x := tree(map[string]string{
		"usr": "/", "usr/lib": "/", "usr/lib/x86_64-linux-gnu": "/", path.Clean(dir): "/", dir + "core.so": "", dir + "shared.so": "",
	})
	c := newChoice("amd64", x, nil)
	if err := c.libraries(dir+"core.so", needs{libraries: []string{"shared.so"}}); err != nil || !c.taken[dir+"shared.so"] {
		t.Errorf("%v, took %v", err, c.taken)
	}
	if err := newChoice("amd64", x, nil).libraries("usr/bin/x", needs{libraries: []string{"shared.so"}}); err == nil {
		t.Error("a program without a path found a private library")
	}
}

func TestNotELF(t *testing.T) {
	name := t.TempDir() + "/x"
	for _, text := range []string{"", "#!/bin/sh\n", "\x7fEL"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readNeeds(name, "amd64"); !errors.Is(err, errNotELF) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestIsC(t *testing.T) {
	for name, want := range map[string]bool{
		"malloc": true, "_cgo_panic": true, "x86_64": true, "main.main": false, "type:*os.File": false, "go:itab.a,b": false,
	} {
		if isC(name) != want {
			t.Errorf("%q", name)
		}
	}
}

// A table with one bucket is looked up as glibc does it.
func TestGnuHash(t *testing.T) {
	names := []string{"environ", "stderr", "_cgo_panic", "crosscall2"}
	table := gnuHash(7, names)
	find := func(name string) int {
		le, h := binary.LittleEndian, uint32(5381)
		for _, c := range []byte(name) {
			h = h*33 + uint32(c)
		}
		words, shift := le.Uint32(table[8:]), le.Uint32(table[12:])
		word := le.Uint64(table[16+8*(h/64%words):])
		if word>>(h%64)&1 == 0 || word>>(h>>shift%64)&1 == 0 {
			return -1
		}
		chain := table[16+8*words+4:]
		for i := 0; ; i++ {
			v := le.Uint32(chain[4*i:])
			if v|1 == h|1 && names[i] == name {
				return 7 + i
			}
			if v&1 != 0 {
				return -1
			}
		}
	}
	for i, name := range names {
		if got := find(name); got != 7+i {
			t.Errorf("%s is found at %d", name, got)
		}
	}
	if find("main.main") != -1 {
		t.Error("a name that is not there was found")
	}
	if err := trim([]byte("no program")); err == nil {
		t.Error("something else was trimmed")
	}
	var format *elf.FormatError
	if err := trim(bytes.Repeat([]byte{0}, 64)); !errors.As(err, &format) {
		t.Errorf("%v", err)
	}
}
