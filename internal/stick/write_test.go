package stick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/board"
	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fat"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/sdcard"
)

// TestWrite writes onto a loop device, with a data partition, and again with
// another image that keeps it.
func TestWrite(t *testing.T) {
	image := disktest.Image(t, 1, 9)
	d := disktest.Loop(t, 256)
	r := mustWrite(t, order(t, image, d, NewData))
	holds(t, d, image)
	parts := table(t, d)
	if len(parts) != 3 {
		t.Fatalf("%+v", parts)
	}
	data := parts[2]
	at, size := data.First*iso.SectorSize, data.Sectors*iso.SectorSize
	if data.Name != iso.DataName || size != r.Data || at+size > d.Size-tailSize || at < 2*9*mib {
		t.Errorf("%+v, %+v", data, r)
	}
	if got := disktest.Content(t, d.Path, at, dataWipe); len(bytes.Trim(got, "\x00")) > 0 {
		t.Error("the data partition is not empty")
	}
	inside := fmt.Sprintf("%s?offset=%d", d.Path, at)
	run(t, "mke2fs", "-q", "-F", "-E", fmt.Sprintf("offset=%d", at), d.Path, fmt.Sprint(size>>10)+"k")
	run(t, "e2fsck", "-fn", inside)

	second := disktest.Image(t, 2, 11)
	if r = mustWrite(t, order(t, second, d, KeepData)); !r.Kept || r.Data != size {
		t.Errorf("%+v", r)
	}
	holds(t, d, second)
	if now := table(t, d); len(now) != 3 || now[2] != data {
		t.Errorf("%+v", now)
	}
	run(t, "e2fsck", "-fn", inside)

	large := disktest.Image(t, 3, 40)
	if _, err := Write(t.Context(), order(t, large, d, KeepData), disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "cannot be kept") {
		t.Errorf("an image that reaches into the data partition: %v", err)
	}
	holds(t, d, second)

	// A new data partition is empty, even at the same place.
	lost := order(t, image, d, NewData)
	lost.LoseData = true
	mustWrite(t, lost)
	if now := table(t, d); len(now) != 3 || now[2].ID == data.ID {
		t.Errorf("%+v", now)
	}
	if got := disktest.Content(t, d.Path, at, dataWipe); len(bytes.Trim(got, "\x00")) > 0 {
		t.Error("the data partition is not empty")
	}
	lost = order(t, second, d, NoData)
	lost.LoseData = true
	mustWrite(t, lost)
	if now := table(t, d); len(now) != 2 {
		t.Errorf("%+v", now)
	}
	if _, err := Write(t.Context(), order(t, image, d, KeepData), disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) {
		t.Errorf("keeps what is not there: %v", err)
	}
}

// holds compares all but the partition tables.
func holds(t *testing.T, d disks.Disk, image string) {
	t.Helper()
	if !disktest.Holds(t, d.Path, image) {
		t.Error("the image is not on the disk")
	}
}

// table has sgdisk and sfdisk check the partition tables, and reads them.
func table(t *testing.T, d disks.Disk) []iso.Partition {
	t.Helper()
	got, err := iso.ReadGPT(bytes.NewReader(disktest.Content(t, d.Path, 0, headSize)))
	if err != nil {
		t.Fatal(err)
	}
	for tool, fine := range map[string]string{"sgdisk": "No problems found.", "sfdisk": "No errors detected."} {
		if said := check(t, tool, d.Serial); !strings.Contains(said, fine) {
			t.Errorf("%s: %s", tool, said)
		}
	}
	return got.Partitions
}

// TestCard writes the image of a board's memory card. Its own data partition
// makes room for one as large as the card, and what the board's ROM reads of
// the MBR stays.
func TestCard(t *testing.T) {
	image := filepath.Join(t.TempDir(), "card.img")
	err := sdcard.Write(t.Context(), sdcard.Spec{
		Label: board.Volume, ID: [16]byte{1}, Time: time.Unix(1e9, 0),
		Files: []fat.File{{Path: "config.txt", Content: []byte("arm_64bit=1\n")}},
	}, image)
	if err != nil {
		t.Fatal(err)
	}
	d := disktest.Loop(t, 512)
	for _, tt := range []struct {
		data Data
		want []string
	}{{NewData, []string{board.Volume, iso.DataName}}, {KeepData, []string{board.Volume, iso.DataName}}, {NoData, []string{board.Volume}}} {
		o := order(t, image, d, tt.data)
		o.LoseData = true
		mustWrite(t, o)
		var names []string
		for _, p := range table(t, d) {
			names = append(names, p.Name)
			if p.Name == iso.DataName && p.Sectors < 200<<20/iso.SectorSize {
				t.Errorf("%s: the data partition is that of the image: %+v", tt.data, p)
			}
		}
		if !slices.Equal(names, tt.want) {
			t.Errorf("%s: %v", tt.data, names)
		}
		want, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		if got := disktest.Content(t, d.Path, 0, iso.SectorSize); !bytes.Equal(got, want[:iso.SectorSize]) {
			t.Errorf("%s: another MBR", tt.data)
		}
		if got := disktest.Content(t, d.Path, 4<<20, 64<<20); !bytes.Equal(got, want[4<<20:68<<20]) {
			t.Errorf("%s: another boot partition", tt.data)
		}
	}
}

// TestForeign: any ISO goes onto the disk as it is.
func TestForeign(t *testing.T) {
	image := foreign(t)
	d := disktest.Loop(t, 64)
	// All of it holds something: what is not sent must be discarded.
	if err := os.WriteFile(d.Path, bytes.Repeat([]byte{0xaa}, int(d.Size)), 0); err != nil {
		t.Fatal(err)
	}
	o := order(t, image, d, NewData)
	if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "--any") {
		t.Errorf("%v", err)
	}
	o.Any, o.Data = true, KeepData
	if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "cannot be kept") {
		t.Errorf("a data partition is to be kept: %v", err)
	}
	o.Data = NewData
	mustWrite(t, o)
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if got := disktest.Content(t, d.Path, 0, int64(len(b))); !bytes.Equal(got, b) {
		t.Error("it is not on the disk as it is")
	}
	var st unix.Stat_t
	if err := unix.Stat(d.Serial, &st); err != nil {
		t.Fatal(err)
	}
	// A loop device discards where the file system of its file makes holes.
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "hole"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	can := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, mib) == nil
	if hole := d.Size - 512*st.Blocks; can && hole < (holeEnd-holeStart)/2 { // the file system counts what it keeps itself
		t.Errorf("zeros were sent: the disk has discarded %d bytes", hole)
	}
}

// TestForeignToTheEnd has an image that is as large as the disk: no sector of
// its end is taken for that of a partition table.
func TestForeignToTheEnd(t *testing.T) {
	image, d := foreign(t), disktest.Loop(t, 64)
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.Repeat([]byte{0xee}, 2*tailSize)
	if _, err := f.WriteAt(end, d.Size-int64(len(end))); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	o := order(t, image, d, NewData)
	o.Any = true
	mustWrite(t, o)
	if got := disktest.Content(t, d.Path, d.Size-int64(len(end)), int64(len(end))); !bytes.Equal(got, end) {
		t.Error("the end of the image is not on the disk")
	}
}

// Where the zeros of the foreign image are, in bytes.
const holeStart, holeEnd = 4 * mib, 20 * mib

// foreign makes an ISO that is not floe's, with a hole, and with an end that is
// that of no sector.
func foreign(t *testing.T) string {
	t.Helper()
	b := bytes.Repeat([]byte("foreign "), 24*mib/8+1)
	copy(b[0x8000:], "\x01CD001\x01")
	copy(b[0x8028:], "OTHER                           ")
	clear(b[holeStart:holeEnd])
	image := filepath.Join(t.TempDir(), "other.iso")
	if err := os.WriteFile(image, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return image
}

// TestRefused changes one thing of a good order at a time. Nothing may be
// written.
func TestRefused(t *testing.T) {
	image := disktest.Image(t, 1, 3)
	other := disktest.Image(t, 2, 3)
	d := disktest.Loop(t, 64)
	small := disktest.Loop(t, 2)
	held := disktest.Loop(t, 64)
	run(t, "mke2fs", "-q", "-F", held.Path)
	point := t.TempDir()
	run(t, "mount", held.Path, point)
	t.Cleanup(func() { _ = unix.Unmount(point, 0) })
	held = disktest.Again(t, held)
	swapped := filepath.Join(t.TempDir(), "changed.iso")
	b, _ := os.ReadFile(image)
	b[2*mib]++
	if err := errors.Join(os.WriteFile(swapped, b, 0o644), os.WriteFile(swapped+".sha256", []byte(strings.Repeat("0", 64)+"  changed.iso\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		order func() Order
		class fault.Class
		says  string
	}{
		{"another serial number", func() Order { o := order(t, image, d, NewData); o.Disk.Serial = "x"; return o }, fault.Disk, "serial number"},
		{"another model", func() Order { o := order(t, image, d, NewData); o.Disk.Model = "x"; return o }, fault.Disk, "model"},
		{"another size", func() Order { o := order(t, image, d, NewData); o.Disk.Size++; return o }, fault.Disk, "size"},
		{"plugged in again", func() Order { o := order(t, image, d, NewData); o.Disk.Sequence--; return o }, fault.Disk, "after the choice"},
		{"another number", func() Order { o := order(t, image, d, NewData); o.Disk.Number = small.Number; return o }, fault.Disk, "not the disk"},
		{"no such number", func() Order { o := order(t, image, d, NewData); o.Disk.Number.Minor = 99999; return o }, fault.Disk, "no disk has"},
		{"too small", func() Order { return order(t, image, small, NewData) }, fault.Disk, "too small"},
		{"mounted by the system", func() Order { return order(t, image, held, NewData) }, fault.Disk, "carries " + point},
		{"mounted, and agreed", func() Order { o := order(t, image, held, NewData); o.Unmount = []string{point}; return o }, fault.Disk, "carries"},
		{"an image on the disk", func() Order { return order(t, filepath.Join(point, "none.iso"), held, NewData) }, fault.Usage, "no such file"},
		{"image exchanged", func() Order { o := order(t, image, d, NewData); o.Image = other; return o }, fault.Verify, "changed"},
		{"checksum beside it", func() Order { return order(t, swapped, d, NewData) }, fault.Verify, "changed.iso.sha256"},
		{"no image", func() Order { o := order(t, image, d, NewData); o.Image = "/etc/passwd"; return o }, fault.Usage, "ISO 9660"},
		{"a folder", func() Order { o := order(t, image, d, NewData); o.Image = "/tmp"; return o }, fault.Usage, "no file"},
		{"a device", func() Order { o := order(t, image, d, NewData); o.Image = "/dev/zero"; return o }, fault.Usage, "no file"},
		{"a path that is not absolute", func() Order { o := order(t, image, d, NewData); o.Image = "floe.iso"; return o }, fault.Usage, "absolute"},
		{"no hash", func() Order { o := order(t, image, d, NewData); o.SHA256 = ""; return o }, fault.Usage, "SHA-256"},
		{"nothing to do", func() Order { o := order(t, image, d, "format"); return o }, fault.Usage, "rest of the disk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o Order
			if tt.name == "an image on the disk" {
				o = order(t, image, held, NewData)
				o.Image = filepath.Join(point, "none.iso")
			} else {
				o = tt.order()
			}
			_, err := Write(t.Context(), o, disks.Here(), report.Discard)
			if fault.Code(err) != int(tt.class) || !strings.Contains(err.Error()+fault.Hint(err), tt.says) {
				t.Errorf("exit code %d: %v", fault.Code(err), err)
			}
		})
	}
	for _, disk := range []disks.Disk{d, small} {
		if got := disktest.Content(t, disk.Path, 0, 9); string(got) != "old data " {
			t.Errorf("%s has lost its data: %q", disk.Path, got)
		}
	}
	// Exclusive: another holder, as in another mount namespace.
	f, err := os.OpenFile(d.Path, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Write(t.Context(), order(t, image, d, NewData), disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "has it open") {
		t.Errorf("%v", err)
	}
}

// TestUnmount: what the person agreed to lose is unmounted; what is busy is
// said, and nothing is written.
func TestUnmount(t *testing.T) {
	image := disktest.Image(t, 1, 3)
	d := disktest.Loop(t, 64)
	run(t, "mke2fs", "-q", "-F", d.Path)
	base := "/mnt"
	point, err := os.MkdirTemp(base, "floe  test ") // as labels of sticks can be, which no line of text shows as they are
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, 0); _ = os.Remove(point) })
	run(t, "mount", d.Path, point)
	o := order(t, image, disktest.Again(t, d), NewData)
	if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "not agreed") {
		t.Errorf("%v", err)
	}
	o.Unmount = []string{point}
	busy, err := os.Create(filepath.Join(point, "open"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "unmount "+strings.Join(strings.Fields(point), " ")) {
		t.Errorf("%v", err)
	}
	busy.Close()
	// What the person protects may be a link, and need not be there yet.
	link := filepath.Join(t.TempDir(), "cache")
	if err := os.Symlink(point, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, filepath.Join(link, "floe", "out")} {
		o.Protect = []string{path}
		if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "carries") {
			t.Errorf("%s: %v", path, err)
		}
	}
	o.Protect = nil
	mustWrite(t, o)
}

// TestCancel stops in the middle: the disk does not boot, and says so.
func TestCancel(t *testing.T) {
	image := disktest.Image(t, 1, 40)
	d := disktest.Loop(t, 128)
	ctx, cancel := context.WithCancel(t.Context())
	sink := report.Func(func(e report.Event) {
		if e.Stage == "write/body" && e.Kind == report.Started {
			cancel()
		}
	})
	_, err := Write(ctx, order(t, image, d, NewData), disks.Here(), sink)
	if fault.Code(err) != int(fault.Cancelled) || !strings.Contains(fault.Hint(err), "does not boot") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
	tail := disktest.Content(t, d.Path, d.Size-wipeSize, wipeSize)
	unbootable(t, disktest.Content(t, d.Path, 0, headSize), tail)
	if len(bytes.Trim(tail, "\x00")) > 0 {
		t.Error("its end has what it had")
	}
}

// unbootable looks at the ends of a disk: nothing there boots.
func unbootable(t *testing.T, head, tail []byte) {
	t.Helper()
	if len(bytes.Trim(head[:440], "\x00")) > 0 {
		t.Error("there is boot code")
	}
	table, err := iso.ReadGPT(bytes.NewReader(head))
	for _, p := range table.Partitions {
		if err == nil && p.Name != iso.DataName {
			t.Errorf("the table has %+v", p)
		}
	}
	if err != nil && bytes.Contains(tail, []byte("EFI PART")) {
		t.Error("the backup of a partition table is there")
	}
}
