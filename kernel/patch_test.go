package kernel

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
)

// Each patch says why it is there, changes something, and starts with neither.
func TestPatches(t *testing.T) {
	patches, err := Patches()
	if err != nil || len(patches) == 0 {
		t.Fatalf("%d patches (%v)", len(patches), err)
	}
	for _, p := range patches {
		why, _, _ := strings.Cut(string(p.Text), "\n--- a/")
		if len(strings.Fields(why)) < 15 {
			t.Errorf("%s does not say why: %q", p.Name, why)
		}
		if diff := p.diff(); !strings.HasPrefix(diff, "--- a/") || !strings.Contains(diff, "\n@@ -") {
			t.Errorf("%s changes nothing: %q", p.Name, diff)
		}
	}
}

// What fits is changed, and what does not is left out and told.
func TestPatch(t *testing.T) {
	const file = "include/uapi/linux/vt.h"
	text := `
/*
 * These constants are also useful for user-level apps (e.g., VC
 * resizing).
 */
#define MIN_NR_CONSOLES 1       /* must be at least 1 */
#define MAX_NR_CONSOLES	63	/* serial lines start at 64 */
		/* Note: the ioctl VT_GETSTATE does not work for
		   consoles 16 and higher (since it returns a short) */

`
	var log bytes.Buffer
	b := &builder{Options: Options{Work: t.TempDir(), Report: report.Start(report.Discard, "kernel", "Kernel")}, log: &log}
	path := filepath.Join(b.tree(), file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.patch(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := strings.Replace(text, "63", "12", 1); err != nil || string(got) != want {
		t.Errorf("%s is %q (%v), want %q", file, got, err, want)
	}
	if want := unfit("vt-twelve-consoles"); !slices.Equal(b.unfit, want) {
		t.Errorf("left out: %q, want %q", b.unfit, want)
	}
	for _, line := range []string{"patch vt-twelve-consoles: " + file + "\n", "patch slab-sysfs-with-debug is left out: mm/slab.h is not there"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, log.String())
		}
	}
}

// Without the patch that lets it be packed with xz, arm64's kernel is packed otherwise.
func TestWithoutPatches(t *testing.T) {
	for _, tt := range []struct {
		arch  arch.Arch
		unfit []string
		want  string
	}{
		{arch.ARM64, nil, "CONFIG_KERNEL_XZ=y"},
		{arch.ARM64, unfit(), "CONFIG_KERNEL_GZIP=y"},
		{arch.AMD64, unfit(), "CONFIG_KERNEL_XZ=y"},
	} {
		frags, err := Fragments(tt.arch)
		if err != nil {
			t.Fatal(err)
		}
		reqs, err := Merge(frags)
		if err != nil {
			t.Fatal(err)
		}
		text := string(settings(withoutPatches(reqs, tt.arch, tt.unfit)))
		if !strings.Contains(text, tt.want+"\n") || strings.Count(text, "CONFIG_KERNEL_XZ=")+strings.Count(text, "CONFIG_KERNEL_GZIP=") != 1 {
			t.Errorf("%s without %q does not ask for %s alone", tt.arch, tt.unfit, tt.want)
		}
	}
}

// What cannot be written is no reason for a kernel from half of a change.
func TestPatchCannotBeWritten(t *testing.T) {
	b := &builder{Options: Options{Work: t.TempDir(), Report: report.Start(report.Discard, "kernel", "Kernel")}, log: io.Discard}
	if err := b.patch(t.Context()); fault.Code(err) != int(fault.Build) || len(b.unfit) > 0 {
		t.Errorf("without a source: %v, left out: %q", err, b.unfit)
	}
}

// unfit names all patches but some.
func unfit(but ...string) []string {
	patches, err := Patches()
	if err != nil {
		panic(err) // what is embedded can be read
	}
	var names []string
	for _, p := range patches {
		if !slices.Contains(but, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}
