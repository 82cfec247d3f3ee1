package stick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
)

// TestImageChanges: an image that is not any more what was looked at is told
// from a disk that is worn out, and never becomes bootable.
func TestImageChanges(t *testing.T) {
	const place = 9 * mib
	change := func(path string, at int64) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("changed"), at)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
	dev, j, _ := newFile(t, NewData)
	var once sync.Once
	dev.onWrite = func([]byte, int64) error {
		once.Do(func() { change(j.image.Name(), place) })
		return nil
	}
	_, err := j.run(t.Context())
	if fault.Code(err) != int(fault.Verify) || !strings.Contains(err.Error(), "the image changed") || !strings.Contains(fault.Hint(err), "does not boot") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}

	image := inspected(t, disktest.Image(t, 2, 3))
	change(image.Name(), 100)
	if _, err := newJob(image, NewData, dev, "/dev/stick", report.Discard); fault.Code(err) != int(fault.Verify) || !strings.Contains(fault.Hint(err), "Nothing was changed") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}

	dev, j, _ = newFile(t, NewData)
	once = sync.Once{}
	dev.onWrite = func([]byte, int64) error {
		once.Do(func() {
			if err := os.Truncate(j.image.Name(), place); err != nil {
				t.Error(err)
			}
		})
		return nil
	}
	if _, err := j.run(t.Context()); fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "it became shorter") {
		t.Errorf("%v", err)
	}
}

// TestWholeDisk: an image that reaches into the disk's last sectors brings the copy of
// a partition table there, which comes with what makes the disk bootable and not before.
func TestWholeDisk(t *testing.T) {
	whole, err := os.ReadFile(foreign(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		size int64 // of the image
		more int64 // that the disk has
	}{
		{"as large as the disk, of whole pieces", 24 * mib, 0},
		{"its last piece is in the last sectors", 23*mib + 10*iso.SectorSize, 0},
		{"it begins where the last sectors do", 23*mib + tailSize, 0},
		{"ends within the last sectors", 24 * mib, 5 * iso.SectorSize},
		{"has an end that is that of no sector", 24*mib - 100, 100},
		{"ends before them", 24 * mib, tailSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := bytes.Clone(whole[:tt.size])
			end := tt.size + tt.more - iso.SectorSize // the disk's last sector
			copy(b[min(end, tt.size-iso.SectorSize):], "EFI PART")
			image := filepath.Join(t.TempDir(), "other.iso")
			if err := os.WriteFile(image, b, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, stop := range []string{"", "write/verify started", "write/verify done", "write/finish started"} {
				comesLast(t, image, b, tt.size+tt.more, stop)
			}
		})
	}
}

// comesLast writes an image onto a disk, and stops there.
func comesLast(t *testing.T, image string, b []byte, size int64, stop string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dev := &file{File: f, size: size}
	ends := func() (head, tail []byte) {
		head, tail = make([]byte, headSize), make([]byte, tailSize)
		_, err1 := f.ReadAt(head, 0)
		_, err2 := f.ReadAt(tail, size-tailSize)
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		}
		return head, tail
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	j, err := newJob(inspected(t, image), NoData, dev, "/dev/stick", report.Func(func(e report.Event) {
		if e.Stage == "write/verify" && e.Kind != report.Progress { // it might be unplugged now
			head, tail := ends()
			unbootable(t, head, tail)
		}
		if e.Stage+" "+string(e.Kind) == stop {
			cancel()
			dev.onWrite = func([]byte, int64) error { return unix.EIO }
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = j.run(ctx)
	head, tail := ends()
	got := make([]byte, len(b))
	if _, err := f.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	switch {
	case stop == "" && (err != nil || !bytes.Equal(got, b) || len(bytes.Trim(tail[max(0, int64(len(b))-(size-tailSize)):], "\x00")) > 0):
		t.Errorf("%v, or the image is not on the disk", err)
	case stop != "" && err == nil:
		t.Errorf("%s: it goes on", stop)
	case stop != "":
		unbootable(t, head, tail)
	}
}

// TestHoles: a disk that discards gets no zeros, one that does not gets them,
// and one that only says so is found out.
func TestHoles(t *testing.T) {
	image := foreign(t)
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		discard func(*file) func(at, n int64) error
		class   fault.Class // 0: it is written
		sent    int64       // bytes of zeros
	}{
		{"it discards", func(f *file) func(at, n int64) error {
			return func(at, n int64) error {
				_, err := f.File.WriteAt(make([]byte, n), at)
				return err
			}
		}, 0, 0},
		{"it cannot", func(*file) func(at, n int64) error { return nil }, 0, holeEnd - holeStart},
		{"it keeps what it had", func(*file) func(at, n int64) error {
			return func(int64, int64) error { return nil }
		}, fault.Verify, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			dev := &file{File: f, size: 64 * mib}
			if _, err := f.Write(bytes.Repeat([]byte{0xaa}, int(dev.size))); err != nil {
				t.Fatal(err)
			}
			dev.discard = tt.discard(dev)
			var sent atomic.Int64
			dev.onWrite = func(b []byte, at int64) error {
				if at >= holeStart && at < holeEnd {
					sent.Add(int64(len(b)))
				}
				return nil
			}
			j, err := newJob(inspected(t, image), NoData, dev, "/dev/stick", report.Discard)
			if err != nil {
				t.Fatal(err)
			}
			_, err = j.run(t.Context())
			if tt.class != 0 {
				if fault.Code(err) != int(tt.class) || !strings.Contains(err.Error(), fmt.Sprintf("first at byte %d", holeStart)) {
					t.Errorf("%v", err)
				}
				return
			}
			got, end := make([]byte, len(b)), make([]byte, iso.SectorSize-len(b)%iso.SectorSize)
			_, readErr := f.ReadAt(got, 0)
			_, endErr := f.ReadAt(end, int64(len(b)))
			if readErr = errors.Join(readErr, endErr); err != nil || readErr != nil || !bytes.Equal(got, b) || len(bytes.Trim(end, "\x00")) > 0 {
				t.Errorf("%v, %v, or the image is not on the disk", err, readErr)
			}
			if sent.Load() != tt.sent {
				t.Errorf("%d bytes of zeros were sent, not %d", sent.Load(), tt.sent)
			}
		})
	}
}
