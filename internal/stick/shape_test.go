package stick

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/report"
)

// TestOrderOfThings: the first MiB is the last thing that is written.
func TestOrderOfThings(t *testing.T) {
	dev, j, s := newFile(t, NewData)
	var mu sync.Mutex
	var places []int64
	dev.onWrite = func(_ []byte, at int64) error {
		mu.Lock()
		defer mu.Unlock()
		places = append(places, at)
		return nil
	}
	if _, err := j.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if places[0] != 0 || places[len(places)-1] != 0 {
		t.Errorf("%v", places)
	}
	for _, p := range places[1 : len(places)-1] {
		if p < headSize {
			t.Errorf("%d is written in between", p)
		}
	}
	for _, stage := range []string{"write/blank done", "write/body done", "write/flush done", "write/verify done", "write/finish done"} {
		if !strings.Contains(s.String(), stage) {
			t.Errorf("%s is missing in\n%s", stage, s)
		}
	}
}

// TestReadsTheMedium: nothing is read back that may come from memory, and all is on
// the medium in the end, where the kernel is told of it.
func TestReadsTheMedium(t *testing.T) {
	dev, j, _ := newFile(t, NewData)
	dev.onRead = func(_ []byte, at int64) {
		if dev.cached.Load() {
			t.Errorf("%d is read from the page cache", at)
		}
	}
	if _, err := j.run(t.Context()); err != nil || dev.unsettled.Load() || dev.rereads != 1 {
		t.Errorf("%v, or something is not flushed, or the table was read %d times", err, dev.rereads)
	}
}

// TestSeveralAtATime: the disk never waits for the next piece.
func TestSeveralAtATime(t *testing.T) {
	dev, j, _ := newFile(t, NewData)
	var now, most atomic.Int64
	dev.onWrite = func([]byte, int64) error {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		return nil
	}
	if _, err := j.run(t.Context()); err != nil || most.Load() < 2 {
		t.Errorf("%v, or only %d are written at a time", err, most.Load())
	}
}

// TestLayout: where data partitions go.
func TestLayout(t *testing.T) {
	for _, tt := range []struct{ image, size, start int64 }{
		{10 * mib, 16 << 30, 1 << 30},   // much room
		{80 * mib, 2 << 30, 256 * mib},  // an eighth
		{80 * mib, 1 << 30, 160 * mib},  // twice the image
		{80 * mib, 150 * mib, 80 * mib}, // right behind it
		{80 * mib, 100 * mib, 0},        // not worth it
		{80*mib + 1, 200 * mib, 161 * mib},
	} {
		p := newData(tt.image, tt.size)
		if p.First*512 != tt.start || (p.First+p.Sectors)*512 > tt.size-tailSize {
			t.Errorf("%d on %d: from %d to %d", tt.image, tt.size, p.First*512, (p.First+p.Sectors)*512)
		}
	}
}

// TestSmallest: on a disk that has no room for the ends beside the image nothing
// is changed, whatever image it is.
func TestSmallest(t *testing.T) {
	short := make([]byte, 100*512)
	copy(short[0x8000:], "\x01CD001\x01")
	path := filepath.Join(t.TempDir(), "short.iso")
	if err := os.WriteFile(path, short, 0o600); err != nil {
		t.Fatal(err)
	}
	floe, other := inspected(t, disktest.Image(t, 1, 2)), inspected(t, path)
	for _, tt := range []struct {
		image *Image
		size  int64
		fits  bool
	}{
		{floe, floe.Size, false}, {floe, floe.Size + tailSize - 512, false}, {floe, floe.Size + tailSize, true},
		{other, 512, false}, {other, 200 * 512, false}, {other, 2*mib - 512, false}, {other, 2 * mib, true},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
		if err == nil {
			err = f.Truncate(tt.size)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		j, err := newJob(tt.image, NoData, &file{File: f, size: tt.size}, "/dev/stick", report.Discard)
		if tt.fits != (err == nil) || err != nil && (fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "too small")) {
			t.Errorf("an image of %d on a disk of %d: %v", tt.image.Size, tt.size, err)
			continue
		}
		if tt.fits {
			if _, err := j.run(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestCancelEarly: a cancelled context changes nothing.
func TestCancelEarly(t *testing.T) {
	_, j, _ := newFile(t, NewData)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.run(ctx); fault.Code(err) != int(fault.Cancelled) || !strings.Contains(fault.Hint(err), "Nothing was changed") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
}
