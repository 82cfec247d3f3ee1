package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/fault"
)

// A pack is a package to be made: the entries of its data archive.
type pack struct {
	name    string
	entries []tar.Header
	content map[string]string // of files, by name
}

func file(name, content string, mode int64) pack {
	return pack{
		entries: []tar.Header{{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), ModTime: time.Unix(1e9, 0)}},
		content: map[string]string{name: content},
	}
}

func folder(name string, mode int64) pack {
	return pack{entries: []tar.Header{{Typeflag: tar.TypeDir, Name: name, Mode: mode}}}
}

func link(kind byte, name, target string) pack {
	return pack{entries: []tar.Header{{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}}}
}

// packed puts parts into one package.
func packed(name string, parts ...pack) pack {
	p := pack{name: name, content: map[string]string{}}
	for _, part := range parts {
		p.entries = append(p.entries, part.entries...)
		for name, content := range part.content {
			p.content[name] = content
		}
	}
	return p
}

// tarOf makes a tar archive.
func tarOf(t *testing.T, p pack) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range p.entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(p.content[h.Name])); err != nil && h.Typeflag == tar.TypeReg {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write makes .deb files, see deb(5).
func write(t *testing.T, packs ...pack) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, p := range packs {
		control := "Package: " + p.name + "\nVersion: 1\nArchitecture: all\n"
		var b bytes.Buffer
		b.WriteString("!<arch>\n")
		for _, m := range []struct {
			name string
			data []byte
		}{
			{"debian-binary", []byte("2.0\n")},
			{"control.tar", tarOf(t, file("./control", control, 0o644))},
			{"data.tar", tarOf(t, p)},
		} {
			fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", m.name, 0, 0, 0, 0o100644, len(m.data))
			b.Write(m.data)
			if len(m.data)%2 == 1 {
				b.WriteByte('\n')
			}
		}
		path := filepath.Join(dir, p.name+".deb")
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// listing describes a tree: kind, mode, path, and content, target or time.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%v %s", info.Mode(), rel)
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			b.WriteString(" -> " + target)
		case d.Type().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d %q", info.ModTime().Unix(), text)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func unpackTo(t *testing.T, debs []string) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	return dir, Unpack(t.Context(), debs, dir, nil)
}

func TestUnpackTree(t *testing.T) {
	old := unix.Umask(0o077) // must not matter
	defer unix.Umask(old)
	var seen []int
	dir := filepath.Join(t.TempDir(), "root")
	err := Unpack(t.Context(), write(t, packed("tool",
		folder("./", 0o755), folder("./bin/", 0o755), file("./bin/mawk", "m", 0o4755), file("./lib64/ld.so", "l", 0o400),
		folder("./usr/share/man/", 0o755), file("./usr/share/man/x", "x", 0o644),
		file("./usr/share/doc/tool/README", "x", 0o644), file("./usr/share/doc/tool/copyright", "c", 0o644),
		link(tar.TypeLink, "./usr/bin/hard", "./bin/mawk"), link(tar.TypeSymlink, "./etc/soft", "/nowhere"),
		folder("./private/", 0o500), pack{entries: []tar.Header{{Typeflag: tar.TypeChar, Name: "./dev/mem", Devmajor: 1}}},
	)), dir, func(done, total int) { seen = append(seen, done, total) })
	if err != nil {
		t.Fatal(err)
	}
	want := `drwxr-xr-x .
Lrwxrwxrwx bin -> usr/bin
drwxr-xr-x build
drwxr-xr-x dev
drwxr-xr-x etc
-rw-r--r-- etc/group 0 "root:x:0:\nnogroup:x:65534:\n"
-rw-r--r-- etc/hosts 0 "127.0.0.1 localhost floe\n::1 localhost\n"
-rw-r--r-- etc/passwd 0 "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
Lrwxrwxrwx etc/soft -> /nowhere
Lrwxrwxrwx lib -> usr/lib
Lrwxrwxrwx lib64 -> usr/lib64
drwxr-xr-x private
drwxr-xr-x proc
Lrwxrwxrwx sbin -> usr/sbin
drwxr-xr-x sys
drwxr-xr-x tmp
drwxr-xr-x usr
drwxr-xr-x usr/bin
Lrwxrwxrwx usr/bin/awk -> mawk
-rwxr-xr-x usr/bin/hard 1000000000 "m"
-rwxr-xr-x usr/bin/mawk 1000000000 "m"
Lrwxrwxrwx usr/bin/nawk -> mawk
drwxr-xr-x usr/lib
drwxr-xr-x usr/lib64
-rw-r--r-- usr/lib64/ld.so 1000000000 "l"
drwxr-xr-x usr/sbin
drwxr-xr-x usr/share
drwxr-xr-x usr/share/doc
drwxr-xr-x usr/share/doc/tool
-rw-r--r-- usr/share/doc/tool/copyright 1000000000 "c"
`
	if got := listing(t, dir); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !slices.Equal(seen, []int{1, 1}) {
		t.Errorf("progress %v", seen)
	}
}

// The order of the packages, and which of them is quicker, changes nothing.
func TestUnpackOrder(t *testing.T) {
	var packs []pack
	for i := range 30 {
		shared := file("./usr/share/both", "same", 0o644)
		shared.entries[0].ModTime = time.Unix(int64(1000+i), 0)
		packs = append(packs, packed(fmt.Sprint("p", i), folder("./usr/lib/x/y/", 0o700),
			file(fmt.Sprint("./usr/lib/x/y/", i), strings.Repeat("z", i*1000), 0o644), shared,
			link(tar.TypeSymlink, "./usr/lib/x/link", "y")))
	}
	packs = append(packs, packed("base-files", link(tar.TypeSymlink, "./bin", "usr/bin"), link(tar.TypeSymlink, "./lib64", "/usr/lib64")))
	debs := write(t, packs...)
	first, err := unpackTo(t, debs)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		slices.Reverse(debs)
		debs = append(debs[7:], debs[:7]...)
		again, err := unpackTo(t, debs)
		if err != nil {
			t.Fatal(err)
		}
		if listing(t, first) != listing(t, again) {
			t.Error("another order gave another tree")
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	one := func(p ...pack) []pack { return []pack{packed("one", p...)} }
	for name, c := range map[string]struct {
		packs []pack
		want  []string // in the message
	}{
		"other bytes": {
			[]pack{packed("a", file("./etc/x", "1", 0o644)), packed("b", file("./bin/../etc/x", "2", 0o644))},
			[]string{"/etc/x", "a 1", "b 1", "differ"},
		},
		"other mode": {
			[]pack{packed("a", file("./etc/x", "1", 0o644)), packed("b", file("./etc/x", "1", 0o755))},
			[]string{"/etc/x", "differ"},
		},
		"file and folder": {
			[]pack{packed("a", file("./etc/x", "1", 0o644)), packed("b", folder("./etc/x/", 0o755))},
			[]string{"/etc/x", "a file in", "a folder in"},
		},
		"two links": {
			[]pack{packed("a", link(tar.TypeSymlink, "./etc/x", "y")), packed("b", link(tar.TypeSymlink, "./etc/x", "z"))},
			[]string{"/etc/x", "a link to y in a", "a link to z in b"},
		},
		"up":            {one(file("../x", "1", 0o644)), []string{"out of the root"}},
		"through /usr":  {one(file("./bin/../../x", "1", 0o644)), []string{"out of the root"}},
		"through link":  {one(link(tar.TypeSymlink, "./etc/a", "/tmp"), file("./etc/a/x", "1", 0o644)), []string{"/etc/a"}},
		"through bin":   {one(link(tar.TypeSymlink, "./bin", "/tmp"), file("./bin/x", "1", 0o644)), []string{"/bin"}},
		"link outside":  {one(link(tar.TypeLink, "./etc/a", "../../etc/passwd")), []string{"out of the root"}},
		"link to other": {[]pack{packed("a", file("./etc/x", "1", 0o644)), packed("b", link(tar.TypeLink, "./etc/y", "./etc/x"))}, []string{"/etc/x"}},
	} {
		dir, err := unpackTo(t, write(t, c.packs...))
		if err == nil {
			t.Errorf("%s: was unpacked:\n%s", name, listing(t, dir))
			continue
		}
		if fault.Code(err) != int(fault.Build) {
			t.Errorf("%s: class %d of %v", name, fault.Code(err), err)
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v; want %q in it", name, err, w)
			}
		}
	}
}

func TestUnpackStops(t *testing.T) {
	debs := write(t, packed("a", file("./etc/x", "1", 0o644)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Unpack(ctx, debs, filepath.Join(t.TempDir(), "r"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(t.Context(), debs, full, nil); err == nil {
		t.Error("unpacked into a folder that is not empty")
	}
	text, err := os.ReadFile(debs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(debs[0], text[:len(text)-1600], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := unpackTo(t, debs); err == nil {
		t.Error("a truncated package was unpacked")
	}
	if _, err := unpackTo(t, []string{filepath.Join(full, "none.deb")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such package: %v", err)
	}
}

// Programs of the root run outside of it with the root's own libraries.
func TestDirect(t *testing.T) {
	root := New(testRoot(t))
	argv := root.Direct("sh", "-c", "echo $0; readlink /proc/$$/exe; grep -c "+testRoot(t)+".*/libc.so /proc/$$/maps", "name")
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 3 || lines[0] != "name" || !strings.HasPrefix(lines[1], testRoot(t)) || lines[2] == "0" {
		t.Errorf("%q gave %q, %v", argv, out, err)
	}
	argv = root.Direct("awk", "BEGIN { print 6 * 7 }") // a link to mawk
	if out, err := exec.Command(argv[0], argv[1:]...).Output(); err != nil || string(out) != "42\n" {
		t.Errorf("%q gave %q, %v", argv, out, err)
	}
	argv = root.Direct("none", "x")
	if len(argv) != 2 || argv[0] != filepath.Join(testRoot(t), "usr/bin/none") {
		t.Errorf("of a program that is not there: %q", argv)
	}
}

func TestPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"bin": "usr/bin", "abs": "/usr/bin", "up": "../../../..", "usr/deep": "/abs/../../up/usr", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	root := New(dir)
	for inside, want := range map[string]string{
		"/": "", "/bin": "usr/bin", "bin/": "usr/bin", "/abs": "usr/bin", "/up": "", "/up/usr": "usr",
		"/usr/deep/bin": "usr/bin", "/../../bin": "usr/bin",
	} {
		if got, err := root.Path(inside); err != nil || got != filepath.Join(dir, want) {
			t.Errorf("%s: %s, %v; want %s", inside, got, err, want)
		}
	}
	for _, inside := range []string{"/none", "/bin/none", "/loop"} {
		if got, err := root.Path(inside); err == nil {
			t.Errorf("%s: %s", inside, got)
		}
	}
	if _, err := root.Path("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestCheckHost(t *testing.T) {
	here := t.TempDir()
	if err := CheckHost(t.Context(), []Tool{{"sh", "to run scripts", "dash"}, {here, "to keep files", ""}}); err != nil {
		t.Error(err)
	}
	err := CheckHost(t.Context(), []Tool{
		{"no-such-cc", "to compile the kernel", "gcc"}, {"sh", "", ""}, {"no-such-ld", "to link it", "binutils"},
		{"no-such-as", "to assemble it", "binutils"}, {Name: "no-such-bc", Reason: "to compute"},
		{"<no/such.h>", "to read", "libsuch-dev"}, {here + "/none", "to keep", "some more"},
	})
	want := "not here: no-such-cc (to compile the kernel), no-such-ld (to link it), no-such-as (to assemble it), no-such-bc (to compute), " +
		"<no/such.h> (to read), " + here + "/none (to keep)"
	if err == nil || !strings.Contains(err.Error(), want) || fault.Code(err) != int(fault.Missing) {
		t.Errorf("got %v", err)
	}
	if hint := fault.Hint(err); !strings.Contains(hint, "apt install binutils gcc libsuch-dev more no-such-bc some; or use floe") {
		t.Errorf("hint %q", hint)
	}
}
