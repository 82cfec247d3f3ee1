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

// TestWholeDisk: an image as large as the disk brings the backup of a partition table
// to its end, which does not stay there where the rest is given up.
func TestWholeDisk(t *testing.T) {
	image := foreign(t)
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)/iso.SectorSize*iso.SectorSize]
	copy(b[len(b)-iso.SectorSize:], "EFI PART")
	if err := os.WriteFile(image, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err == nil {
		err = f.Truncate(int64(len(b)))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dev := &file{File: f, size: int64(len(b))}
	for _, stop := range []report.Kind{"", report.Started, report.Done} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		j, err := newJob(inspected(t, image), NoData, dev, "/dev/stick", report.Func(func(e report.Event) {
			if e.Stage == "write/verify" && e.Kind == stop {
				cancel()
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.run(ctx)
		head, tail := make([]byte, headSize), make([]byte, tailSize)
		_, err1 := f.ReadAt(head, 0)
		_, err2 := f.ReadAt(tail, dev.size-tailSize)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		switch {
		case stop == "" && (err != nil || !bytes.Equal(head, b[:headSize]) || !bytes.Equal(tail, b[len(b)-tailSize:])):
			t.Errorf("%v, or the image is not on the disk", err)
		case stop != "" && fault.Code(err) != int(fault.Cancelled):
			t.Errorf("%v", err)
		case stop != "":
			unbootable(t, head, tail)
		}
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
