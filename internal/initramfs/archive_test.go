package initramfs

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// small is an archive with every kind of entry, added in an awkward order.
func small() *Archive {
	a := New(epoch)
	a.File("etc/zz.ready", 0o444, 0, 0, []byte("all here\n"))
	a.File("usr/bin/su", 0o4755, 0, 0, []byte("setuid"))
	a.Symlink("bin", "usr/bin")
	a.File("/init", 0o755, 0, 0, []byte("#!/bin/sh\n"))
	a.File("etc/passwd", 0o644, 0, 0, nil)
	a.Dir("usr/bin", 0o755, 0, 0)
	a.Dir("usr", 0o755, 0, 0)
	a.Dir("etc", 0o755, 0, 0)
	a.Dir("home/floe", 0o2700, 1000, 1000)
	a.Dir("home", 0o755, 0, 0)
	a.Essential("usr/bin/su", "init", "bin")
	a.Last("etc/zz.ready")
	return a
}

func paths(t *testing.T, a *Archive) []string {
	t.Helper()
	list, err := a.Entries()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Path)
	}
	return out
}

func TestOrder(t *testing.T) {
	got := paths(t, small())
	want := []string{
		"bin", "init", "usr", "usr/bin", "usr/bin/su", // essential, with the folders above them
		"etc", "etc/passwd", "home", "home/floe",
		"etc/zz.ready",
	}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// TestParentsFirst checks the kernel's rule on names that a plain sort of
// paths would get wrong.
func TestParentsFirst(t *testing.T) {
	a := New(epoch)
	for _, d := range []string{"a", "a-b", "a/b", "a.d", "a/b/c", "z"} {
		a.Dir(d, 0o755, 0, 0)
	}
	a.File("a/b/c/deep", 0o644, 0, 0, nil)
	a.File("a-b/x", 0o644, 0, 0, nil)
	a.File("z/x", 0o644, 0, 0, nil)
	a.Essential("z/x", "a/b/c/deep")
	seen := map[string]bool{}
	for _, p := range paths(t, a) {
		if i := strings.LastIndex(p, "/"); i >= 0 && !seen[p[:i]] {
			t.Errorf("%s comes before its folder", p)
		}
		seen[p] = true
	}
}

func TestSameBytesWhateverTheOrder(t *testing.T) {
	one, err := small().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b := New(epoch)
	b.Last("etc/zz.ready")
	b.Essential("bin", "usr/bin/su", "init")
	b.Dir("home", 0o755, 0, 0)
	b.Dir("home/floe", 0o2700, 1000, 1000)
	b.Dir("etc", 0o755, 0, 0)
	b.Dir("usr", 0o755, 0, 0)
	b.Dir("usr/bin", 0o755, 0, 0)
	b.File("etc/passwd", 0o644, 0, 0, nil)
	b.File("init", 0o755, 0, 0, []byte("#!/bin/sh\n"))
	b.Symlink("bin", "usr/bin")
	b.File("usr/bin/su", 0o4755, 0, 0, []byte("setuid"))
	b.File("etc/zz.ready", 0o444, 0, 0, []byte("all here\n"))
	two, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the same entries gave other bytes")
	}
	again, err := b.Bytes() // writing must not change the archive
	if err != nil || !bytes.Equal(two, again) {
		t.Errorf("a second write gave other bytes (%v)", err)
	}
}

func TestHeaders(t *testing.T) {
	raw, err := small().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if len(raw)%4 != 0 {
		t.Errorf("length %d is no multiple of 4", len(raw))
	}
	if !bytes.HasPrefix(raw, []byte("070701")) {
		t.Errorf("magic %q", raw[:6])
	}
	r := cpio.NewReader(bytes.NewReader(raw))
	for inode := int64(1); ; inode++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Inode != inode {
			t.Errorf("%s: inode %d, want %d", h.Name, h.Inode, inode)
		}
		if !h.ModTime.Equal(epoch) {
			t.Errorf("%s: time %s", h.Name, h.ModTime)
		}
		links := 1
		if h.Mode&cpio.ModeType == cpio.TypeDir {
			links = 2
		}
		if h.Links != links {
			t.Errorf("%s: %d links, want %d", h.Name, h.Links, links)
		}
		switch h.Name {
		case "usr/bin/su":
			if h.Mode != cpio.TypeReg|0o4755 {
				t.Errorf("su: mode %o", h.Mode)
			}
		case "home/floe":
			if h.Mode != cpio.TypeDir|0o2700 || h.Uid != 1000 || h.Guid != 1000 {
				t.Errorf("home/floe: %o %d:%d", h.Mode, h.Uid, h.Guid)
			}
		case "bin":
			if h.Linkname != "usr/bin" {
				t.Errorf("bin -> %q", h.Linkname)
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*Archive)
		want string
	}{
		"twice":             {func(a *Archive) { a.Dir("x", 0o755, 0, 0); a.File("x", 0o644, 0, 0, nil) }, "x: is in the archive already"},
		"twice, with slash": {func(a *Archive) { a.File("/x", 0o644, 0, 0, nil); a.File("x", 0o644, 0, 0, nil) }, "x: is in the archive already"},
		"no folder":         {func(a *Archive) { a.File("etc/x", 0o644, 0, 0, nil) }, "etc/x: its folder is not in the archive"},
		"below a link":      {func(a *Archive) { a.Symlink("bin", "usr/bin"); a.File("bin/sh", 0o755, 0, 0, nil) }, "bin is not a folder"},
		"below a file":      {func(a *Archive) { a.File("b", 0o644, 0, 0, nil); a.File("b/sh", 0o755, 0, 0, nil) }, "b is not a folder"},
		"dot dot":           {func(a *Archive) { a.File("../x", 0o644, 0, 0, nil) }, "not a path"},
		"slash at the end":  {func(a *Archive) { a.Dir("etc/", 0o755, 0, 0) }, "not a path"},
		"the root":          {func(a *Archive) { a.Dir("/", 0o755, 0, 0) }, "not a path"},
		"trailer":           {func(a *Archive) { a.File("TRAILER!!!", 0o644, 0, 0, nil) }, "not a path"},
		"NUL":               {func(a *Archive) { a.File("a\x00b", 0o644, 0, 0, nil) }, "not a path"},
		"type bits":         {func(a *Archive) { a.File("x", 0o100644, 0, 0, nil) }, "more than permission bits"},
		"owner":             {func(a *Archive) { a.File("x", 0o644, -1, 0, nil) }, "owner -1:0"},
		"empty target":      {func(a *Archive) { a.Symlink("x", "") }, "link target"},
		"essential missing": {func(a *Archive) { a.Essential("init") }, "init: marked as essential"},
		"last missing":      {func(a *Archive) { a.Last("ready") }, "ready: marked as last"},
		"last is a folder":  {func(a *Archive) { a.Dir("x", 0o755, 0, 0); a.Last("x") }, "cannot be last"},
		"last is essential": {func(a *Archive) { a.File("x", 0o644, 0, 0, nil); a.Essential("x"); a.Last("x") }, "cannot be last"},
	} {
		t.Run(name, func(t *testing.T) {
			a := New(epoch)
			tc.do(a)
			if _, err := a.Bytes(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	if err := New(time.Unix(-1, 0)).Err(); err == nil {
		t.Error("a time before 1970 was taken")
	}
}

func TestMemory(t *testing.T) {
	a := New(epoch)
	a.File("one", 0o644, 0, 0, make([]byte, 1))
	a.File("page", 0o644, 0, 0, make([]byte, 4096))
	a.File("none", 0o644, 0, 0, nil)
	a.Symlink("l", "one")
	if got := a.Memory(); got != 8192 {
		t.Errorf("Memory() = %d, want 8192", got)
	}
}

func TestJoin(t *testing.T) {
	if got := Join([]byte("12345"), []byte("abcd"), nil, []byte("x")); string(got) != "12345\x00\x00\x00abcdx\x00\x00\x00" {
		t.Errorf("Join gave %q", got)
	}
}
