package stick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"floe/internal/iso"
	"floe/internal/report"
)

const (
	chunk   = 1 << 20 // bytes of a piece; a slow stick takes a second for it
	workers = 4       // pieces under way, so that the disk never waits for the next
)

// queue gives out the pieces of an image in order, all but the first, until one
// of them has failed. Whoever takes a piece finishes it: all before the one that
// failed are done, and its error is that of the first place where something is
// wrong.
type queue struct {
	mu   sync.Mutex
	next int64 // where the next piece begins
	size int64 // of the image
	at   int64 // the piece that failed
	err  error
}

// take gives where the next piece begins and how long it is; 0: there is none.
func (q *queue) take(ctx context.Context) (at int64, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || ctx.Err() != nil {
		return 0, 0
	}
	at, n = q.next, int(max(0, min(chunk, q.size-q.next)))
	q.next += int64(n)
	return at, n
}

func (q *queue) fail(at int64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil || at < q.at {
		q.at, q.err = at, err
	}
}

// each has do called for the pieces of the image but for the first MiB, several
// at a time, with room for the piece up to the end of its last sector. It returns
// once nothing is under way any more.
func (j *job) each(ctx context.Context, stage *report.Stage, do func(b []byte, at int64, n int) error) error {
	done, stop := j.watch(stage, max(0, j.image.Size-headSize))
	defer stop()
	q := &queue{next: headSize, size: j.image.Size}
	var group sync.WaitGroup
	for _, buf := range j.buffers {
		group.Go(func() {
			for {
				at, n := q.take(ctx)
				if n == 0 {
					return
				}
				if err := do(buf[:(n+iso.SectorSize-1)/iso.SectorSize*iso.SectorSize], at, n); err != nil {
					q.fail(at, err)
					return
				}
				done.Add(int64(n))
			}
		})
	}
	group.Wait()
	if q.err != nil {
		return q.err
	}
	return ctx.Err()
}

// held tells how much of a piece is written with the rest: all but what belongs to
// the disk's last sectors, where an image that is not floe's may bring a copy of its
// own partition table. By that one UEFI would find what boots.
func (j *job) held(at int64, n int) int { return int(min(int64(n), max(0, j.last()-at))) }

// holdBack takes that part of the image for what is written at last.
func (j *job) holdBack() error {
	last := j.last()
	if j.image.Size <= last {
		return nil
	}
	for at := last / chunk * chunk; at < j.image.Size; at += chunk {
		b := make([]byte, min(chunk, j.image.Size-at))
		if err := j.image.read(b, at); err != nil {
			return j.unread(err)
		}
		if !j.image.had(b, at) {
			return j.changed()
		}
		skip := max(0, last-at)
		copy(j.layout.tail[at+skip-last:], b[skip:])
	}
	return nil
}

// write puts all but the first MiB onto the disk, and all but what is held back.
func (j *job) write(ctx context.Context, stage *report.Stage) (string, error) {
	start, holes := time.Now(), &holes{job: j}
	err := j.each(ctx, stage, func(b []byte, at int64, n int) error {
		if err := j.image.read(b[:n], at); err != nil {
			return j.unread(err)
		}
		clear(b[n:])
		if b = b[:j.held(at, len(b))]; len(b) == 0 {
			return nil
		}
		return holes.put(b, at)
	})
	if err != nil {
		return "", err
	}
	said := speed(j.image.Size-headSize, time.Since(start))
	if n := holes.skipped.Load(); n > 0 {
		said += ", " + humanize.Bytes(uint64(n)) + " of zeros without sending them"
	}
	return said, nil
}

// holes skips the holes of an image: pieces of nothing but zeros, on a disk
// that can discard and promises zeros then. Whether it kept its promise is seen
// when all is read back.
type holes struct {
	*job
	skipped atomic.Int64 // bytes
	refused atomic.Bool  // the disk does not, and is not asked again
}

func (h *holes) put(b []byte, at int64) error {
	if !h.refused.Load() && isZero(b) {
		if h.dev.Discard(at, int64(len(b))) == nil {
			h.skipped.Add(int64(len(b)))
			return nil
		}
		h.refused.Store(true) // whatever is wrong, writing tells it
	}
	return h.job.put(b, at)
}

// isZero tells whether bytes, one at least, are all zero: the first is, and
// each is like the one before.
func isZero(b []byte) bool { return b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }

// verify reads back what was written, and compares each piece with the image as
// it was when it was looked at. The first MiB, and what is held back, is still to
// come.
func (j *job) verify(ctx context.Context, stage *report.Stage) (string, error) {
	start := time.Now()
	err := j.each(ctx, stage, func(b []byte, at int64, n int) error {
		there := j.held(at, len(b))
		got, err := 0, error(nil)
		if there > 0 {
			got, err = j.dev.ReadAt(b[:there], at)
		}
		if err == nil && got < min(n, there) || errors.Is(err, io.EOF) {
			err = errShort
		}
		if err != nil {
			return j.broken("read", at+int64(got), err)
		}
		if there < len(b) {
			copy(b[there:], j.layout.tail[at+int64(there)-j.last():])
		}
		if !j.image.had(b[:n], at) {
			return j.wrong(b[:n], at)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return speed(j.image.Size-headSize, time.Since(start)) + ", all as in the image", nil
}

// wrong is the error of a piece that the disk gives back other than the image
// had it when it was looked at. It finds the first byte.
func (j *job) wrong(got []byte, at int64) error {
	image := make([]byte, len(got))
	if err := j.image.read(image, at); err != nil {
		return j.unread(err)
	}
	if !j.image.had(image, at) {
		return j.changed()
	}
	first := 0
	for first < len(got)-1 && got[first] == image[first] {
		first++
	}
	return j.other(fmt.Sprintf("first at byte %d", at+int64(first)))
}

// watch reports how far a stage is of total bytes, several times a second, and
// when the disk takes or gives nothing for long, until stop is called. Without a
// total only the latter is known.
func (j *job) watch(stage *report.Stage, total int64) (done *atomic.Int64, stop func()) {
	const beat = 200 * time.Millisecond
	done = &atomic.Int64{}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(min(beat, j.stall))
		defer tick.Stop()
		last, since, told := int64(-1), time.Now(), false
		look := func() {
			now := done.Load()
			switch quiet := time.Since(since); {
			case now != last:
				if told {
					stage.Log(fmt.Sprintf("it goes on after %s", quiet.Round(time.Second/10)))
				}
				last, since, told = now, time.Now(), false
				if total > 0 {
					stage.Progress(now, total, report.Bytes)
				}
			case quiet >= j.stall && !told:
				told = true
				stage.Log(fmt.Sprintf("nothing has moved for %s: sticks pause to tidy up", j.stall))
			}
		}
		for {
			look()
			select {
			case <-tick.C:
			case <-quit:
				look()
				return
			}
		}
	}()
	return done, func() {
		close(quit)
		<-ended
	}
}
