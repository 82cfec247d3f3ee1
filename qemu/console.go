package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Console is what a machine said on its serial console. QEMU writes all of it
// to a file, so that any number of readers, in any number of processes, can
// follow from the first byte on and none of them holds the guest up.
type Console struct {
	path  string
	ended <-chan struct{} // closed when nothing more can come
}

// Path is the file.
func (c *Console) Path() string { return c.path }

// Follow reads the console from an offset in bytes on. Reads wait for more;
// io.EOF comes when the machine has ended and all is read, and ctx's error
// when ctx ends.
func (c *Console) Follow(ctx context.Context, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(c.path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return &follower{ctx: ctx, file: f, ended: c.ended, wake: newWake(c.path)}, nil
}

// Tail gives the last lines, at most n, as printable text: without escape
// sequences and without empty lines at the end.
func (c *Console) Tail(n int) []string { return tailLines(c.path, n) }

// WaitFor waits until a line matches and returns that line. It looks at
// everything the console ever said, and at unfinished lines too, so that a
// prompt is found. If the machine ends first the error is ErrEnded.
func (c *Console) WaitFor(ctx context.Context, pattern *regexp.Regexp) (string, error) {
	r, err := c.Follow(ctx, 0)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var line []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		line = append(line, buf[:n]...)
		for {
			one, rest, whole := bytes.Cut(line, []byte("\n"))
			if text := printable(one); pattern.MatchString(text) {
				return text, nil
			}
			if !whole {
				break
			}
			line = rest
		}
		switch {
		case errors.Is(err, io.EOF):
			return "", fmt.Errorf("waiting for %q on the console: %w", pattern, ErrEnded)
		case err != nil:
			return "", fmt.Errorf("waiting for %q on the console: %w", pattern, err)
		}
	}
}

// ErrEnded is given by what waits for a machine that has ended.
var ErrEnded = errors.New("the machine has ended")

// escapes are the control sequences of ECMA-48 that firmware and boot loaders
// send to a terminal.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[@-Z\\-_=>78])`)

// printable is a line as text without control characters.
func printable(line []byte) string {
	text := escapes.ReplaceAllString(strings.ToValidUTF8(string(line), "?"), "")
	return strings.TrimRight(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, text), " \t")
}

// tailLines gives the last lines of a file; of a missing file none.
func tailLines(path string, n int) []string {
	const reach = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > reach {
		f.Seek(-reach, io.SeekEnd)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil
	}
	var lines []string
	for line := range bytes.Lines(text) {
		lines = append(lines, printable(line))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines[max(0, len(lines)-n):]
}

// follower reads a growing file.
type follower struct {
	ctx   context.Context
	file  *os.File
	ended <-chan struct{}
	wake  *wake
}

// Read waits for something to read.
func (f *follower) Read(p []byte) (int, error) {
	for {
		if err := f.ctx.Err(); err != nil {
			return 0, err
		}
		last := false
		select {
		case <-f.ended:
			last = true // what is in the file now is all there will be
		default:
		}
		n, err := f.file.Read(p)
		if n > 0 || last || !errors.Is(err, io.EOF) {
			return n, err
		}
		f.wake.wait(f.ctx.Done(), f.ended)
	}
}

// Close lets go of the file.
func (f *follower) Close() error {
	f.wake.close()
	return f.file.Close()
}

// wake tells that a file may have grown: at once through inotify(7), and
// where that does not work, every tenth of a second.
type wake struct {
	notify *os.File // nil: no inotify
	grown  chan struct{}
	once   sync.Once
}

func newWake(path string) *wake {
	w := &wake{grown: make(chan struct{}, 1)}
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return w
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err != nil {
		unix.Close(fd)
		return w
	}
	w.notify = os.NewFile(uintptr(fd), "inotify")
	go func() {
		buf := make([]byte, 4096)
		for {
			if _, err := w.notify.Read(buf); err != nil {
				return
			}
			select {
			case w.grown <- struct{}{}:
			default:
			}
		}
	}()
	return w
}

// wait returns when the file may have grown or either channel is closed.
func (w *wake) wait(cancelled, ended <-chan struct{}) {
	every := 100 * time.Millisecond
	if w.notify != nil {
		every = time.Second // for file systems that forget to tell
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	select {
	case <-w.grown:
	case <-timer.C:
	case <-cancelled:
	case <-ended:
	}
}

func (w *wake) close() {
	if w.notify != nil {
		w.once.Do(func() { w.notify.Close() })
	}
}
