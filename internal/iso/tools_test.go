package iso_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/fat"
	"floe/internal/iso"
	"floe/internal/sandbox"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

// bench is a folder with an image in it and the programs that judge it.
type bench struct {
	t      *testing.T
	run    sandbox.Runner
	dir    string
	spec   iso.Spec
	layout iso.Layout
}

// newBench masters an image and takes the tools from Debian.
func newBench(t *testing.T) *bench {
	t.Helper()
	root := archivetest.Tools(t, "checks-iso", "xorriso", "fdisk", "gdisk", "dosfstools", "mtools", "genisoimage", "grub-pc-bin:amd64")
	b := &bench{t: t, run: root, dir: t.TempDir()}
	hybrid, err := root.Path("/usr/lib/grub/i386-pc/boot_hybrid.img")
	if err != nil {
		t.Fatal(err)
	}
	mbr, err := os.ReadFile(hybrid)
	if err != nil {
		t.Fatal(err)
	}
	b.spec = spec(t, mbr)
	if b.layout, err = iso.Master(t.Context(), b.spec, filepath.Join(b.dir, "floe.iso")); err != nil {
		t.Fatal(err)
	}
	return b
}

// spec is an image with folders in folders, one of them of several blocks.
func spec(t *testing.T, mbr []byte) iso.Spec {
	esp, err := iso.ESP("FLOE", 0x1234abcd, epoch, []fat.File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Content: bytes.Repeat([]byte("EFI image "), 7001)},
		{Path: "EFI/FLOE/EMPTY", Content: nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := iso.Spec{
		Label: "FLOE", ID: [16]byte{1, 2, 3}, Time: epoch, ESP: esp,
		BIOS: &iso.BIOS{Image: "boot/grub/bios.img", MBR: mbr},
		Files: []iso.File{
			{Path: "boot/vmlinuz", Mode: 0o444, Content: bytes.Repeat([]byte("kernel "), 100_003)},
			{Path: "boot/grub/bios.img", Mode: 0o444, Content: bytes.Repeat([]byte("GRUB"), 9999)},
			{Path: "boot/Empty-file", Mode: 0o400},
			{Path: "run", Mode: 0o755, Content: []byte("#!/bin/sh\n")},
			{Path: "a/b/c/d/e/f/g/deep", Mode: 0o444, Content: []byte("deep")},
		},
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		name := strings.Repeat(string(c), 70) + ".mod"
		s.Files = append(s.Files, iso.File{Path: "boot/grub/many/" + name, Mode: 0o444, Content: []byte(name)})
	}
	return s
}

// ask runs a program in the folder and gives its output.
func (b *bench) ask(args ...string) string {
	b.t.Helper()
	var out bytes.Buffer
	err := b.run.Run(b.t.Context(), sandbox.Command{Args: args, Work: b.dir, Stdout: &out, Stderr: &out})
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// want fails for every pattern that has no line of text to match.
func want(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(`(?m)^` + p + `$`).MatchString(text) {
			t.Errorf("no line %q in\n%s", p, text)
		}
	}
}

// number gives the number in the line that a pattern matches.
func number(t *testing.T, text, pattern string) int64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no line %q in\n%s", pattern, text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// piece cuts part of the image out into a file of its own.
func (b *bench) piece(name string, e iso.Extent) {
	b.t.Helper()
	raw, err := os.ReadFile(filepath.Join(b.dir, "floe.iso"))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, name), raw[e.First*iso.SectorSize:][:e.Sectors*iso.SectorSize], 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestXorriso has xorriso recognise what makes the image boot.
func TestXorriso(t *testing.T) {
	b := newBench(t)
	text := b.ask("xorriso", "-indev", "floe.iso", "-pvd_info", "-report_el_torito", "plain", "-report_system_area", "plain")
	want(t, text,
		`Volume id +: 'FLOE'`,
		`Creation Time: 2026010203040600`,
		`Modif. Time +: 2026010203040600`,
		`System area summary: MBR protective-msdos-label grub2-mbr cyl-align-off GPT`,
		`MBR partition +: +1 +0x00 +0xee +1 +\d+`,
		`MBR partition +: +2 +0x80 +0x00 +0 +1`,
		`GPT partname local : +1 +FLOE`,
		`GPT partname local : +2 +EFI system partition`,
		`El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 +\d+`,
		`El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +\d+ +\d+`,
		`El Torito img path : +1 +/boot/grub/bios.img`,
		`El Torito img opts : +1 +boot-info-table grub2-boot-info`,
	)
	// A CD's firmware must come to where a stick's comes to.
	uefi := number(t, text, `El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +\d+ +(\d+)`)
	esp := number(t, text, `GPT start and size : +2 +(\d+) .*`)
	if uefi*4 != esp || esp != b.layout.ESP.First {
		t.Errorf("UEFI image at block %d, partition at sector %d", uefi, esp)
	}
}

// TestExtract has xorriso extract the files, once from the image as a CD and
// once from partition 1 as a stick's users mount it, and compares all of them.
func TestExtract(t *testing.T) {
	b := newBench(t)
	b.piece("part1.iso", b.layout.Data)
	for _, image := range []string{"floe.iso", "part1.iso"} {
		t.Run(image, func(t *testing.T) {
			b := *b
			b.t = t
			out := "from-" + image
			listing := b.ask("xorriso", "-osirrox", "on", "-indev", image, "-find", "/", "-exec", "lsdl", "--", "-extract", "/", out)
			want(t, listing,
				`drwxr-xr-x +1 0 +0 +0 Jan +2 .*'/boot/grub'`,
				`-rwxr-xr-x +1 0 +0 +10 Jan +2 .*'/run'`,
				`-r-------- +1 0 +0 +0 Jan +2 .*'/boot/Empty-file'`)
			if n := strings.Count(listing, "'/"); n < len(b.spec.Files)+12 {
				t.Errorf("%d names listed", n)
			}
			for _, f := range b.spec.Files {
				got, err := os.ReadFile(filepath.Join(b.dir, out, f.Path))
				if err != nil {
					t.Error(err)
					continue
				}
				if f.Path == b.spec.BIOS.Image { // has the boot information in it
					got, f.Content = slices.Concat(got[:8], got[64:2548], got[2556:]), slices.Concat(f.Content[:8], f.Content[64:2548], f.Content[2556:])
				}
				if !bytes.Equal(got, f.Content) {
					t.Errorf("%s has other content", f.Path)
				}
			}
		})
	}
}

// TestPathTables has isoinfo read folders by both ways: the path table and the
// records.
func TestPathTables(t *testing.T) {
	b := newBench(t)
	b.piece("part1.iso", b.layout.Data)
	for _, image := range []string{"floe.iso", "part1.iso"} {
		table := regexp.MustCompile(`(?m)^ *\d+: +\d+ ([0-9a-f]+) (\S+) *$`).FindAllStringSubmatch(b.ask("isoinfo", "-p", "-i", image), -1)
		if len(table) != 10 {
			t.Fatalf("%s: %d folders in the path table: %q", image, len(table), table)
		}
		records := b.ask("isoinfo", "-l", "-i", image)
		for _, line := range table {
			block, err := strconv.ParseInt(line[1], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			want(t, records, fmt.Sprintf(`d.*\[ *%d 02\] +%s *`, block, line[2]))
		}
	}
}

// TestPartitionTables has sfdisk and sgdisk verify both tables.
func TestPartitionTables(t *testing.T) {
	b := newBench(t)
	want(t, b.ask("sfdisk", "--verify", "floe.iso"), `No errors detected\.`)
	want(t, b.ask("sgdisk", "--verify", "floe.iso"), `No problems found\..*`)
	want(t, b.ask("sfdisk", "--dump", "floe.iso"),
		`label: gpt`,
		`floe\.iso1 : start= +\d+, size= +\d+, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=[-0-9A-F]+, name="FLOE", attrs="GUID:60"`,
		`floe\.iso2 : start= +\d+, size= +\d+, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=[-0-9A-F]+, name="EFI system partition"`)
}

// TestDataPartitionBehind does to the image on a larger disk what making a data
// partition on the rest of a stick does.
func TestDataPartitionBehind(t *testing.T) {
	b := newBench(t)
	if err := os.Truncate(filepath.Join(b.dir, "floe.iso"), 64<<20); err != nil {
		t.Fatal(err)
	}
	b.ask("sgdisk", "--move-second-header", "--new=3:0:0", "--typecode=3:8300", "--change-name=3:floe-data", "floe.iso")
	want(t, b.ask("sgdisk", "--verify", "floe.iso"), `No problems found\..*`)
	want(t, b.ask("sgdisk", "--print", "floe.iso"), ` +1 .*FLOE`, ` +2 .*EFI system partition`, ` +3 .*floe-data`)
	b.ask("xorriso", "-indev", "floe.iso", "-find", "/boot/vmlinuz")
}

// TestWithoutBIOS has them look at an image for machines that have UEFI alone.
func TestWithoutBIOS(t *testing.T) {
	b := newBench(t)
	s := b.spec
	s.BIOS = nil
	var err error
	s.ESP, err = iso.ESP("FLOE", 0x1234abcd, epoch, []fat.File{{Path: "EFI/BOOT/BOOTAA64.EFI", Content: []byte("EFI image")}})
	if err != nil {
		t.Fatal(err)
	}
	if b.layout, err = iso.Master(t.Context(), s, filepath.Join(b.dir, "floe.iso")); err != nil {
		t.Fatal(err)
	}
	text := b.ask("xorriso", "-indev", "floe.iso", "-pvd_info", "-report_el_torito", "plain", "-report_system_area", "plain")
	want(t, text,
		`Volume id +: 'FLOE'`,
		`System area summary: MBR protective-msdos-label .*GPT`,
		`GPT partname local : +2 +EFI system partition`,
		`El Torito boot img : +1 +UEFI +y +none +0x0000 +0x00 +\d+ +\d+`,
	)
	if strings.Contains(text, "BIOS") {
		t.Errorf("something is for BIOS:\n%s", text)
	}
	want(t, b.ask("sfdisk", "--verify", "floe.iso"), `No errors detected\.`)
	want(t, b.ask("sgdisk", "--verify", "floe.iso"), `No problems found\..*`)
	b.piece("esp.img", b.layout.ESP)
	b.ask("fsck.fat", "-n", "esp.img")
	want(t, b.ask("mdir", "-i", "esp.img", "::EFI/BOOT"), `BOOTAA64 EFI +9 2026-01-02 +3:04 *`)
}

// TestESP has fsck.fat and mtools read the EFI system partition, as an image
// with each size of clusters.
func TestESP(t *testing.T) {
	b := newBench(t)
	b.piece("esp.img", b.layout.ESP)
	want(t, b.ask("mdir", "-i", "esp.img", "::EFI/BOOT"), ` Volume in drive : is FLOE +`, ` Volume Serial Number is 1234-ABCD`, `BOOTX64  EFI +70010 2026-01-02 +3:04 *`)
	for size, cluster := range map[int]string{70_010: "512", 1_900_000: "512", 3_500_000: "1024", 8_000_000: "2048", 16_000_000: "4096"} {
		content := bytes.Repeat([]byte("0123456789"), size/10)
		image, err := iso.ESP("FLOE", 1, epoch, []fat.File{{Path: "EFI/BOOT/BOOTX64.EFI", Content: content}, {Path: "A", Content: []byte("a")}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.dir, "esp.img"), image, 0o644); err != nil {
			t.Fatal(err)
		}
		report := b.ask("fsck.fat", "-nv", "esp.img") // fails on anything that it would mend
		want(t, report, ` +`+cluster+` bytes per cluster`, ` +2 FATs, 12 bit entries`)
		if strings.Contains(report, "eclaimed") || strings.Contains(report, "differ") {
			t.Errorf("%d bytes: %s", size, report)
		}
		if got := b.ask("mtype", "-i", "esp.img", "::EFI/BOOT/BOOTX64.EFI"); got != string(content) {
			t.Errorf("%d bytes come back as %d", len(content), len(got))
		}
	}
}
