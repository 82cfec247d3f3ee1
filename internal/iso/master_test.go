package iso

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"floe/internal/fat"
	"floe/internal/fault"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

// noise gives bytes that are the same each time and compress badly.
func noise(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	sum := sha256.Sum256([]byte("floe"))
	for len(b) < n {
		b = append(b, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return b[:n]
}

// sample is an image with folders in folders, an empty file, a file that ends
// within a block and one that fills its blocks, and enough names in a folder to
// fill more than one block of it.
func sample(t testing.TB) Spec {
	t.Helper()
	esp, err := ESP("FLOE", 0x1234abcd, epoch, []fat.File{{Path: "EFI/BOOT/BOOTX64.EFI", Content: noise(70_001)}})
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(source, noise(300_000), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Spec{
		Label: "FLOE", ID: [16]byte{1, 2, 3}, Time: epoch, ESP: esp,
		BIOS: &BIOS{Image: "boot/grub/bios.img", MBR: bootSector()},
		Files: []File{
			{Path: "boot/vmlinuz", Mode: 0o444, Source: source},
			{Path: "boot/core.img", Mode: 0o444, Content: noise(4096)},
			{Path: "boot/grub/bios.img", Mode: 0o444, Content: noise(30_000)},
			{Path: "boot/grub/grub.cfg", Mode: 0o644, Content: []byte("set timeout=3\n")},
			{Path: "boot/0123456789abcdef0123456789abcdef.floe", Mode: 0o444},
			{Path: "run", Mode: 0o755, Content: []byte("#!/bin/sh\n")},
			{Path: "a/b/c/d/e/f/g/deep", Mode: 0o444, Content: []byte("deep")},
		},
	}
	for i := range 40 {
		name := strings.Repeat("module", 1+i%9) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".mod"
		s.Files = append(s.Files, File{Path: "boot/grub/x86_64-efi/" + name, Mode: 0o444, Content: noise(i)})
	}
	return s
}

func masterTo(t testing.TB, s Spec, out string) Layout {
	t.Helper()
	layout, err := Master(context.Background(), s, out)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// TestSameBytes masters twice, a second apart and with everything of the host
// changed that could show: the order of files, their modes, times and owners.
func TestSameBytes(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.iso"), filepath.Join(dir, "two.iso")
	s := sample(t)
	masterTo(t, s, one)
	time.Sleep(1100 * time.Millisecond)
	if err := os.Chmod(s.Files[0].Source, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.Files[0].Source, time.Unix(1, 0), time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(s.Files)-1; i < j; i, j = i+1, j-1 {
		s.Files[i], s.Files[j] = s.Files[j], s.Files[i]
	}
	s.Work = t.TempDir()
	if os.Geteuid() == 0 { // what is made in such a folder belongs to its group
		if err := errors.Join(os.Chown(s.Work, 1234, 1234), os.Chmod(s.Work, 0o700|os.ModeSetgid)); err != nil {
			t.Fatal(err)
		}
	}
	masterTo(t, s, two)
	a, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(two)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("lengths %d and %d, first difference at byte %d (block %d)", len(a), len(b), i, i/BlockSize)
			}
		}
	}
	if left, err := os.ReadDir(s.Work); err != nil || len(left) > 0 {
		t.Errorf("left behind in the working folder: %v (%v)", left, err)
	}
	for _, host := range []string{"go-diskfs", dir, "root"} {
		if bytes.Contains(a, []byte(host)) {
			t.Errorf("%q is in the image", host)
		}
	}
}

func TestLayout(t *testing.T) {
	out := filepath.Join(t.TempDir(), "floe.iso")
	s := sample(t)
	l := masterTo(t, s, out)
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != l.Size || l.Size%BlockSize != 0 {
		t.Errorf("%d bytes, said %d", info.Size(), l.Size)
	}
	if info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
	if l.Data.First < gptFirst || l.Data.First+l.Data.Sectors > l.ESP.First || l.ESP.First+l.ESP.Sectors > l.Size/SectorSize-gptSectors {
		t.Errorf("partitions overlap something: %+v", l)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw[l.ESP.First*SectorSize:][:len(s.ESP)], s.ESP) {
		t.Error("the EFI system partition is not where the table says")
	}
}

// TestMistakes checks that what cannot become an image is named before
// anything is written.
func TestMistakes(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"boot image absent":    {func(s *Spec) { s.BIOS.Image = "boot/grub/none.img" }, "boot/grub/none.img is not among the files"},
		"boot image too short": {func(s *Spec) { s.BIOS.Image = "run" }, "run: 10 bytes are no boot image"},
		"no boot sector":       {func(s *Spec) { s.BIOS.MBR = nil; s.BIOS.MBR = []byte("x") }, "no boot sector"},
		"source absent":        {func(s *Spec) { s.Files[0].Source += ".gone" }, "boot/vmlinuz: stat"},
		"source is a folder":   {func(s *Spec) { s.Files[0].Source = "." }, "is not a file"},
		"twice":                {func(s *Spec) { s.Files = append(s.Files, File{Path: "BOOT/VMLINUZ"}) }, "is there twice"},
		"file in a file":       {func(s *Spec) { s.Files = append(s.Files, File{Path: "run/x"}) }, "run is a file, but run/x is in it"},
		"rooted":               {func(s *Spec) { s.Files[0].Path = "/boot" }, "not a path"},
		"too deep":             {func(s *Spec) { s.Files[0].Path = "1/2/3/4/5/6/7/8/file" }, "folders deep"},
		"reserved":             {func(s *Spec) { s.Files[0].Path = "0" }, "is taken"},
		"long name":            {func(s *Spec) { s.Files[0].Path = strings.Repeat("x", 129) }, "longer than"},
		"label":                {func(s *Spec) { s.Label = "Floe" }, "volume name"},
		"no ESP":               {func(s *Spec) { s.ESP = nil }, "EFI system partition"},
		"ESP of odd size":      {func(s *Spec) { s.ESP = s.ESP[:512] }, "EFI system partition"},
		"time":                 {func(s *Spec) { s.Time = time.Time{} }, "does not fit"},
		"set-uid":              {func(s *Spec) { s.Files[0].Mode = 0o4755 }, "more than permissions"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sample(t)
			tc.change(&s)
			dir := t.TempDir()
			_, err := Master(t.Context(), s, filepath.Join(dir, "floe.iso"))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if fault.Code(err) != int(fault.Build) {
				t.Errorf("exit code %d", fault.Code(err))
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestFailureKeepsTheOld checks that an image which cannot be finished does
// not harm the one that is there.
func TestFailureKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "floe.iso")
	if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Master(ctx, sample(t), out); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the cancellation", err)
	}
	if old, err := os.ReadFile(out); err != nil || string(old) != "old" {
		t.Errorf("the old image is now %q (%v)", old, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRefusesWhatIsNoFile(t *testing.T) {
	if _, err := Master(t.Context(), sample(t), t.TempDir()); fault.Code(err) != int(fault.Usage) {
		t.Errorf("a folder as output: %v", err)
	}
	if _, err := Master(t.Context(), sample(t), filepath.Join(t.TempDir(), "none", "floe.iso")); fault.Code(err) != int(fault.Missing) {
		t.Errorf("output in a folder that is not there: %v", err)
	}
}

// BenchmarkMaster masters an image with 100 MB in it.
func BenchmarkMaster(b *testing.B) {
	s := sample(b)
	if err := os.WriteFile(s.Files[0].Source, noise(100_000_000), 0o644); err != nil {
		b.Fatal(err)
	}
	out := filepath.Join(b.TempDir(), "floe.iso")
	for b.Loop() {
		masterTo(b, s, out)
	}
}
