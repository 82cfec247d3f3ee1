package fat_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/fat"
	"floe/internal/sandbox"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

// bench is a folder with programs that know the format.
type bench struct {
	t   *testing.T
	run sandbox.Runner
	dir string
}

func newBench(t *testing.T) bench {
	t.Helper()
	return bench{t, archivetest.Tools(t, "checks-fat", "dosfstools", "mtools"), t.TempDir()}
}

// ask runs a program in the folder and gives its output.
func (b bench) ask(args ...string) string {
	b.t.Helper()
	var out bytes.Buffer
	if err := b.run.Run(b.t.Context(), sandbox.Command{Args: args, Work: b.dir, Stdout: &out, Stderr: &out}); err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// write writes a volume into the folder.
func (b bench) write(name string, v fat.Volume) []byte {
	b.t.Helper()
	f, err := os.Create(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	size, err := fat.Write(b.t.Context(), f, v)
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	image, err := os.ReadFile(f.Name())
	if err != nil {
		b.t.Fatal(err)
	}
	return image
}

// contents are files of many kinds: names that are short, in small letters,
// long, alike, and with signs; sizes of nothing, a cluster, and many.
func contents() map[string]string {
	files := map[string]string{
		"BOOT.BIN": strings.Repeat("b", 512), "config.txt": "arm_64bit=1\n", "empty": "", "a/b/c/d/deep": "deep",
		"bcm2711-rpi-4-b.dtb": "four", "bcm2711-rpi-400.dtb": "four hundred", "bcm2711-rpi-cm4-io.dtb": strings.Repeat("io", 40_000),
		"exactly-thirteen.": "", "cde/optional/ca-certificates.tcz.dep": "x", "cde/optional/g++.tcz": "y", ".hidden": "z",
		"cde/thirteen.tcz1": "13 letters and one more", "cde/thirteen.tcz": "13",
	}
	delete(files, "exactly-thirteen.") // no name may end with a dot
	for i := range 300 {
		files[fmt.Sprintf("many/a-rather-long-name-%03d.txt", i)] = fmt.Sprint(i)
	}
	return files
}

// list gives them in an order that is not theirs.
func list(files map[string]string) (out []fat.File) {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(files))) {
		out = append(out, fat.File{Path: name, Content: []byte(files[name])})
	}
	return out
}

// TestFAT32 has fsck.fat check volumes with every size of clusters, and mtools
// read all files back.
func TestFAT32(t *testing.T) {
	b, files := newBench(t), contents()
	source := filepath.Join(b.dir, "source")
	large := bytes.Repeat([]byte("0123456789"), 500_000)
	if err := os.WriteFile(source, large, 0o644); err != nil {
		t.Fatal(err)
	}
	v := fat.Volume{
		Kind: fat.FAT32, Label: "FLOE-TEST", Serial: 0x1234abcd, Time: epoch, Start: 8192,
		Files: append(list(files), fat.File{Path: "kernel8.img", Source: source}),
	}
	files["kernel8.img"] = string(large)
	for size, cluster := range map[int64]string{34 << 20: "512", 70 << 20: "1024"} {
		v.Size = size
		image := b.write("volume", v)
		if int64(len(image)) != size {
			t.Errorf("%d bytes instead of %d", len(image), size)
		}
		report := b.ask("fsck.fat", "-nv", "volume") // fails on anything that it would mend
		for _, line := range []string{cluster + " bytes per cluster", "2 FATs, 32 bit entries", "8192 hidden sectors", fmt.Sprintf("%d sectors total", size/512)} {
			if !strings.Contains(report, line+"\n") {
				t.Errorf("%d bytes: no line %q in\n%s", size, line, report)
			}
		}
		for _, bad := range []string{"eclaimed", "differ", "Wrong", "rong checksum"} {
			if strings.Contains(report, bad) {
				t.Errorf("%d bytes:\n%s", size, report)
			}
		}
		if again := b.write("again", v); !bytes.Equal(again, image) {
			t.Errorf("%d bytes: a second time gives other bytes", size)
		}
	}
	out := filepath.Join(b.dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	b.ask("mcopy", "-s", "-m", "-i", "volume", "::*", "out")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes instead of %d, %v", name, len(got), len(want), err)
		}
	}
	text := b.ask("mdir", "-i", "volume", "::")
	for _, part := range []string{"is FLOE-TEST", "1234-ABCD", "BCM271~1 DTB         4 2026-01-02   3:04  bcm2711-rpi-4-b.dtb", "CONFIG   TXT        12 2026-01-02   3:04  config.txt"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

func TestRoom(t *testing.T) {
	room, err := fat.Room([]fat.File{{Path: "a", Content: make([]byte, 513)}, {Path: "d/b", Content: make([]byte, 1)}}, 512)
	if err != nil || room != (2+1+1+1)*512 { // a, folder d, its b, the root
		t.Errorf("%d bytes, %v", room, err)
	}
}

func TestRefuses(t *testing.T) {
	volume := func(change func(*fat.Volume)) error {
		v := fat.Volume{Kind: fat.FAT32, Label: "FLOE", Time: epoch, Size: 40 << 20}
		change(&v)
		_, err := fat.Write(t.Context(), discard{}, v)
		return err
	}
	files := func(paths ...string) error {
		return volume(func(v *fat.Volume) {
			for _, p := range paths {
				v.Files = append(v.Files, fat.File{Path: p, Content: []byte("x")})
			}
		})
	}
	if err := files("fine"); err != nil {
		t.Fatal(err)
	}
	large := []fat.File{{Path: "A", Content: make([]byte, 41<<20)}}
	many := make([]fat.File, 64)
	for i := range many {
		many[i].Path = fmt.Sprint("F", i)
	}
	for name, err := range map[string]error{
		"no name":        files("EFI//X"),
		"colon":          files("a:b"),
		"dot behind":     files("a."),
		"space behind":   files("a "),
		"above":          files("../a"),
		"long name":      files(strings.Repeat("a", 256)),
		"twice":          files("a", "a"),
		"twice but case": files("a", "A"),
		"file in a file": files("a", "a/b"),
		"missing":        volume(func(v *fat.Volume) { v.Files = []fat.File{{Path: "a", Source: "/nowhere"}} }),
		"before FAT":     volume(func(v *fat.Volume) { v.Time = time.Unix(0, 0) }),
		"label":          volume(func(v *fat.Volume) { v.Label = "floe" }),
		"too small":      volume(func(v *fat.Volume) { v.Size = 32 << 20 }),
		"too large":      volume(func(v *fat.Volume) { v.Files = large }),
		"FAT12 as large": volume(func(v *fat.Volume) { v.Kind, v.Files = fat.FAT12, large }),
		"FAT12's root":   volume(func(v *fat.Volume) { v.Kind, v.Files = fat.FAT12, many }),
		"FAT16":          volume(func(v *fat.Volume) { v.Kind = 16 }),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// discard takes everything.
type discard struct{}

func (discard) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
