package debian

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"floe/internal/arch"
	"floe/internal/debian/deb"
	"floe/internal/report"
)

// TestRealArchive verifies Debian's own release files with the keys that Floe
// carries, resolves a closure and fetches one small package. It needs the
// network: the mirrors of the host's apt configuration, or official ones.
func TestRealArchive(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	o := Options{
		Cache: t.TempDir(), Archs: []arch.Arch{arch.AMD64},
		Report: report.Func(func(e report.Event) {
			if e.Kind != report.Progress {
				t.Log(e.Stage, e.Kind, e.Text)
			}
		}),
	}
	a, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if s := a.String(); !strings.HasPrefix(s, "Debian 13") {
		t.Errorf("it describes itself as %s", s)
	}
	sel, err := a.Resolve(ctx, arch.AMD64, []string{"xz-utils", "linux-source-6.12"}, Exclude("bzip2", "coreutils"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := plainNames(sel), "gcc-14-base libc6 libgcc-s1 liblzma5 linux-source-6.12 xz-utils"; !containsAll(got, want) {
		t.Errorf("closure %q lacks one of %q", got, want)
	}
	one, err := a.Resolve(ctx, arch.AMD64, nil, Shallow("libmd0"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := a.Fetch(ctx, one.Files(), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkPackage(t, paths[0], one.Packages[0])

	// The same again, from disk: quick, and without a mirror.
	o.Mirrors = []Mirror{{Main: "http://127.0.0.1:1/debian", Security: "http://127.0.0.1:1/debian-security"}}
	start := time.Now()
	if a, err = Open(ctx, o); err != nil {
		t.Fatal(err)
	}
	again, err := a.Resolve(ctx, arch.AMD64, []string{"linux-source-6.12", "xz-utils"}, Exclude("coreutils", "bzip2"))
	if err != nil || again.Digest() != sel.Digest() {
		t.Errorf("from disk: %v, %v", plainNames(again), err)
	}
	t.Logf("from disk: %v", time.Since(start))
}

func plainNames(s Selection) string {
	var all []string
	for _, p := range s.Packages {
		all = append(all, p.Name)
	}
	return strings.Join(all, " ")
}

func containsAll(have, want string) bool {
	for _, w := range strings.Fields(want) {
		if !strings.Contains(" "+have+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

// checkPackage reads a real package from front to back.
func checkPackage(t *testing.T, path string, p Package) {
	t.Helper()
	r, err := deb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Control.Get("Package") != p.Name || r.Control.Get("Version") != p.Version {
		t.Errorf("the package says %q", r.Control)
	}
	for found := false; ; {
		h, err := r.Next()
		if err == io.EOF {
			if !found {
				t.Error("the library is not in the package")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.HasSuffix(h.Name, "/libmd.so.0")
	}
}
