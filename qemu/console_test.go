package qemu

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// growing is a console whose file the test writes.
func growing(t *testing.T) (*Console, *os.File, func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "console.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	ended := make(chan struct{})
	return &Console{path: f.Name(), ended: ended}, f, func() { close(ended) }
}

func TestFollowSeesEverythingOnce(t *testing.T) {
	c, f, end := growing(t)
	io.WriteString(f, "before\n")
	r, err := c.Follow(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		for range 100 {
			io.WriteString(f, "line\n")
			time.Sleep(time.Millisecond)
		}
		end()
	}()
	text, err := io.ReadAll(r)
	if err != nil || string(text) != "before\n"+strings.Repeat("line\n", 100) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestFollowSeesTheLastWords(t *testing.T) {
	c, f, end := growing(t)
	io.WriteString(f, "Kernel panic")
	end()
	r, err := c.Follow(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "panic" {
		t.Errorf("%q, %v", text, err)
	}
}

// A byte must be seen soon after it is written, not at the next look.
func TestFollowIsPrompt(t *testing.T) {
	c, f, _ := growing(t)
	r, err := c.Follow(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 1)
	for range 5 {
		written := make(chan time.Time, 1)
		time.AfterFunc(20*time.Millisecond, func() { written <- time.Now(); io.WriteString(f, "x") })
		if _, err := r.Read(buf); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(<-written); d > 500*time.Millisecond {
			t.Errorf("seen after %s", d)
		}
	}
}

func TestFollowEndsWithContext(t *testing.T) {
	c, _, _ := growing(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := c.Follow(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.AfterFunc(20*time.Millisecond, cancel)
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestWaitFor(t *testing.T) {
	c, f, end := growing(t)
	io.WriteString(f, "boot\r\n\x1b[2J\x1b[01;01Hfloe lo")
	time.AfterFunc(20*time.Millisecond, func() { io.WriteString(f, "gin: ") }) // no end of line
	line, err := c.WaitFor(t.Context(), regexp.MustCompile(`login:$`))
	if err != nil || line != "floe login:" {
		t.Errorf("%q, %v", line, err)
	}
	time.AfterFunc(20*time.Millisecond, end)
	if _, err := c.WaitFor(t.Context(), regexp.MustCompile(`never`)); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
}

func TestTailIsPrintable(t *testing.T) {
	c, f, _ := growing(t)
	io.WriteString(f, "one\r\n\x1b[0;37;40mtwo\x1b[0m \x07\nthr\xffee\n\n\n")
	if got := c.Tail(2); !slices.Equal(got, []string{"two", "thr?ee"}) {
		t.Errorf("%q", got)
	}
	if got := tailLines(c.path+"-not", 3); got != nil {
		t.Errorf("of a missing file: %q", got)
	}
}

func TestScribe(t *testing.T) {
	start := time.Unix(1000, 0)
	s := newScribe(start)
	now := start
	feed := func(after time.Duration, text string) {
		now = start.Add(after)
		s.follow(strings.NewReader(text), func() time.Time { return now })
	}
	key := "SHA256:" + strings.Repeat("Ab3", 14) + "c"
	feed(1*time.Second, "\x1b[H\x1b[J\x1b[1;1H\x1b[2;36HFloe 0.1.0\r\n")
	feed(2*time.Second, "[    0.000000] Linux version 6.12\r\n[    0.1] more\r\n")
	feed(3*time.Second, "[    0.900000] Run /init as init process\r\n")
	feed(4*time.Second, "floe: address 10.0.2.15/24 on eth0\r\nfloe: address 10.9.9.9/8 on eth1\r\nfloe: address 10.9.9.9/8 on eth1 is gone\r\nfloe: ssh host key "+key+"\r\nfloe: ssh host key ssh-ed25519 "+key+"\r\n")
	feed(5*time.Second, "a user prints floe: ssh ready\r\n")
	feed(6*time.Second, "floe:~$ floe: ssh ready\r\n")
	reached, guest, changed := s.snapshot()
	want := map[Stage]time.Duration{PowerOn: 1, Loader: 1, Kernel: 2, Init: 3, Network: 4, SSHReady: 6}
	if len(reached) != len(want) {
		t.Errorf("reached %v", reached)
	}
	for _, m := range reached {
		if m.At != want[m.Stage]*time.Second {
			t.Errorf("%s after %s", m.Stage, m.At)
		}
	}
	if !slices.Equal(guest.HostKeys, []string{key}) || !slices.Equal(guest.Addresses, []string{"10.0.2.15/24"}) {
		t.Errorf("guest %+v", guest)
	}
	select {
	case <-changed:
		t.Error("told of a change without one")
	default:
	}
	s.restart(start.Add(10 * time.Second))
	select {
	case <-changed:
	default:
		t.Error("not told of the reset")
	}
	feed(12*time.Second, "[    0.000000] Linux version 6.12\r\n")
	reached, guest, _ = s.snapshot()
	if len(reached) != 2 || reached[1].At != 2*time.Second || len(guest.HostKeys) != 1 {
		t.Errorf("after the reset: %v, %+v", reached, guest)
	}
}
