package qmp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/qemu/qmp"
)

// monitor starts a QEMU without a machine and gives its QMP socket.
func monitor(t *testing.T, args ...string) string {
	t.Helper()
	p := archivetest.QEMU(t, arch.AMD64)
	path := filepath.Join(t.TempDir(), "s")
	argv := append(p.Argv[:len(p.Argv):len(p.Argv)], "-machine", "none", "-nodefaults", "-display", "none",
		"-qmp", "unix:"+path+",server=on,wait=off")
	cmd := exec.Command(argv[0], append(argv[1:], args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return path
}

// dial connects as soon as there is somebody.
func dial(t *testing.T, path string) *qmp.Client {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := qmp.Dial(t.Context(), path)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestCommands(t *testing.T) {
	c := dial(t, monitor(t))
	if v := c.Version(); v.Major < 8 {
		t.Errorf("version %+v", v)
	}
	if s, err := c.Status(t.Context()); err != nil || s != "running" {
		t.Errorf("status %q, %v", s, err)
	}
	if err := c.Run(t.Context(), "stop", nil, nil); err != nil {
		t.Error(err)
	}
	if s, err := c.Status(t.Context()); err != nil || s != "paused" {
		t.Errorf("status %q, %v", s, err)
	}
	var refused *qmp.Error
	if err := c.Run(t.Context(), "no-such-command", nil, nil); !errors.As(err, &refused) || refused.Class != "CommandNotFound" {
		t.Errorf("got %v", err)
	}
	if out, err := c.Monitor(t.Context(), "info version"); err != nil || !strings.Contains(out, ".") {
		t.Errorf("%q, %v", out, err)
	}
	if err := c.Quit(t.Context()); err != nil {
		t.Errorf("quit: %v", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestEvents has a monitor that writes to a file, and nobody who listens.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	orders, log := filepath.Join(dir, "orders"), filepath.Join(dir, "events")
	if err := os.WriteFile(orders, []byte(qmp.Negotiation+`{"execute": "stop"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := dial(t, monitor(t, "-chardev", "file,id=events,path="+log+",input-path="+orders, "-mon", "mode=control,chardev=events"))
	for {
		if s, err := c.Status(t.Context()); err != nil || s == "paused" {
			break // it has read its orders
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := c.Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = qmp.Events(strings.NewReader(string(text)+`{"timestamp": {"sec`), func(e qmp.Event) {
		names = append(names, e.Name)
		if e.Name != "" && time.Since(e.Time) > time.Minute || e.Name == "SHUTDOWN" && !strings.Contains(string(e.Data), "host-qmp-quit") {
			t.Errorf("event %+v, %s", e, e.Data)
		}
	})
	if err != nil || !slices.Contains(names, "STOP") || !slices.Contains(names, "SHUTDOWN") || names[0] != "" {
		t.Errorf("%q, %v in\n%s", names, err, text)
	}
}

func TestManyCallers(t *testing.T) {
	c := dial(t, monitor(t))
	done := make(chan error)
	for range 20 {
		go func() {
			s, err := c.Status(t.Context())
			if err == nil && s != "running" {
				err = errors.New(s)
			}
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A second client waits until the first is gone; its patience must end.
func TestDialHasItsTime(t *testing.T) {
	path := monitor(t)
	first := dial(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := qmp.Dial(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	first.Close()
	dial(t, path)
}

// What is not QMP, and what breaks off, must be an error and not a hang.
func TestBadPeers(t *testing.T) {
	for name, says := range map[string]string{
		"not JSON":        "220 mail.example ESMTP\r\n",
		"not QMP":         "{\"hello\": 1}\r\n",
		"closes at once":  "",
		"closes too soon": "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 9}}, \"capabilities\": []}}\r\n",
	} {
		near, far := net.Pipe()
		go func() {
			io.WriteString(far, says)
			far.Close()
		}()
		if c, err := qmp.New(t.Context(), near); err == nil {
			t.Errorf("%s: taken for QMP: %v", name, c)
		}
	}
}

// A command that is given up must not leave its answer to the next one.
func TestGivenUpCommandClosesTheConnection(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		io.WriteString(far, "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 9}}, \"capabilities\": []}}\n")
		buf := make([]byte, 256)
		far.Read(buf)
		io.WriteString(far, "{\"return\": {}}\n")
		io.Copy(io.Discard, far) // never answers again
	}()
	c, err := qmp.New(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Run(ctx, "query-status", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := c.Run(t.Context(), "query-status", nil, nil); err == nil {
		t.Error("the next command was answered")
	}
}
