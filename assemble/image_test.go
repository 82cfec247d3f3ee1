package assemble_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/fault"
	"floe/internal/sandbox"
)

// tools are outside programs from the archive that check what floe writes.
func tools(t *testing.T) *sandbox.Root {
	t.Helper()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	root, err := f.builder.Tools(t.Context(), "checks", "cpio", "zstd", "xorriso", "fdisk", "coreutils", "dash")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// output runs a tool in a folder.
func output(t *testing.T, root *sandbox.Root, dir string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if err := root.Run(t.Context(), sandbox.Command{Args: args, Work: dir, Stdout: &out, Stderr: &errs}); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// extract copies a file out of the image, by xorriso.
func extract(t *testing.T, root *sandbox.Root, dir, path string) string {
	t.Helper()
	name := filepath.Base(path)
	output(t, root, dir, "xorriso", "-osirrox", "on", "-indev", "floe.iso", "-extract", path, name)
	return name
}

// TestOutsideToolsReadTheImage hands the finished image to programs that floe
// did not write.
func TestOutsideToolsReadTheImage(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	root, dir := tools(t), t.TempDir()
	data, err := os.ReadFile(image.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "floe.iso"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := output(t, root, dir, "xorriso", "-indev", "floe.iso", "-pvd_info"); !strings.Contains(got, "Volume Id    : FLOE") {
		t.Errorf("xorriso sees no volume FLOE:\n%s", got)
	}
	if got := output(t, root, dir, "sfdisk", "--verify", "floe.iso"); !strings.Contains(got, "No errors detected") {
		t.Errorf("sfdisk: %s", got)
	}
	core := extract(t, root, dir, "/boot/core.img")
	output(t, root, dir, "zstd", "--test", "--quiet", core)
	list := output(t, root, dir, "sh", "-c", "zstd -dc "+core+" | cpio -tv --quiet")
	lines := strings.Split(strings.TrimSpace(list), "\n")
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, "etc/floe/complete") {
		t.Errorf("the last file of the initrd is %q, not the one that init looks for", last)
	}
	if !strings.Contains(list, "-rwsr-xr-x   1 root     root") {
		t.Errorf("sudo is not setuid:\n%s", list)
	}
	personal := extract(t, root, dir, "/boot/personal.img")
	if got := output(t, root, dir, "sh", "-c", "cpio -i --quiet --to-stdout etc/hostname etc/floe/authorized_keys < "+personal); !strings.HasPrefix(got, "ssh-ed25519 ") || !strings.HasSuffix(got, "\ntestbox\n") {
		t.Errorf("the personal initrd holds %q", got)
	}
}

// TestSamePlanSameBytes masters the image a second time, and once with
// another host name.
func TestSamePlanSameBytes(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	f, dir := shared(), t.TempDir()
	again, err := f.builder.Image(t.Context(), f.spec(filepath.Join(dir, "again.iso")))
	if err != nil {
		t.Fatal(err)
	}
	if again.SHA256 != image.SHA256 {
		t.Errorf("%s the first time, %s the second", image.SHA256, again.SHA256)
	}
	spec := f.spec(filepath.Join(dir, "other.iso"))
	spec.Hostname = "other"
	other, err := f.builder.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if other.SHA256 == image.SHA256 {
		t.Error("another host name gives the same image")
	}
}

// TestBesideTheImage reads the checksum and the lock file.
func TestBesideTheImage(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	sum, err := os.ReadFile(image.Path + ".sha256")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%s  %s\n", image.SHA256, filepath.Base(image.Path)); string(sum) != want {
		t.Errorf("got %q, want %q", sum, want)
	}
	wantLocked(t, image, "linux-source-6.12", "busybox", "dropbear", "gcc-14", "grub-pc-bin", "grub-efi-amd64-bin")
}

// wantLocked wants packages in the lock file of an image.
func wantLocked(t *testing.T, image *assemble.Image, packages ...string) {
	t.Helper()
	text, err := os.ReadFile(image.Path + ".lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock debian.Lock
	if err := json.Unmarshal(text, &lock); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, p := range lock.Packages {
		named[p.Name] = len(p.SHA256) == 64
	}
	for _, s := range lock.Sources {
		named[s.Name] = len(s.Files) > 1
	}
	for _, name := range packages {
		if !named[name] {
			t.Errorf("the lock file does not name %s with its checksum", name)
		}
	}
}

// TestBadOutputs wants a word before the work, and nothing touched.
func TestBadOutputs(t *testing.T) {
	t.Parallel()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	for _, out := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no", "such", "folder.iso"), os.DevNull} {
		_, err := f.builder.Image(t.Context(), assemble.Spec{Arch: arch.AMD64, Hostname: "x", Output: out})
		if err == nil || fault.Code(err) != int(fault.Usage) || fault.Hint(err) == "" {
			t.Errorf("%s: %v", out, err)
		}
	}
}
