package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"floe/internal/vt"
)

// console is floe on a pseudo-terminal, and what a person sees there.
type console struct {
	t         *testing.T
	cmd       *exec.Cmd
	pty       *os.File
	secondary *os.File
	before    unix.Termios
	mu        sync.Mutex
	screen    *vt.Screen
	raw       bytes.Buffer
	exited    chan error
	patience  time.Duration // for what is to be seen
}

func openConsole(t *testing.T, cmd *exec.Cmd) *console {
	t.Helper()
	return openConsoleOf(t, cmd, 80, 24)
}

// openConsoleOf is openConsole for a terminal that tells another size, and is of 80×24 all
// the same.
func openConsoleOf(t *testing.T, cmd *exec.Cmd, cols, rows uint16) *console {
	t.Helper()
	primary, secondary, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { primary.Close() })
	t.Cleanup(func() { secondary.Close() })
	c := &console{t: t, cmd: cmd, pty: primary, secondary: secondary, screen: vt.New(80, 24), exited: make(chan error, 1), patience: time.Minute}
	if err := pty.Setsize(primary, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	c.before = c.termios()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = secondary, secondary, secondary
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := primary.Read(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			_, _ = c.screen.Write(buf[:n])
			c.raw.Write(buf[:n])
			c.mu.Unlock()
		}
	}()
	go func() { c.exited <- cmd.Wait() }()
	return c
}

func (c *console) termios() unix.Termios {
	c.t.Helper()
	state, err := unix.IoctlGetTermios(int(c.secondary.Fd()), unix.TCGETS)
	if err != nil {
		c.t.Fatal(err)
	}
	return *state
}

func (c *console) resize(cols, rows uint16) {
	c.mu.Lock()
	c.screen.Resize(int(cols), int(rows))
	c.mu.Unlock()
	if err := pty.Setsize(c.pty, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.screen.String()
}

// keys types.
func (c *console) keys(text string) *console {
	_, _ = c.pty.WriteString(text)
	return c
}

// sees waits until all the texts are on the screen.
func (c *console) sees(texts ...string) *console {
	c.t.Helper()
	missing := ""
	for late := time.Now().Add(c.patience); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		view := c.String()
		missing = ""
		for _, text := range texts {
			if !strings.Contains(view, text) {
				missing = text
			}
		}
		if missing == "" {
			return c
		}
	}
	c.t.Fatalf("%q is not seen on\n%s", missing, c)
	return c
}

// ends waits for the end, and finds the terminal as it was.
func (c *console) ends(code int) {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(time.Minute):
		c.t.Fatalf("floe does not end:\n%s", c)
	}
	time.Sleep(50 * time.Millisecond) // for the last of the output
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, not %d\n%s", got, code, c)
	}
	if c.termios() != c.before {
		c.t.Error("the terminal's modes are not as they were")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.screen.Alt || c.screen.Hidden {
		c.t.Error("the alternate screen, or a hidden cursor, is left behind")
	}
	for _, mode := range []string{"?2004"} { // bracketed paste
		on, off := bytes.LastIndex(c.raw.Bytes(), []byte(mode+"h")), bytes.LastIndex(c.raw.Bytes(), []byte(mode+"l"))
		if on > off {
			c.t.Errorf("mode %s is left on", mode)
		}
	}
}

// stays proves of the place that it is there, with all that was typed, after
// ctrl+c and staying, and after the window was smaller, and far too small.
func (c *console) stays(texts ...string) {
	c.t.Helper()
	c.asks("Leave Floe?", "❯ Stay", texts...)
}

// asks is stays where ctrl+c asks something else.
func (c *console) asks(question, stay string, texts ...string) {
	c.t.Helper()
	c.keys("\x03").sees(question, stay).keys("\r").sees(texts...)
	for _, size := range [][2]uint16{{60, 16}, {20, 5}, {80, 24}} {
		c.resize(size[0], size[1])
		if size[0] < 60 {
			c.sees("Floe needs")
			continue
		}
		c.sees(texts...)
	}
}
