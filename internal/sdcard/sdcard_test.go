package sdcard_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/fat"
	"floe/internal/sandbox"
	"floe/internal/sdcard"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func spec(size int) sdcard.Spec {
	return sdcard.Spec{
		Label: "FLOE-TEST", ID: [16]byte{1, 2, 3, 4, 5, 6, 7, 8}, Time: epoch,
		Files: []fat.File{{Path: "config.txt", Content: []byte("arm_64bit=1\n")}, {Path: "kernel8.img", Content: bytes.Repeat([]byte("kernel8 "), size/8)}},
	}
}

// TestTools has sfdisk and sgdisk read the tables, the one as a GPT and as what
// the Raspberry Pi 3 sees of it, and fsck.fat the file system.
func TestTools(t *testing.T) {
	dir := t.TempDir()
	run := archivetest.Tools(t, "checks-card", "fdisk", "gdisk", "dosfstools", "mtools")
	ask := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if err := run.Run(t.Context(), sandbox.Command{Args: args, Work: dir, Stdout: &out, Stderr: &out}); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &out)
		}
		return out.String()
	}
	image := filepath.Join(dir, "card.img")
	if err := sdcard.Write(t.Context(), spec(50<<20), image); err != nil {
		t.Fatal(err)
	}
	if err := sdcard.Write(t.Context(), spec(50<<20), filepath.Join(dir, "again.img")); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(filepath.Join(dir, "again.img")); err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second time gives other bytes (%v)", err)
	}

	var gpt struct {
		PartitionTable struct {
			Label      string
			Partitions []struct {
				Start, Size int64
				Type, Name  string
			}
		}
	}
	said := ask("sfdisk", "-q", "--json", "card.img")
	if err := json.Unmarshal([]byte(said[strings.Index(said, "{"):]), &gpt); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	const mib = 2048
	got := fmt.Sprint(gpt.PartitionTable)
	want := fmt.Sprintf("{gpt [{%d %d EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 FLOE-TEST} {%d %d 0FC63DAF-8483-4772-8E79-3D69D8477DE4 floe-data}]}",
		4*mib, 128*mib, 132*mib, 32*mib)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if said := ask("sfdisk", "--verify", "card.img"); !strings.Contains(said, "No errors detected.") {
		t.Error(said)
	}
	said = ask("sgdisk", "--verify", "card.img")
	if !strings.Contains(said, "No problems found.") {
		t.Error(said)
	}
	if said = ask("sgdisk", "--print", "card.img"); strings.Contains(said, "corrupt") {
		t.Error(said)
	}
	for _, line := range []string{"Device     Boot Start    End Sectors  Size Id Type",
		"card.img1        8192 270335  262144  128M  c W95 FAT32 (LBA)", "card.img2           1   8191    8191    4M ee GPT"} {
		if said := ask("fdisk", "-t", "dos", "-l", "card.img"); !strings.Contains(said, line+"\n") {
			t.Errorf("no line %q in\n%s", line, said)
		}
	}

	boot := first[4<<20 : 132<<20]
	if err := os.WriteFile(filepath.Join(dir, "boot.fat"), boot, 0o644); err != nil {
		t.Fatal(err)
	}
	if start := binary.LittleEndian.Uint32(boot[28:]); start != 8192 {
		t.Errorf("the volume says that it begins at sector %d", start)
	}
	ask("fsck.fat", "-nv", "boot.fat")
	if text := ask("mtype", "-i", "card.img@@4M", "::config.txt"); text != "arm_64bit=1\n" {
		t.Errorf("config.txt is %q", text)
	}
	if data := first[132<<20 : 164<<20]; len(bytes.Trim(data, "\x00")) > 0 {
		t.Error("the data partition is not empty")
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	s := spec(8)
	s.Files = append(s.Files, fat.File{Path: "a", Source: "/nowhere"})
	if err := sdcard.Write(t.Context(), s, filepath.Join(dir, "card.img")); err == nil {
		t.Error("a file that is not there was taken")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}
