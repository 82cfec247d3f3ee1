package stick

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/report"
)

// file is a device made of a file, whose faults a test chooses.
type file struct {
	*os.File
	size    int64
	onWrite func(b []byte, at int64) error
	onRead  func(b []byte, at int64)
	discard func(at, n int64) error // nil: it cannot
	onFlush func()
	gone    bool
	rereads int

	unsettled, cached atomic.Bool // something was written since it was last flushed, and since that was forgotten
}

func (f *file) Size() int64   { return f.size }
func (f *file) Reread() error { f.rereads++; return nil }
func (f *file) Gone() bool    { return f.gone }

func (f *file) Forget() error {
	f.cached.Store(f.unsettled.Load()) // what is still to be written cannot be forgotten
	return nil
}

func (f *file) Flush() error {
	f.unsettled.Store(false)
	if f.onFlush != nil {
		f.onFlush()
	}
	return nil
}

func (f *file) Discard(at, n int64) error {
	if f.discard == nil {
		return unix.EOPNOTSUPP
	}
	return f.discard(at, n)
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	f.unsettled.Store(true)
	f.cached.Store(true)
	if f.onWrite != nil {
		if err := f.onWrite(b, at); err != nil {
			return 0, err
		}
	}
	return f.File.WriteAt(b, at)
}

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	if f.onRead != nil {
		f.onRead(b, at)
	}
	return n, err
}

// story is what a job reported.
type story struct {
	mu    sync.Mutex
	lines []string
}

func (s *story) Emit(e report.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind != report.Progress {
		s.lines = append(s.lines, e.Stage+" "+string(e.Kind)+" "+e.Text)
	}
}

func (s *story) String() string { return strings.Join(s.lines, "\n") }

// inspected opens an image, whoever made it.
func inspected(t *testing.T, path string) *Image {
	t.Helper()
	image, err := Inspect(t.Context(), path, true, report.Start(report.Discard, "x", "x"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { image.Close() })
	return image
}

// newFile makes a device of 64 MiB and a job that writes an image of some
// 20 MiB onto it.
func newFile(t *testing.T, data Data) (*file, *job, *story) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	dev := &file{File: f, size: 128 * mib}
	if err := f.Truncate(dev.size); err != nil {
		t.Fatal(err)
	}
	s := &story{}
	j, err := newJob(inspected(t, disktest.Image(t, 1, 20)), data, dev, "/dev/stick", s)
	if err != nil {
		t.Fatal(err)
	}
	return dev, j, s
}

// second has what is read at a place be wrong from the second time on: the first
// is that of blanking it.
func second(is func(b []byte, at int64) bool) func(b []byte, at int64) {
	times := 0
	return func(b []byte, at int64) {
		if is(b, at) {
			if times++; times > 1 {
				b[600]++
			}
		}
	}
}

// TestFaults: each fault has its words and its class, and leaves a disk that
// does not boot.
func TestFaults(t *testing.T) {
	const place = 9 * mib
	within := func(b []byte, at int64) bool { return at <= place && place < at+int64(len(b)) }
	for _, tt := range []struct {
		name  string
		harm  func(*file)
		class fault.Class
		says  string
	}{
		{"EIO", func(f *file) {
			f.onWrite = func(b []byte, at int64) error {
				if within(b, at) {
					return unix.EIO
				}
				return nil
			}
		}, fault.Disk, "fails to write"},
		{"it ends early", func(f *file) {
			f.onWrite = func(b []byte, at int64) error {
				if within(b, at) {
					return unix.ENOSPC
				}
				return nil
			}
		}, fault.Disk, "before the size that it claims"},
		{"pulled out", func(f *file) {
			f.onWrite = func(b []byte, at int64) error {
				if within(b, at) {
					f.gone = true
					return unix.ENODEV
				}
				return nil
			}
		}, fault.Disk, "pulled out"},
		{"turned read-only", func(f *file) {
			f.onWrite = func(b []byte, at int64) error {
				if within(b, at) {
					return unix.EROFS
				}
				return nil
			}
		}, fault.Disk, "takes nothing more"},
		{"one byte flipped", func(f *file) {
			f.onRead = func(b []byte, at int64) {
				if within(b, at) {
					b[place-at] ^= 0x10
				}
			}
		}, fault.Verify, "first at byte 9437184"},
		{"one byte flipped, and only once", func(f *file) {
			var once sync.Once
			f.onRead = func(b []byte, at int64) {
				if within(b, at) {
					once.Do(func() { b[place-at] ^= 0x10 })
				}
			}
		}, fault.Verify, "first at byte 9437184"},
		{"the first of several, which comes late", func(f *file) {
			f.onRead = func(b []byte, at int64) {
				switch {
				case within(b, at):
					time.Sleep(50 * time.Millisecond)
					b[place-at] ^= 0x10
				case at > place && at < f.size-tailSize:
					b[0] ^= 0x10
				}
			}
		}, fault.Verify, "first at byte 9437184"},
		{"the first MiB reads back wrong", func(f *file) {
			f.onRead = second(func(b []byte, at int64) bool { return at == 0 })
		}, fault.Verify, "other bytes"},
		{"the backup of the partition table reads back wrong", func(f *file) {
			f.onRead = second(func(b []byte, at int64) bool { return at == f.size-tailSize })
		}, fault.Verify, "other bytes"},
		{"it claims more than it has", func(f *file) { // and goes around
			f.onWrite = func(b []byte, at int64) error {
				if at >= 16*mib {
					_, err := f.File.WriteAt(b, at-16*mib+headSize)
					return errors.Join(err, nil)
				}
				return nil
			}
		}, fault.Verify, "claims more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dev, j, _ := newFile(t, NewData)
			tt.harm(dev)
			_, err := j.run(t.Context())
			if fault.Code(err) != int(tt.class) || !strings.Contains(err.Error()+fault.Hint(err), tt.says) || !strings.Contains(fault.Hint(err), "does not boot") {
				t.Errorf("exit code %d: %v; %s", fault.Code(err), err, fault.Hint(err))
			}
			head, tail := make([]byte, headSize), make([]byte, wipeSize)
			_, err1 := dev.File.ReadAt(head, 0)
			_, err2 := dev.File.ReadAt(tail, dev.size-wipeSize)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			unbootable(t, head, tail)
		})
	}
}

// TestKeptWhileWriting: at every moment the table has the data partition, and
// nothing to boot.
func TestKeptWhileWriting(t *testing.T) {
	dev, j, _ := newFile(t, NewData)
	if _, err := j.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := newJob(j.image, KeepData, dev, "/dev/stick", report.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var looked atomic.Bool
	dev.onWrite = func(_ []byte, at int64) error {
		if at <= headSize || at >= j.image.Size || looked.Swap(true) {
			return nil
		}
		head, tail := make([]byte, headSize), make([]byte, tailSize)
		_, err1 := dev.File.ReadAt(head, 0)
		_, err2 := dev.File.ReadAt(tail, dev.size-tailSize)
		unbootable(t, head, tail)
		p, err := oldData(readerAt(head), headSize, headSize)
		if err := errors.Join(err, err1, err2); err != nil || p != j.layout.data {
			t.Errorf("%+v, %v", p, err)
		}
		return unix.EIO
	}
	if _, err := second.run(t.Context()); fault.Code(err) != int(fault.Disk) || !strings.Contains(fault.Hint(err), "data partition is still there") || !looked.Load() {
		t.Errorf("%v", err)
	}
}

// TestStall: a disk that takes nothing is told, and that it goes on.
func TestStall(t *testing.T) {
	dev, j, s := newFile(t, NoData)
	j.stall = 20 * time.Millisecond
	var once sync.Once
	dev.onWrite = func(_ []byte, at int64) error {
		if at >= headSize {
			once.Do(func() { time.Sleep(300 * time.Millisecond) })
			time.Sleep(30 * time.Millisecond)
		}
		return nil
	}
	if _, err := j.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := s.String(); !strings.Contains(text, "nothing has moved for") || !strings.Contains(text, "goes on after") {
		t.Errorf("%s", text)
	}
}

// TestStallOutside: so is one that pauses while it flushes.
func TestStallOutside(t *testing.T) {
	for stage, pauses := range map[string]int{"write/blank": 1, "write/flush": 2, "write/finish": 3} {
		dev, j, s := newFile(t, NoData)
		j.stall = 20 * time.Millisecond
		flushes := 0
		dev.onFlush = func() {
			if flushes++; flushes == pauses {
				time.Sleep(200 * time.Millisecond)
			}
		}
		if _, err := j.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s.String(), stage+" log nothing has moved for") {
			t.Errorf("%s: %s", stage, s)
		}
	}
}
