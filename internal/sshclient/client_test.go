package sshclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/internal/fault"
)

func connect(t *testing.T, s *server) *Client {
	t.Helper()
	c, err := Dial(t.Context(), s.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestRun(t *testing.T) {
	c := connect(t, newServer(t))
	for _, row := range []struct {
		command, out, errs string
		code               int
	}{
		{"echo hello there", "hello there", "", 0},
		{"exit 0", "", "leaving", 0},
		{"exit 42", "", "leaving", 42},
		{"signal TERM", "", "", 128 + 15},
	} {
		r, err := c.Run(t.Context(), row.command)
		if err != nil || string(r.Stdout) != row.out || string(r.Stderr) != row.errs || r.Code != row.code {
			t.Errorf("%s: %q %q %d, %v", row.command, r.Stdout, r.Stderr, r.Code, err)
		}
	}
}

func TestWrongHostKeyIsRefused(t *testing.T) {
	s := newServer(t)
	o := s.options()
	o.HostKeys = []string{ssh.FingerprintSHA256(newKey(t).PublicKey())}
	attempts := 0
	o.Retried = func(error) { attempts++ }
	_, err := Dial(t.Context(), o)
	if !errors.Is(err, ErrHostKey) || fault.Code(err) != int(fault.Verify) || attempts != 0 {
		t.Fatalf("got %v after %d attempts", err, attempts)
	}
	if found := ssh.FingerprintSHA256(s.host.PublicKey()); !strings.Contains(err.Error(), found) || !strings.Contains(err.Error(), o.HostKeys[0]) {
		t.Errorf("the error names not both keys: %v", err)
	}
	o.HostKeys = append(o.HostKeys, ssh.FingerprintSHA256(s.host.PublicKey()))
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatalf("with the right key among others: %v", err)
	}
	c.Close()
}

func TestNoHostKey(t *testing.T) {
	o := newServer(t).options()
	o.HostKeys = nil
	if _, err := Dial(t.Context(), o); fault.Code(err) != int(fault.Usage) {
		t.Errorf("connected to whoever answers: %v", err)
	}
	o.AnyHostKey = true
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestWrongUserKeyIsNotRetried(t *testing.T) {
	o := newServer(t).options()
	o.Signers = []ssh.Signer{newKey(t)}
	attempts := 0
	o.Retried = func(error) { attempts++ }
	_, err := Dial(t.Context(), o)
	if !errors.Is(err, ErrAuth) || fault.Code(err) != int(fault.Missing) || attempts != 0 {
		t.Errorf("got %v after %d attempts", err, attempts)
	}
	o.Signers = nil
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrAuth) {
		t.Errorf("without a key: %v", err)
	}
}

func TestSecondKeyIsTried(t *testing.T) {
	s := newServer(t)
	o := s.options()
	o.Signers = []ssh.Signer{newKey(t), s.user}
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestRetriesUntilReady(t *testing.T) {
	s := newServer(t)
	// First nobody listens, then somebody who hangs up at once, then
	// somebody who says nothing, then the server.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.Addr = l.Addr().String()
	l.Close()
	var reasons []string
	o.Retried = func(err error) { reasons = append(reasons, err.Error()) }
	time.AfterFunc(200*time.Millisecond, func() {
		again, err := net.Listen("tcp", o.Addr)
		if err != nil {
			t.Error(err)
			return
		}
		if conn, err := again.Accept(); err == nil {
			conn.Close()
		}
		again.Accept() // and nothing more
		s.serve(t, again)
	})
	c, err := Dial(within(t, 20*time.Second), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []string{"refused", "closed before the login", "silent"} {
		if !slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(r, want) }) {
			t.Errorf("no attempt failed for %q: %q", want, reasons)
		}
	}
}

func TestCancel(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		if conn, err := silent.Accept(); err == nil {
			io.WriteString(conn, "SSH-2.0-then-nothing\r\n")
		}
	}()
	s := newServer(t)
	o := s.options()
	o.Addr = silent.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	if _, err := Dial(ctx, o); fault.Code(err) != int(fault.Cancelled) {
		t.Errorf("dial: %v", err)
	}
	c := connect(t, s)
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := c.Run(ctx, "sleep"); !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("it took %s", d)
	}
	if r, err := c.Run(t.Context(), "echo on"); err != nil || string(r.Stdout) != "on" {
		t.Errorf("the connection is spoilt: %q, %v", r.Stdout, err)
	}
}

func TestConnectionLost(t *testing.T) {
	c := connect(t, newServer(t))
	r, err := c.Run(t.Context(), "crash")
	if r.Code != -1 || fault.Code(err) != int(fault.Network) {
		t.Errorf("got %d, %v", r.Code, err)
	}
	c.Wait()
}

// A command's end must not wait for the end of what is typed.
func TestEndDoesNotWaitForInput(t *testing.T) {
	c := connect(t, newServer(t))
	in, w := io.Pipe()
	defer w.Close()
	if code, err := c.Stream(within(t, 5*time.Second), "exit 3", Streams{In: in}); err != nil || code != 3 {
		t.Errorf("got %d, %v", code, err)
	}
}

func TestStreamInput(t *testing.T) {
	c := connect(t, newServer(t))
	big := bytes.Repeat([]byte("floe "), 1<<18)
	var out bytes.Buffer
	code, err := c.Stream(t.Context(), "cat", Streams{In: bytes.NewReader(big), Out: &out})
	if err != nil || code != 0 || !bytes.Equal(out.Bytes(), big) {
		t.Errorf("%d bytes back of %d, status %d, %v", out.Len(), len(big), code, err)
	}
}

func TestShell(t *testing.T) {
	s := newServer(t)
	c := connect(t, s)
	in, w := io.Pipe()
	sizes := make(chan Size, 1)
	sizes <- Size{100, 30}
	time.AfterFunc(200*time.Millisecond, func() { io.WriteString(w, "typed"); w.Close() })
	var out bytes.Buffer
	code, err := c.Shell(t.Context(), "", Terminal{Streams: Streams{In: in, Out: &out}, Resized: sizes})
	if err != nil || code != 0 || out.String() != "typed" {
		t.Errorf("got %q, %d, %v", out.String(), code, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.sizes, []string{"80x24", "100x30"}) {
		t.Errorf("sizes %q", s.sizes)
	}
}

func TestDialUnix(t *testing.T) {
	c := connect(t, newServer(t))
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			io.WriteString(conn, "docker here")
			conn.Close()
		}
	}()
	conn, err := c.DialUnix(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); err != nil || string(text) != "docker here" {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := c.DialUnix(t.Context(), path+"-not"); fault.Code(err) != int(fault.Network) {
		t.Errorf("a socket that is not there: %v", err)
	}
}

func TestKeepAliveNoticesADeadServer(t *testing.T) {
	s := newServer(t)
	o := s.options()
	o.KeepAlive = 20 * time.Millisecond
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	gone := make(chan struct{})
	go func() { c.Wait(); close(gone) }()
	select {
	case <-gone:
		t.Fatal("closed though the server answers")
	case <-time.After(300 * time.Millisecond):
	}
	s.mu.Lock()
	s.mute = true
	s.mu.Unlock()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("a server that answers nothing was not noticed")
	}
}

// relay passes on what goes to an address and comes from it, until freeze is
// called: from then on everything is swallowed, as by a machine that hangs.
func relay(t *testing.T, to string) (addr string, freeze func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var frozen atomic.Bool
	pass := func(from, to net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			switch {
			case frozen.Load() && err == nil:
			case err != nil:
				to.Close()
				return
			default:
				_, _ = to.Write(buf[:n])
			}
		}
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				return
			}
			go pass(near, far)
			go pass(far, near)
		}
	}()
	return l.Addr().String(), func() { frozen.Store(true) }
}

// Whoever gives up a command gets back though the far side answers nothing,
// while it runs and before it has begun.
func TestGivesUpAMachineThatHangs(t *testing.T) {
	for _, during := range []bool{true, false} {
		s := newServer(t)
		o := s.options()
		var freeze func()
		o.Addr, freeze = relay(t, s.addr)
		c, err := Dial(within(t, 20*time.Second), o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.parting = 50 * time.Millisecond
		if r, err := c.Run(t.Context(), "echo on"); err != nil || string(r.Stdout) != "on" {
			t.Fatalf("%q, %v", r.Stdout, err)
		}
		if during {
			time.AfterFunc(100*time.Millisecond, freeze)
		} else {
			freeze()
		}
		ended := make(chan error, 1)
		go func() {
			_, err := c.Run(within(t, 300*time.Millisecond), "sleep")
			ended <- err
		}()
		select {
		case err := <-ended:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("frozen during the command %t: %v", during, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("frozen during the command %t: it still waits", during)
		}
	}
}
