package assemble_test

import (
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"floe/qemu"
)

// seat is a person at a machine's serial console.
type seat struct {
	t    *testing.T
	keys io.Writer

	mu    sync.Mutex
	shown strings.Builder // without the terminal's escape sequences
	seen  int             // bytes of shown that were waited for already
}

var escapeSequence = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[@-Z\\-_=>78])|\r`)

// sit takes the seat, before the machine has said anything that matters.
func sit(t *testing.T, r *qemu.Running) *seat {
	t.Helper()
	in, keys := io.Pipe()
	s := &seat{t: t, keys: keys}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Attach(ctx, qemu.Attach{In: in, Out: s})
	}()
	t.Cleanup(func() { cancel(); keys.Close(); <-done })
	return s
}

// choosesAtOnce presses Enter at the boot menu, which waits some seconds otherwise.
func choosesAtOnce(ctx context.Context, r *qemu.Running) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := r.Console().WaitFor(ctx, regexp.MustCompile(`Boots in \d`)); err != nil {
		return // whoever waits for the machine tells why
	}
	in, keys := io.Pipe()
	defer keys.Close()
	go func() {
		defer in.Close()
		r.Attach(ctx, qemu.Attach{In: in, Out: io.Discard})
	}()
	io.WriteString(keys, "\r")
	io.WriteString(keys, "") // is taken once the first is on its way
}

func (s *seat) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.Write(p)
	return len(p), nil
}

// since gives what was shown after what was waited for last.
func (s *seat) since() (text string, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := s.shown.String()
	return escapeSequence.ReplaceAllString(raw[s.seen:], ""), len(raw)
}

// sees waits until all the texts were shown, in any order, since the last time.
func (s *seat) sees(texts ...string) string {
	s.t.Helper()
	text, missing := s.seesWithin(patience, texts...)
	if missing != "" {
		s.t.Fatalf("%q is not shown; since the last time:\n%s", missing, text)
	}
	return text
}

// presses presses a key until the texts are shown. On a busy host the bytes of
// one key can be further apart than GRUB waits for them, and it takes them for
// several keys then.
func (s *seat) presses(key string, texts ...string) {
	s.t.Helper()
	for range 10 {
		s.types(key)
		if _, missing := s.seesWithin(patience/10, texts...); missing == "" {
			return
		}
	}
	text, _ := s.since()
	s.t.Fatalf("%q does not show %q:\n%s", key, texts, text)
}

// seesWithin is sees with a patience; it gives a text that is missing.
func (s *seat) seesWithin(patience time.Duration, texts ...string) (text, missing string) {
	deadline := time.Now().Add(patience)
	for {
		text, all := s.since()
		missing := ""
		for _, want := range texts {
			if !strings.Contains(text, want) {
				missing = want
			}
		}
		if missing == "" {
			s.mu.Lock()
			s.seen = all
			s.mu.Unlock()
			return text, ""
		}
		if time.Now().After(deadline) {
			return text, missing
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// types types, a little slower than a serial port could.
func (s *seat) types(text string) {
	s.t.Helper()
	for piece := text; piece != ""; {
		n := min(8, len(piece))
		if strings.HasPrefix(piece, "\x1b") {
			n = len(piece) // the sequence of one key belongs together
		}
		if _, err := io.WriteString(s.keys, piece[:n]); err != nil {
			s.t.Fatal(err)
		}
		piece = piece[n:]
		time.Sleep(20 * time.Millisecond)
	}
}

// says runs a command of a root shell at the console and gives what it printed.
func (s *seat) says(command string) string {
	s.t.Helper()
	// In pieces, so that the echo of the command is not taken for its output.
	s.types("echo BE''GIN; " + command + "; echo EN''D\r")
	text := s.sees("BEGIN", "END\n")
	_, text, _ = strings.Cut(text, "BEGIN\n")
	text, _, _ = strings.Cut(text, "END\n")
	return strings.TrimSpace(text)
}

// Keys as terminals send them.
const (
	f2Xterm  = "\x1bOQ"
	f3Xterm  = "\x1bOR"
	f4Xterm  = "\x1bOS"
	f3Linux  = "\x1b[[C"
	f4PuTTY  = "\x1b[14~"
	downKey  = "\x1b[B"
	eraseKey = "\x7f"
	ctrlE    = "\x05"
	ctrlN    = "\x0e"
	ctrlX    = "\x18"
)
