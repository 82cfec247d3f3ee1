package ui

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"floe/internal/report"
)

var room = pty.Winsize{Cols: 80, Rows: 24}

func TestLiveEnds(t *testing.T) {
	t.Parallel()
	out, err := start(t, "end", room).wait()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for i := range 30 {
		next := strings.Index(out[at:], fmt.Sprintf("Stage %d", i))
		if next < 0 {
			t.Fatalf("stage %d is missing or out of order:\n%s", i, out)
		}
		at += next
	}
	if !strings.HasSuffix(out, "after the display\r\n") {
		t.Errorf("the output ends with %q", out[max(0, len(out)-60):])
	}
}

func TestLiveFailure(t *testing.T) {
	t.Parallel()
	out, err := start(t, "error", room).wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"failed", "line 49", "line 40"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if strings.Contains(out, "the reason") {
		t.Error("the error appears in the display, and once more from the command")
	}
}

func TestLivePanic(t *testing.T) {
	t.Parallel()
	out, err := start(t, "panic", room).wait()
	if err == nil || !strings.Contains(out, "panic: a panic in the work") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestLiveSignals: the first signal is left to whoever cancels the context, the
// second ends the process by that signal; either way the terminal is clean.
func TestLiveSignals(t *testing.T) {
	for _, c := range []struct {
		part    string
		signals []syscall.Signal
		ends    syscall.Signal // 0: by itself
		says    string
	}{
		{"obedient", []syscall.Signal{syscall.SIGTERM}, 0, "stopping"},
		{"obedient", []syscall.Signal{syscall.SIGINT}, 0, "stopping"},
		{"stubborn", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, syscall.SIGTERM, "ctrl+c again ends at once"},
		{"stubborn", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, syscall.SIGINT, "stopping"},
		{"deaf", []syscall.Signal{syscall.SIGTERM}, syscall.SIGTERM, "Kernel"},
		{"deaf", []syscall.Signal{syscall.SIGINT}, syscall.SIGINT, "Kernel"},
		{"deaf", []syscall.Signal{syscall.SIGHUP}, syscall.SIGHUP, "Kernel"},
	} {
		t.Run(fmt.Sprint(c.part, c.signals), func(t *testing.T) {
			t.Parallel()
			s := start(t, c.part, room)
			s.silent()
			for _, sig := range c.signals {
				if err := s.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				time.Sleep(300 * time.Millisecond)
			}
			out, err := s.wait()
			state := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if c.ends == 0 && err != nil || c.ends != 0 && (!state.Signaled() || state.Signal() != c.ends) {
				t.Errorf("ended with %v, not by %v", err, c.ends)
			}
			if !strings.Contains(out, c.says) {
				t.Errorf("%q is not said:\n%s", c.says, out)
			}
		})
	}
}

// TestLiveCtrlC types it: the display leaves the keyboard's signals alone.
func TestLiveCtrlC(t *testing.T) {
	t.Parallel()
	s := start(t, "obedient", room)
	s.silent()
	if _, err := s.pty.WriteString("typed ahead\n\x03"); err != nil {
		t.Fatal(err)
	}
	out, err := s.wait()
	if err != nil || !strings.Contains(out, "after the display") {
		t.Errorf("%v:\n%s", err, out)
	}
	if strings.Contains(out, "typed ahead") || strings.Contains(out, "^C") {
		t.Error("what is typed tears the display")
	}
}

// TestLiveSuspend stops the process as ctrl+z does and lets it go on: while it
// is stopped the terminal is the shell's.
func TestLiveSuspend(t *testing.T) {
	t.Parallel()
	s := start(t, "obedient", room)
	for range 2 {
		s.silent()
		if err := s.cmd.Process.Signal(syscall.SIGTSTP); err != nil {
			t.Fatal(err)
		}
		s.stopped()
		if now := termios(t, s.pty); now != s.before {
			t.Errorf("while stopped, the terminal's modes are %+v, not %+v", now, s.before)
		}
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	s.silent()
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	if out, err := s.wait(); err != nil || !strings.Contains(out, "after the display") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// stopped waits until the process is stopped: state T of proc_pid_stat(5).
func (s *session) stopped() {
	s.t.Helper()
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
		if err != nil {
			s.t.Fatal(err)
		}
		if _, after, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(after, "T") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("the process was never stopped")
}

// TestLiveResize makes the terminal small while the display runs.
func TestLiveResize(t *testing.T) {
	t.Parallel()
	s := start(t, "obedient", room)
	s.silent()
	for _, size := range []pty.Winsize{{Cols: 40, Rows: 10}, {Cols: 20, Rows: 3}, {Cols: 1, Rows: 1}, {Cols: 120, Rows: 40}} {
		if err := pty.Setsize(s.pty, &size); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	out, err := s.wait()
	if err != nil || !strings.Contains(out, "after the display") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestLiveNowhere: a terminal that goes away ends the display, not the work.
func TestLiveNowhere(t *testing.T) {
	t.Parallel()
	_, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	term := Terminal{TTY: true, Width: 80, Height: 24}
	sink, end := Progress(t.Context(), Options{Err: w, Terminal: &term, Env: []string{"TERM=xterm"}})
	for i := range 100 {
		report.Start(sink, fmt.Sprint(i), "Stage").Done("")
	}
	time.Sleep(300 * time.Millisecond)
	ended := make(chan struct{})
	go func() { end(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("closing hangs")
	}
}
