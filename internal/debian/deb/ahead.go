package deb

import (
	"io"
	"sync"
)

// Sizes of what ahead reads before it is asked: enough to keep a decoder busy
// while files are written.
const (
	aheadBuffers = 8
	aheadSize    = 256 << 10
)

// aheadReader reads from another reader in a goroutine of its own, so that
// decoding goes on while the caller works on what it has.
type aheadReader struct {
	full  chan piece
	empty chan []byte
	stop  chan struct{} // closed by Close
	once  sync.Once
	ended chan struct{} // closed when the goroutine is done with the reader
	rest  []byte        // of buf, not yet given
	buf   []byte
	err   error
}

type piece struct {
	buf []byte
	n   int
	err error
}

// ahead gives a reader of what r holds. Its Close waits until r is no longer
// read from.
func ahead(r io.Reader) io.ReadCloser {
	a := &aheadReader{
		full:  make(chan piece, aheadBuffers),
		empty: make(chan []byte, aheadBuffers),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	for range aheadBuffers {
		a.empty <- make([]byte, aheadSize)
	}
	go a.fill(r)
	return a
}

func (a *aheadReader) fill(r io.Reader) {
	defer close(a.ended)
	for {
		select {
		case <-a.stop:
			return
		case buf := <-a.empty:
			n, err := fillUp(r, buf)
			a.full <- piece{buf, n, err} // never blocks: there are as many places as buffers
			if err != nil {
				return
			}
		}
	}
}

// fillUp reads until buf is full or r gives an error, which it passes on as it
// is: a short end is not the same as a damaged one.
func fillUp(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	return n, err
}

// Read gives what was read ahead.
func (a *aheadReader) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.buf != nil {
			a.empty <- a.buf
			a.buf = nil
		}
		if a.err != nil {
			return 0, a.err
		}
		next := <-a.full
		a.buf, a.rest, a.err = next.buf, next.buf[:next.n], next.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends reading ahead.
func (a *aheadReader) Close() error {
	a.once.Do(func() { close(a.stop) })
	<-a.ended
	return nil
}
