package stick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
)

const (
	chunk   = 1 << 20 // bytes of one read or write; a slow stick takes a second for it
	writers = 4       // writes in flight, so that the disk never waits for the next
	readers = 4       // reads in flight
	spare   = 4       // buffers beyond those in flight
)

// piece is a part of the image on its way.
type piece struct {
	buf   []byte // of chunk bytes
	n     int    // bytes of the image in it
	at    int64
	ready chan error // given once it has been read
}

// whole is the piece's bytes up to the end of its last sector.
func (p *piece) whole() []byte {
	n := (p.n + iso.SectorSize - 1) / iso.SectorSize * iso.SectorSize
	clear(p.buf[p.n:n])
	return p.buf[:n]
}

// pieces cuts the image, but for its first MiB, and hands each piece to next
// with a buffer from the pool.
func (j *job) pieces(ctx context.Context, pool chan []byte, next func(*piece) error) error {
	for at := int64(headSize); at < j.size; at += chunk {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case buf := <-pool:
			p := &piece{buf: buf, n: int(min(chunk, j.size-at)), at: at, ready: make(chan error, 1)}
			if err := next(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func newPool(n int) chan []byte {
	pool := make(chan []byte, n)
	for range n {
		pool <- aligned(chunk)
	}
	return pool
}

// write puts all but the first MiB onto the disk.
func (j *job) write(ctx context.Context, stage *report.Stage) (string, error) {
	start := time.Now()
	done, stop := j.watch(stage)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	pool, work, holes := newPool(writers+spare), make(chan *piece, spare), &holes{job: j}
	group.Go(func() error {
		defer close(work)
		return j.pieces(ctx, pool, func(p *piece) error {
			if _, err := readFull(j.image, p.buf[:p.n], p.at, j.size); err != nil {
				return fault.New(fault.Missing, "read the image", j.image.Name(), err, j.state())
			}
			select {
			case work <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range writers {
		group.Go(func() error {
			for p := range work {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := holes.put(p); err != nil {
					return err
				}
				done.Add(int64(p.n))
				pool <- p.buf
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	said := speed(j.size-headSize, time.Since(start))
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

func (h *holes) put(p *piece) error {
	b := p.whole()
	if !h.refused.Load() && isZero(b) {
		if h.dev.Discard(p.at, int64(len(b))) == nil {
			h.skipped.Add(int64(len(b)))
			return nil
		}
		h.refused.Store(true) // whatever is wrong, writing tells it
	}
	return h.job.put(b, p.at)
}

// isZero tells whether bytes, one at least, are all zero: the first is, and
// each is like the one before.
func isZero(b []byte) bool { return b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }

// readBack reads all but the first MiB from the disk and hands it to see, in
// order.
func (j *job) readBack(ctx context.Context, stage *report.Stage, see func(b []byte, at int64) error) error {
	done, stop := j.watch(stage)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	pool, order := newPool(readers+spare), make(chan *piece, readers)
	reading := make(chan struct{}, readers)
	group.Go(func() error {
		defer close(order)
		return j.pieces(ctx, pool, func(p *piece) error {
			reading <- struct{}{}
			go func() {
				defer func() { <-reading }()
				n, err := j.dev.ReadAt(p.whole(), p.at)
				if err == nil && n < p.n || errors.Is(err, io.EOF) {
					err = errShort
				}
				if err != nil {
					err = j.broken("read", p.at+int64(n), err)
				}
				p.ready <- err
			}()
			select {
			case order <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		for p := range order {
			err := <-p.ready
			if err == nil {
				err = see(p.buf[:p.n], p.at)
			}
			if err != nil {
				return err
			}
			done.Add(int64(p.n))
			pool <- p.buf
		}
		return nil
	})
	err := group.Wait()
	for range readers { // no read goes on behind our back
		reading <- struct{}{}
	}
	return err
}

// readFull fills b from the image, and with zeros behind its end.
func readFull(image io.ReaderAt, b []byte, at, size int64) (int, error) {
	want := b[:max(0, min(int64(len(b)), size-at))]
	n, err := image.ReadAt(want, at)
	if n == len(want) {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it became shorter meanwhile")
	}
	return n, err
}

// watch reports how far a stage is, several times a second, and when the disk
// takes or gives nothing for long, until stop is called.
func (j *job) watch(stage *report.Stage) (done *atomic.Int64, stop func()) {
	const beat = 200 * time.Millisecond
	done = &atomic.Int64{}
	quit, ended := make(chan struct{}), make(chan struct{})
	total := max(0, j.size-headSize)
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
				stage.Progress(now, total, report.Bytes)
			case quiet >= j.stall && !told:
				told = true
				stage.Log(fmt.Sprintf("nothing has moved for %s: sticks pause while they tidy up, longer when they are worn", j.stall))
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
