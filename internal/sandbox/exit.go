package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ExitError is the error of a command that ran and failed.
type ExitError struct {
	Args   []string       // the command
	Code   int            // exit status; 128 + Signal if a signal ended it
	Signal syscall.Signal // 0: it exited by itself
	Tail   []string       // the last lines of its output, both streams as they came
}

// Error says how the command ended, and its last line. It is one line long.
func (e *ExitError) Error() string {
	var b strings.Builder
	b.WriteString(brief(e.Args))
	switch {
	case e.Signal == syscall.SIGKILL:
		b.WriteString(": killed (by the kernel, if memory ran out)")
	case e.Signal != 0:
		fmt.Fprintf(&b, ": ended by %s", unix.SignalName(e.Signal))
	default:
		fmt.Fprintf(&b, ": exit status %d", e.Code)
	}
	for i := len(e.Tail) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(e.Tail[i]); line != "" {
			b.WriteString(": " + line)
			break
		}
	}
	return b.String()
}

// briefArgs is how many bytes of a command line a message shows.
const briefArgs = 120

// brief gives a command line as a message shows it.
func brief(args []string) string {
	s := strings.Join(args, " ")
	if len(s) > briefArgs {
		s = strings.ToValidUTF8(s[:briefArgs], "") + " …"
	}
	return strings.ReplaceAll(s, "\n", "\\n")
}

// The size of a tail: lines, and bytes of a line.
const (
	tailLines = 20
	tailLine  = 4096
)

// tail is a writer that remembers the last lines written to it. It is safe
// for use by several goroutines.
type tail struct {
	mu    sync.Mutex
	lines []string
	part  []byte // a line without its end
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			t.grow(p)
			return n, nil
		}
		t.grow(p[:i])
		t.push()
		p = p[i+1:]
	}
}

func (t *tail) grow(p []byte) {
	t.part = append(t.part, p[:min(len(p), tailLine-len(t.part))]...)
}

func (t *tail) push() {
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, strings.ToValidUTF8(strings.TrimSuffix(string(t.part), "\r"), "?"))
	t.part = t.part[:0]
}

// last gives the lines.
func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := append([]string(nil), t.lines...)
	if len(t.part) > 0 {
		lines = append(lines, strings.ToValidUTF8(string(t.part), "?"))
	}
	return lines[max(0, len(lines)-tailLines):]
}

// outputs gives the writers for a command's two streams: each also feeds the
// tail. Where both streams go to the same place they share one writer, so
// that their order is kept.
func (t *tail) outputs(stdout, stderr io.Writer) (io.Writer, io.Writer) {
	out := t.tee(stdout)
	if same(stdout, stderr) {
		return out, out
	}
	return out, t.tee(stderr)
}

func (t *tail) tee(w io.Writer) io.Writer {
	if w == nil {
		return t
	}
	return io.MultiWriter(t, w)
}

// same says whether two writers are one; writers that cannot be compared are
// not.
func same(a, b io.Writer) (yes bool) {
	defer func() { _ = recover() }()
	return a == b
}
