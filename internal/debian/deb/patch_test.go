package deb

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// patchCase is a tree, a patch, and what comes of it; want is nil where the
// patch does not fit.
type patchCase struct {
	name  string
	files map[string]string
	diff  string
	want  map[string]string
}

func patchCases() []patchCase {
	numbered := "line B\nline C\n\nline E\nline F\n\nline H\nline I\n\nline K\nline L\n"
	changed := strings.Replace(numbered, "line H", "changed", 1)
	return []patchCase{
		{"in place", map[string]string{"f": numbered}, "Text before.\n\n--- a/f\t2024-01-01 00:00:00\n+++ b/f\n@@ -4,7 +4,7 @@ heading\n line E\n line F\n \n-line H\n+changed\n line I\n \n line K\n", map[string]string{"f": changed}},
		{"moved down", map[string]string{"f": "one\ntwo\nthree\n" + numbered}, "--- a/f\n+++ b/f\n@@ -4,7 +4,7 @@\n line E\n line F\n \n-line H\n+changed\n line I\n \n line K\n", map[string]string{"f": "one\ntwo\nthree\n" + changed}},
		{"moved up", map[string]string{"f": numbered}, "--- a/f\n+++ b/f\n@@ -104,7 +104,7 @@\n line E\n line F\n \n-line H\n+changed\n line I\n \n line K\n", map[string]string{"f": changed}},
		{"context differs", map[string]string{"f": numbered}, "--- a/f\n+++ b/f\n@@ -4,7 +4,7 @@\n line X\n line F\n \n-line H\n+changed\n line I\n \n line K\n", nil},
		{"applied already", map[string]string{"f": changed}, "--- a/f\n+++ b/f\n@@ -4,7 +4,7 @@\n line E\n line F\n \n-line H\n+changed\n line I\n \n line K\n", nil},
		{"new file", map[string]string{"f": "x\n"}, "--- /dev/null\n+++ b/sub/new\n@@ -0,0 +1,2 @@\n+one\n+two\n", map[string]string{"f": "x\n", "sub/new": "one\ntwo\n"}},
		{"new file that is there", map[string]string{"new": "x\n"}, "--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+one\n+two\n", nil},
		{"file taken away", map[string]string{"f": "x\n", "g": "one\ntwo\n"}, "--- a/g\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n", map[string]string{"f": "x\n"}},
		{"file becomes empty", map[string]string{"f": "x\n", "g": "one\n"}, "--- a/g\n+++ b/g\n@@ -1 +0,0 @@\n-one\n", map[string]string{"f": "x\n"}},
		{"no line end before", map[string]string{"f": "one\ntwo"}, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n+two\n", map[string]string{"f": "one\ntwo\n"}},
		{"no line end after", map[string]string{"f": "one\ntwo\n"}, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n\\ No newline at end of file\n", map[string]string{"f": "one\n2"}},
		{"several hunks", map[string]string{"f": "0\n" + numbered + numbered}, "--- a/f\n+++ b/f\n@@ -1,4 +1,5 @@\n line B\n line C\n \n+more\n line E\n@@ -4,3 +5,2 @@\n line E\n-line F\n \n@@ -16,3 +16,2 @@\n line F\n-\n line H\n", nil},
		{"several hunks, all moved", map[string]string{"f": "0\n" + numbered + numbered}, "--- a/f\n+++ b/f\n@@ -2,2 +2,3 @@\n line C\n+more\n \n@@ -4,3 +5,2 @@\n line E\n-line F\n \n@@ -16,3 +16,2 @@\n line F\n-\n line H\n",
			map[string]string{"f": "0\n" + strings.Replace(strings.Replace(numbered, "line C\n", "line C\nmore\n", 1), "line F\n", "", 1) + strings.Replace(numbered, "line F\n\n", "line F\n", 1)}},
		{"at the start and the end", map[string]string{"f": "a\nb\nc\nd\n"}, "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n+0\n a\n b\n c\n@@ -2,3 +3,4 @@\n b\n c\n d\n+e\n", map[string]string{"f": "0\na\nb\nc\nd\ne\n"}},
		{"less context before, not at the start", map[string]string{"f": "x\na\nb\nc\nd\n"}, "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n+0\n a\n b\n c\n", nil},
		{"less context after, not at the end", map[string]string{"f": "a\nb\nc\nd\n"}, "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n a\n b\n c\n+e\n", nil},
		{"added at the end", map[string]string{"f": "a\nb\nc\nd\n"}, "--- a/f\n+++ b/f\n@@ -2,3 +2,4 @@\n b\n c\n d\n+e\n", map[string]string{"f": "a\nb\nc\nd\ne\n"}},
		{"two files", map[string]string{"f": "a\n", "g": "b\n"}, "diff -ru x/f y/f\n--- x/f\n+++ y/f\n@@ -1 +1 @@\n-a\n+A\ndiff -ru x/g y/g\n--- x/g\n+++ y/g\n@@ -1 +1 @@\n-b\n+B\n", map[string]string{"f": "A\n", "g": "B\n"}},
		{"the second file fails", map[string]string{"f": "a\n", "g": "b\n"}, "--- x/f\n+++ y/f\n@@ -1 +1 @@\n-a\n+A\n--- x/g\n+++ y/g\n@@ -1 +1 @@\n-z\n+B\n", nil},
		{"one file twice", map[string]string{"f": "a\n"}, "--- x/f\n+++ y/f\n@@ -1 +1 @@\n-a\n+A\n--- x/f\n+++ y/f\n@@ -1 +1 @@\n-A\n+AA\n", map[string]string{"f": "AA\n"}},
		{"names differ", map[string]string{"f": "a\n"}, "--- x/f.orig\n+++ y/f\n@@ -1 +1 @@\n-a\n+A\n", map[string]string{"f": "A\n"}},
		{"empty line of context without its blank", map[string]string{"f": "a\n\nb\n"}, "--- x/f\n+++ y/f\n@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n", map[string]string{"f": "a\n\nB\n"}},
		{"file missing", map[string]string{"g": "a\n"}, "--- x/f\n+++ y/f\n@@ -1 +1 @@\n-a\n+A\n", nil},
		{"a line that looks like a header", map[string]string{"f": "-- old\nb\n"}, "--- x/f\n+++ y/f\n@@ -1,2 +1,2 @@\n--- old\n+++ new\n b\n", map[string]string{"f": "++ new\nb\n"}},
	}
}

func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func harvest(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		got[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestApplyPatch(t *testing.T) {
	for _, c := range patchCases() {
		t.Run(c.name, func(t *testing.T) {
			dir := plant(t, c.files)
			_, err := ApplyPatch(dir, []byte(c.diff))
			want := c.want
			if want == nil {
				want = c.files // all or nothing
				if err == nil {
					t.Error("no error")
				}
			} else if err != nil {
				t.Error(err)
			}
			if got := harvest(t, dir); !maps.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// TestApplyPatchAsPatch compares with patch(1), called as dpkg-source calls
// it, where the machine has it.
func TestApplyPatchAsPatch(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Log("no patch on this machine: only the table was checked")
		return
	}
	for _, c := range patchCases() {
		t.Run(c.name, func(t *testing.T) {
			dir := plant(t, c.files)
			cmd := exec.Command(patch, "-t", "-F0", "-N", "-p1", "-u", "-Vnever", "-E", "-s", "-r-", "--no-backup-if-mismatch")
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(c.diff)
			out, err := cmd.CombinedOutput()
			if (err == nil) != (c.want != nil) {
				t.Fatalf("patch: %v: %s", err, out)
			}
			if err != nil {
				return
			}
			if got := harvest(t, dir); !maps.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestApplyPatchRefuses(t *testing.T) {
	for name, diff := range map[string]string{
		"absolute":     "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
		"up":           "--- a/../../x\n+++ b/../../x\n@@ -1 +1 @@\n-a\n+b\n",
		"no folder":    "--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n",
		"cut":          "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\n",
		"bad head":     "--- a/f\n+++ b/f\n@@ what @@\n-a\n",
		"bad line":     "--- a/f\n+++ b/f\n@@ -1 +1 @@\n*a\n",
		"rename":       "diff --git a/f b/g\nrename from f\nrename to g\n",
		"binary":       "diff --git a/f b/f\nGIT binary patch\n",
		"through link": "--- a/link/f\n+++ b/link/f\n@@ -1 +1 @@\n-a\n+b\n",
		"a link":       "--- a/link\n+++ b/link\n@@ -1 +1 @@\n-a\n+b\n",
	} {
		above := t.TempDir()
		dir := filepath.Join(above, "tree")
		if err := os.MkdirAll(filepath.Join(above, "outside"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"outside/f", "x"} {
			if err := os.WriteFile(filepath.Join(above, f), []byte("a\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../outside", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if _, err := ApplyPatch(dir, []byte(diff)); err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, f := range []string{"outside/f", "x"} {
			if text, _ := os.ReadFile(filepath.Join(above, f)); string(text) != "a\n" {
				t.Errorf("%s: %s was changed", name, f)
			}
		}
	}
}

func TestParseSeries(t *testing.T) {
	got, err := parseSeries("# comment\n\none.patch\ntwo.patch -p1 # why\nsub/three.diff\n")
	if err != nil || !slices.Equal(got, []string{"one.patch", "two.patch", "sub/three.diff"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := parseSeries("one.patch -p0\n"); err == nil {
		t.Error("-p0 passed")
	}
}
