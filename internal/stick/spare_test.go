package stick

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
)

// TestDataIsSpared: the writer itself finds a data partition, whatever the kernel
// knows of the disk, in either copy of the table, and loses none that nobody said
// may be lost.
func TestDataIsSpared(t *testing.T) {
	image, other := disktest.Image(t, 1, 4), foreign(t)
	for _, tt := range []struct {
		name   string
		harm   func(dev *file)
		image  string
		data   Data
		spared bool
	}{
		{"a good table", func(*file) {}, image, NewData, true},
		{"a good table, and none is wanted", func(*file) {}, image, NoData, true},
		{"a good table, and an image that takes all", func(*file) {}, other, NoData, true},
		{"a good table, and the data is kept", func(*file) {}, image, KeepData, false},
		{"a good table without its copy", func(dev *file) { blot(t, dev, dev.size-tailSize, tailSize) }, image, NewData, true},
		{"a damaged table", func(dev *file) { blot(t, dev, iso.SectorSize+60, 1) }, image, NewData, true},
		{"a lost table", func(dev *file) { blot(t, dev, 0, headSize) }, image, NewData, true},
		{"a lost table, and an image that takes all", func(dev *file) { blot(t, dev, 0, headSize) }, other, NoData, true},
		{"a table with something else there", func(dev *file) {
			primary, _, err := iso.GPT(dev.size/iso.SectorSize, iso.GUID{1}, []iso.Partition{{Type: iso.GUID{2}, First: 2048, Sectors: 100 * mib / iso.SectorSize}})
			if err == nil {
				_, err = dev.File.WriteAt(primary, iso.SectorSize)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, image, NewData, false},
		{"no table", func(dev *file) { blot(t, dev, 0, headSize); blot(t, dev, dev.size-tailSize, tailSize) }, image, NewData, false},
	} {
		dev, j, _ := newFile(t, NewData)
		if err := j.spare(); err != nil {
			t.Errorf("%s: an empty disk: %v", tt.name, err)
		}
		if _, err := j.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		tt.harm(dev)
		j, err := newJob(inspected(t, tt.image), tt.data, dev, "/dev/stick", report.Discard)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		err = j.spare()
		if !tt.spared && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.spared && (fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "a data partition of an earlier Floe") ||
			!strings.Contains(fault.Hint(err), "--no-data") || strings.Contains(fault.Hint(err), "--keep-data") != (tt.image == image)) {
			t.Errorf("%s: %v; %s", tt.name, err, fault.Hint(err))
		}
	}
	// What cannot be read cannot be said to hold nothing.
	dev, j, _ := newFile(t, NewData)
	dev.size += mib
	if err := j.spare(); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "before the size that it claims") || !strings.Contains(fault.Hint(err), "Nothing was changed") {
		t.Errorf("the end cannot be read: %v; %s", err, fault.Hint(err))
	}
}

// TestKeptWhereverItIsTorn: a stick that loses its power while one of its ends is
// being written keeps its data partition, as it was said that it would.
func TestKeptWhereverItIsTorn(t *testing.T) {
	dev, j, _ := newFile(t, NewData)
	if _, err := j.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	data := j.layout.data
	for _, tt := range []struct {
		name string
		at   int64
		time int // which writing of that place
	}{
		{"the head while it is blanked", 0, 1}, {"the end while it is blanked", dev.size - tailSize, 1},
		{"the end while it is finished", dev.size - tailSize, 2}, {"the head while it is finished", 0, 2},
	} {
		for _, torn := range []int64{0, 100, iso.SectorSize, iso.SectorSize + 50, 2 * iso.SectorSize, 5 * iso.SectorSize, tailSize - iso.SectorSize, tailSize, headSize} {
			again, err := newJob(j.image, KeepData, dev, "/dev/stick", report.Discard)
			if err != nil || again.layout.data != data {
				t.Fatalf("before %s is torn after %d bytes: %v", tt.name, torn, err)
			}
			times, dead, unsettled := 0, false, false
			dev.onFlush = func() { unsettled = false }
			dev.onWrite = func(b []byte, at int64) error {
				if at == 0 || at == dev.size-tailSize {
					if unsettled && !dead {
						t.Error("one end is written before the other one is on the medium")
					}
					unsettled = true
				}
				if at == tt.at {
					times++
				}
				if at == tt.at && times == tt.time && !dead {
					dead = true
					_, _ = dev.File.WriteAt(b[:min(torn, int64(len(b)))], at)
				}
				if dead {
					return unix.EIO
				}
				return nil
			}
			_, err = again.run(t.Context())
			if !dead || !strings.Contains(fault.Hint(err), "--keep-data") {
				t.Fatalf("%s: %v; %s", tt.name, err, fault.Hint(err))
			}
			dev.onWrite, dev.onFlush = nil, nil
			p, err := oldData(&sectors{dev: dev}, j.image.Size, dev.size)
			if err != nil || p != data {
				t.Errorf("%s is torn after %d bytes: %+v, %v", tt.name, torn, p, err)
			}
		}
	}
	again, err := newJob(j.image, KeepData, dev, "/dev/stick", report.Discard)
	if err == nil {
		_, err = again.run(t.Context())
	}
	if err != nil || again.layout.data != data {
		t.Error(err)
	}
}

// blot overwrites a part of a file.
func blot(t *testing.T, dev *file, at, n int64) {
	t.Helper()
	if _, err := dev.File.WriteAt(bytes.Repeat([]byte{0xb5}, int(n)), at); err != nil {
		t.Fatal(err)
	}
}

// TestDataTheKernelDoesNotKnow has a disk of which the kernel reads no table.
func TestDataTheKernelDoesNotKnow(t *testing.T) {
	image, d := disktest.Image(t, 1, 4), disktest.Unparsed(t, 128)
	r := mustWrite(t, order(t, image, d, NewData))
	if d = disktest.Again(t, d); len(d.Partitions) > 0 || r.Data == 0 {
		t.Fatalf("the kernel knows %+v of %+v", d.Partitions, r)
	}
	p, _ := dataOn(bytes.NewReader(disktest.Content(t, d.Path, 0, headSize)), d.Size)
	marker, at := []byte("what containers leave behind"), p.First*iso.SectorSize
	device, err := os.OpenFile(d.Path, os.O_WRONLY|unix.O_SYNC, 0)
	if err == nil {
		_, err = device.WriteAt(marker, at)
	}
	if err := errors.Join(err, device.Close()); err != nil {
		t.Fatal(err)
	}
	for _, data := range []Data{NewData, NoData} {
		if _, err := Write(t.Context(), order(t, image, d, data), disks.Here(), report.Discard); fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "--keep-data") {
			t.Errorf("%v", err)
		}
	}
	mustWrite(t, order(t, image, d, KeepData))
	if got := disktest.Content(t, d.Path, at, int64(len(marker))); !bytes.Equal(got, marker) {
		t.Errorf("%q", got)
	}
	o := order(t, image, d, NewData)
	o.LoseData = true
	mustWrite(t, o)
	if got := disktest.Content(t, d.Path, at, int64(len(marker))); bytes.Equal(got, marker) {
		t.Error("it was said to be lost, and is there")
	}
}
