package tty

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/muesli/cancelreader"
	"golang.org/x/sys/unix"

	"floe/internal/sshclient"
)

// lineMode are the flags of a terminal that raw mode takes away.
func lineMode(t *testing.T, f *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	const flags = unix.ICANON | unix.ECHO | unix.ISIG
	return mode.Lflag&flags == flags
}

func TestBorrowAndReturn(t *testing.T) {
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	defer terminal.Close()
	if err := pty.Setsize(keyboard, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	lent, err := Borrow(terminal, terminal)
	if err != nil {
		t.Fatal(err)
	}
	if lineMode(t, terminal) {
		t.Error("not in raw mode")
	}
	if s := lent.Size(); s != (sshclient.Size{Width: 100, Height: 30}) {
		t.Errorf("size %v", s)
	}
	// Ctrl-C is a byte like any other.
	io.WriteString(keyboard, "a\x03")
	buf := make([]byte, 2)
	if _, err := io.ReadFull(lent, buf); err != nil || string(buf) != "a\x03" {
		t.Errorf("read %q, %v", buf, err)
	}
	if _, err := lent.Write([]byte("out")); err != nil {
		t.Fatal(err)
	}
	if n, err := keyboard.Read(buf); err != nil || string(buf[:n]) != "ou" {
		t.Errorf("shown %q, %v", buf[:n], err)
	}

	// A Read under way ends with the return, and takes nothing with it.
	ended := make(chan error, 1)
	go func() {
		_, err := lent.Read(make([]byte, 1))
		ended <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if err := lent.Return(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, cancelreader.ErrCanceled) {
			t.Errorf("the Read ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the Read goes on")
	}
	if !lineMode(t, terminal) {
		t.Error("the terminal is not as it was")
	}
	if _, err := lent.Read(buf); !errors.Is(err, cancelreader.ErrCanceled) {
		t.Errorf("reading a returned terminal: %v", err)
	}
	io.WriteString(keyboard, "next\n")
	line := make([]byte, 16)
	if n, err := terminal.Read(line); err != nil || string(line[:n]) != "next\n" {
		t.Errorf("the next reader got %q, %v", line[:n], err)
	}
	if err := lent.Return(); err != nil {
		t.Errorf("a second return: %v", err)
	}
}

func TestBorrowWhatIsNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := Borrow(r, w); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("got %v", err)
	}
}

func TestResized(t *testing.T) {
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	defer terminal.Close()
	lent, err := Borrow(terminal, terminal)
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(keyboard, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	// The terminal is not this process's own, so the kernel does not tell.
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-lent.Resized():
		if s != (sshclient.Size{Width: 80, Height: 24}) {
			t.Errorf("size %v", s)
		}
	case <-time.After(5 * time.Second):
		t.Error("no news of the size")
	}
	if err := lent.Return(); err != nil {
		t.Fatal(err)
	}
	select {
	case _, open := <-lent.Resized():
		if open {
			t.Error("a size after the return")
		}
	case <-time.After(5 * time.Second):
		t.Error("the channel stays open")
	}
}
