package deb

import (
	"archive/tar"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sourceOf writes the files of a source package with their .dsc.
func sourceOf(t *testing.T, format string, files map[string][]byte) map[string]string {
	t.Helper()
	dir := t.TempDir()
	dsc := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: " + format + "\nSource: box\nVersion: 1:1.0-2\nChecksums-Sha256:\n"
	paths := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		dsc += fmt.Sprintf(" %064d %d %s\n", 0, len(files[name]), name)
		paths[name] = filepath.Join(dir, name)
		if err := os.WriteFile(paths[name], files[name], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dsc += "-----BEGIN PGP SIGNATURE-----\n\niQ==\n=aaaa\n-----END PGP SIGNATURE-----\n"
	paths["box_1.0-2.dsc"] = filepath.Join(dir, "any name")
	if err := os.WriteFile(paths["box_1.0-2.dsc"], []byte(dsc), 0o644); err != nil {
		t.Fatal(err)
	}
	return paths
}

func xzTar(t *testing.T, entries ...entry) []byte { return pack(t, ".xz", tarOf(t, entries...)) }

func TestUnpackSource(t *testing.T) {
	later := "--- a/main.c\n+++ b/main.c\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"
	first := "--- a/main.c\n+++ b/main.c\n@@ -1 +1,2 @@\n one\n+two\n"
	cases := []struct {
		name, format string
		files        map[string][]byte
		patches      []string
		want         map[string]string
	}{
		{"quilt", "3.0 (quilt)", map[string][]byte{
			"box_1.0.orig.tar.gz": pack(t, ".gz", tarOf(t, entry{name: "box-1.0/", kind: tar.TypeDir, mode: 0o755}, entry{name: "box-1.0/main.c", body: "one\n"},
				entry{name: "box-1.0/debian/old", body: "x"}, entry{name: "box-1.0/extra/old", body: "x"})),
			"box_1.0.orig-extra.tar.xz": xzTar(t, entry{name: "top/new", body: "extra\n"}),
			"box_1.0.orig.tar.gz.asc":   []byte("signature"),
			"box_1.0-2.debian.tar.xz": xzTar(t, entry{name: "debian/rules", body: "#!", mode: 0o755}, entry{name: "debian/patches/series", body: "# list\nfirst\nsub/later\n"},
				entry{name: "debian/patches/first", body: first}, entry{name: "debian/patches/sub/later", body: later}, entry{name: "debian/patches/unused", body: "x"}),
		}, []string{"first", "sub/later"}, map[string]string{
			"main.c": "one\nTWO\n", "extra/new": "extra\n", "debian/rules": "#!", "debian/patches/series": "# list\nfirst\nsub/later\n",
			"debian/patches/first": first, "debian/patches/sub/later": later, "debian/patches/unused": "x",
		}},
		{"quilt without patches", "3.0 (quilt)", map[string][]byte{
			"box_1.0.orig.tar.xz":     xzTar(t, entry{name: "main.c", body: "one\n"}, entry{name: "other", body: "2"}), // no folder on top
			"box_1.0-2.debian.tar.xz": xzTar(t, entry{name: "debian/rules", body: "#!"}),
		}, nil, map[string]string{"main.c": "one\n", "other": "2", "debian/rules": "#!"}},
		{"native", "3.0 (native)", map[string][]byte{"box_1.0.tar.xz": xzTar(t, entry{name: "box/a", body: "1"})}, nil, map[string]string{"a": "1"}},
		{"old", "1.0", map[string][]byte{
			"box_1.0.orig.tar.gz": pack(t, ".gz", tarOf(t, entry{name: "box-1.0/main.c", body: "one\n"})),
			"box_1.0-2.diff.gz":   pack(t, ".gz", []byte(first)),
		}, []string{"box_1.0-2.diff.gz"}, map[string]string{"main.c": "one\ntwo\n"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "tree")
			s, err := UnpackSource(context.Background(), sourceOf(t, c.format, c.files), dir)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != "box" || s.Version != "1:1.0-2" || s.Format != c.format || !slices.Equal(s.Patches, c.patches) {
				t.Errorf("got %+v", s)
			}
			if got := harvest(t, dir); !maps.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			for name := range c.want {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.ModTime().Equal(epoch) {
					t.Errorf("%s is of %v, not of the archive's time", name, info.ModTime())
				}
			}
			if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
				t.Errorf("left beside it: %v", left)
			}
		})
	}
}

func TestUnpackSourceErrors(t *testing.T) {
	orig := xzTar(t, entry{name: "box/a", body: "1"})
	series := func(list string, more ...entry) []byte {
		return xzTar(t, append(more, entry{name: "debian/patches/series", body: list})...)
	}
	cases := []struct {
		name, format string
		files        map[string][]byte
		want         string
	}{
		{"unknown format", "2.0", map[string][]byte{"box.tar.xz": orig}, `"2.0" is not supported`},
		{"no upstream archive", "3.0 (quilt)", map[string][]byte{"box_1.0-2.debian.tar.xz": orig}, "names no upstream archive"},
		{"no Debian archive", "3.0 (quilt)", map[string][]byte{"box_1.0.orig.tar.xz": orig}, "names no Debian archive"},
		{"missing patch", "3.0 (quilt)", map[string][]byte{"box_1.0.orig.tar.xz": orig, "box_1.debian.tar.xz": series("gone\n")}, "gone"},
		{"patch outside", "3.0 (quilt)", map[string][]byte{"box_1.0.orig.tar.xz": orig, "box_1.debian.tar.xz": series("../../../../etc/hostname\n")}, "escapes"},
		{"patch does not fit", "3.0 (quilt)", map[string][]byte{"box_1.0.orig.tar.xz": orig, "box_1.debian.tar.xz": series("p\n", entry{name: "debian/patches/p", body: "--- x/a\n+++ x/a\n@@ -1 +1 @@\n-2\n+3\n"})}, "apply p: a: hunk 1 (line 1): the patch does not fit"},
		{"entry outside", "3.0 (native)", map[string][]byte{"box_1.0.tar.xz": xzTar(t, entry{name: "box/../../../x", body: "1"})}, "reaches outside"},
		{"damaged archive", "3.0 (native)", map[string][]byte{"box_1.0.tar.xz": orig[:len(orig)/2]}, "box_1.0.tar.xz"},
	}
	for _, c := range cases {
		_, err := UnpackSource(context.Background(), sourceOf(t, c.format, c.files), filepath.Join(t.TempDir(), "tree"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	files := sourceOf(t, "3.0 (native)", map[string][]byte{"box_1.0.tar.xz": orig})
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := UnpackSource(context.Background(), files, full); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder that is not empty: %v", err)
	}
	delete(files, "box_1.0.tar.xz")
	if _, err := UnpackSource(context.Background(), files, t.TempDir()); err == nil || !strings.Contains(err.Error(), "was not given") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := UnpackSource(context.Background(), nil, t.TempDir()); err == nil {
		t.Error("no files at all: no error")
	}
}

func TestUnpackSourceCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	files := sourceOf(t, "3.0 (native)", map[string][]byte{"box_1.0.tar.xz": xzTar(t, entry{name: "a", body: "1"})})
	if _, err := UnpackSource(ctx, files, filepath.Join(t.TempDir(), "x")); err == nil {
		t.Error("no error")
	}
}
