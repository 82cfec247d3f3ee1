package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"floe/internal/report"
)

// The tests below run this test's own binary on a real pseudo-terminal, where
// it plays one of these parts.
var parts = map[string]func(context.Context, report.Sink){
	"end": func(_ context.Context, to report.Sink) {
		for i := range 30 { // more than there are rows
			report.Start(to, fmt.Sprint(i), fmt.Sprintf("Stage %d", i)).Done("well")
		}
		time.Sleep(300 * time.Millisecond)
	},
	"error": func(_ context.Context, to report.Sink) {
		s := report.Start(to, "kernel", "Kernel")
		for i := range 50 {
			s.Log(fmt.Sprintf("line %d", i))
		}
		_ = s.Fail(errors.New("the reason is told by the command"))
	},
	"panic": func(_ context.Context, to report.Sink) {
		report.Start(to, "kernel", "Kernel").Progress(1, 3, report.Objects)
		time.Sleep(300 * time.Millisecond)
		panic("a panic in the work")
	},
	// obedient ends when its context is cancelled, and says so.
	"obedient": func(ctx context.Context, to report.Sink) {
		s := report.Start(to, "kernel", "Kernel")
		<-ctx.Done()
		time.Sleep(300 * time.Millisecond)
		_ = s.Fail(ctx.Err())
	},
	// stubborn goes on however often it is interrupted.
	"stubborn": func(_ context.Context, to report.Sink) {
		report.Start(to, "kernel", "Kernel")
		time.Sleep(time.Minute)
	},
	// deaf is stubborn in a program that heeds no signal.
	"deaf": func(_ context.Context, to report.Sink) {
		report.Start(to, "kernel", "Kernel")
		time.Sleep(time.Minute)
	},
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == keepPart {
		KeepTerminal(os.Stdin, os.NewFile(3, "from"), os.Environ())
		return
	}
	if part := os.Getenv("UI_TEST_PART"); part != "" {
		play(part)
		return
	}
	// The programs that the tests start must not inherit an ignored SIGHUP,
	// whatever started the tests: what is caught here is theirs to catch.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

func play(part string) {
	if where, ok := strings.CutPrefix(part, "wizard: "); ok {
		playWizard(where)
	}
	ctx, stop := Interruptible(context.Background())
	if part == "deaf" {
		stop()
		ctx = context.Background()
		signal.Reset()
	}
	sink, end := Progress(ctx, Options{Err: os.Stdout})
	defer end()
	parts[part](ctx, sink)
	end()
	fmt.Println("after the display")
}

// session is a part being played on a pseudo-terminal.
type session struct {
	t         *testing.T
	cmd       *exec.Cmd
	pty       *os.File
	secondary *os.File
	before    unix.Termios
	mu        sync.Mutex
	out       bytes.Buffer
	read      chan struct{} // closed at the end of the output
	whole     bool          // the display takes the whole terminal, and asks it what it can
}

func start(t *testing.T, part string, size pty.Winsize) *session {
	t.Helper()
	return startFrom(t, exec.Command(os.Args[0]), part, size)
}

// startFrom is start with a command that runs this binary sooner or later.
func startFrom(t *testing.T, cmd *exec.Cmd, part string, size pty.Winsize, env ...string) *session {
	t.Helper()
	s := &session{t: t, cmd: cmd, read: make(chan struct{})}
	s.cmd.Env = append(env, "TERM=xterm-256color", "COLORFGBG=15;0", "UI_TEST_PART="+part, "LANG=C.UTF-8",
		"GOCOVERDIR="+t.TempDir()) // or "go test -cover" has the part print a warning
	primary, secondary, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { primary.Close() })
	if err := pty.Setsize(primary, &size); err != nil {
		t.Fatal(err)
	}
	s.pty, s.secondary, s.before = primary, secondary, termios(t, primary)
	t.Cleanup(func() { secondary.Close() })
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = secondary, secondary, secondary
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go func() {
		defer close(s.read)
		_, _ = io.Copy(s, primary)
	}()
	return s
}

// Write takes what is written to the terminal.
func (s *session) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *session) keys(text string) {
	s.t.Helper()
	if _, err := s.pty.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// until waits until all the texts were written.
func (s *session) until(texts ...string) {
	s.t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		out := s.out.String()
		s.mu.Unlock()
		missing := slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return strings.Contains(out, text) })
		switch {
		case len(missing) == 0:
			return
		case time.Now().After(late):
			s.t.Fatalf("%q are not in\n%q", missing, out)
		}
	}
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *got
}

// silent waits until the display has turned the echo off.
func (s *session) silent() {
	s.t.Helper()
	for range 100 {
		if now := termios(s.t, s.pty); now.Lflag&unix.ECHO == 0 {
			if now.Lflag&unix.ISIG == 0 || now.Lflag&unix.ICANON == 0 {
				s.t.Fatal("the keyboard no longer makes signals and lines")
			}
			time.Sleep(200 * time.Millisecond)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatal("the display never began")
}

// wait waits for the end and gives what was written.
func (s *session) wait() (string, error) {
	s.t.Helper()
	limit := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer limit.Stop()
	err := s.cmd.Wait()
	if now := termios(s.t, s.pty); now != s.before {
		s.t.Errorf("the terminal's modes changed from %+v to %+v", s.before, now)
	}
	s.secondary.Close() // its last owner: that ends the output
	select {
	case <-s.read:
	case <-time.After(5 * time.Second):
		s.t.Fatal("the output has no end")
	}
	out := s.out.String()
	s.clean(out)
	return out, err
}

var privateMode = regexp.MustCompile(`\x1b\[\?(\d+)([hl])`)

// clean checks that every mode is back where a terminal has it by itself.
func (s *session) clean(out string) {
	s.t.Helper()
	last := map[string]string{}
	for _, m := range privateMode.FindAllStringSubmatch(out, -1) {
		last[m[1]] = m[2]
	}
	for mode, state := range last {
		normal := "l"
		if mode == "25" || mode == "7" { // cursor visible, lines wrap
			normal = "h"
		}
		if state != normal {
			s.t.Errorf("mode ?%s is left %q", mode, state)
		}
	}
	if s.whole {
		return
	}
	if strings.Contains(out, "\x1b[?1049") {
		s.t.Error("the alternate screen was used")
	}
	if regexp.MustCompile(`\x1b\[c|\x1b\]1[01];\?|\x1b\[\?u|\x1b\[6n`).MatchString(out) {
		s.t.Error("the terminal was asked something that nobody reads")
	}
}
