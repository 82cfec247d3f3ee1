package qemu_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"floe/qemu"
)

// hello is the smallest guest with manners: a boot sector that writes two
// lines to the first serial port and then whatever it reads from there. It
// powers off when the power button is pressed (ACPI's PM1 registers, where
// SeaBIOS puts them on board q35), resets the machine when it reads an R, and
// writes 8192 dots when it reads an F.
func hello(t *testing.T) string {
	t.Helper()
	code := []byte{
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0xfc,             // cld
		0xba, 0x02, 0x06, // mov dx, 0x602    PM1 enable
		0xb8, 0x00, 0x01, // mov ax, 0x100    the power button
		0xef,             // out dx, ax
		0xbe, 0x5e, 0x7c, // mov si, 0x7c5e   the text
		0xba, 0xf8, 0x03, // next: mov dx, 0x3f8
		0xac,       // lodsb
		0x84, 0xc0, // test al, al
		0x74, 0x03, // jz wait
		0xee,       // out dx, al
		0xeb, 0xf5, // jmp next
		0xba, 0x00, 0x06, // wait: mov dx, 0x600   PM1 status
		0xed,             // in ax, dx
		0xf6, 0xc4, 0x01, // test ah, 1       the power button
		0x75, 0x17, // jnz off
		0xba, 0xfd, 0x03, // mov dx, 0x3fd    line status
		0xec,       // in al, dx
		0xa8, 0x01, // test al, 1
		0x74, 0xef, // jz wait
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xec,       // in al, dx
		0x3c, 0x52, // cmp al, 'R'
		0x74, 0x0f, // je reset
		0x3c, 0x46, // cmp al, 'F'
		0x74, 0x12, // je flood
		0xee,       // out dx, al
		0xeb, 0xe0, // jmp wait
		0xba, 0x04, 0x06, // off: mov dx, 0x604    PM1 control
		0xb8, 0x00, 0x20, // mov ax, 0x2000   sleep, type 0
		0xef,             // out dx, ax
		0xf4,             // hlt
		0xba, 0xf9, 0x0c, // reset: mov dx, 0xcf9
		0xb0, 0x06, // mov al, 6
		0xee,             // out dx, al
		0xf4,             // hlt
		0xb9, 0x00, 0x20, // flood: mov cx, 0x2000
		0xba, 0xfd, 0x03, // more: mov dx, 0x3fd    line status
		0xec,       // in al, dx
		0xa8, 0x20, // test al, 0x20    room for a byte
		0x74, 0xf8, // jz more
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb0, 0x2e, // mov al, '.'
		0xee,       // out dx, al
		0xe2, 0xf0, // loop more
		0xeb, 0xbc, // jmp wait
	}
	if len(code) != 0x5e {
		t.Fatalf("the text would begin at %#x", len(code))
	}
	sector := make([]byte, 1<<20)
	copy(sector, append(code, "floe: hello\r\nfloe: address 10.0.2.15\r\n\x00"...))
	sector[510], sector[511] = 0x55, 0xaa
	path := filepath.Join(t.TempDir(), "hello, world.img")
	put(t, path, sector)
	return path
}

// guest starts a machine with that guest and waits until it listens.
func guest(t *testing.T, h qemu.Home, l qemu.Launch, options ...qemu.Option) (context.Context, *qemu.Running) {
	t.Helper()
	r := start(t, h, empty(t, append(options, qemu.Boot(qemu.VirtDisk, hello(t)))...), l)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	if _, err := r.Reached(ctx, qemu.Network); err != nil {
		t.Fatal(err)
	}
	return ctx, r
}

func TestPowerButton(t *testing.T) {
	ctx, r := guest(t, home(t), qemu.Launch{})
	if how, err := r.Stop(ctx, qemu.DefaultPatience()); err != nil || how != qemu.PoweredOff {
		t.Errorf("stopped: %q, %v", how, err)
	}
}

func TestPowerButtonByAnotherFloe(t *testing.T) {
	h := home(t)
	ctx, first := guest(t, h, qemu.Launch{Detach: true})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := h.Load("empty")
	if err != nil {
		t.Fatal(err)
	}
	reached, _ := r.Milestones()
	for _, m := range reached {
		if m.At < 0 {
			t.Errorf("the time of stage %s is forgotten", m.Stage)
		}
	}
	if len(reached) != 3 || len(r.Guest().Addresses) != 1 {
		t.Errorf("reached %v, guest %+v", reached, r.Guest())
	}
	if how, err := r.Stop(ctx, qemu.DefaultPatience()); err != nil || how != qemu.PoweredOff {
		t.Errorf("stopped: %q, %v", how, err)
	}
	if how, at := h.LastEnding("empty"); how != qemu.PoweredOff || time.Since(at) > time.Minute {
		t.Errorf("afterwards: %q at %s", how, at)
	}
}

// More than any pipe holds must come through, once, while somebody has the
// keyboard and does not look.
func TestLongTalk(t *testing.T) {
	ctx, r := guest(t, home(t), qemu.Launch{})
	in, keys := io.Pipe()
	go io.WriteString(keys, "F\nend\n")
	_, blind := io.Pipe()
	go r.Attach(ctx, qemu.Attach{In: in, Out: blind})
	if _, err := r.Console().WaitFor(ctx, regexp.MustCompile(`^end$`)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(r.Console().Path())
	if n := strings.Count(string(text), "."); err != nil || n != 8192+len("...") {
		t.Errorf("%d dots, %v", n, err)
	}
}

// typeTo types at the console and leaves it.
func typeTo(ctx context.Context, t *testing.T, r *qemu.Running, text string) {
	t.Helper()
	in := strings.NewReader(text + "\x1d lost")
	if _, err := r.Attach(ctx, qemu.Attach{In: in, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
}

func TestResetBeginsAnew(t *testing.T) {
	h := home(t)
	ctx, r := guest(t, h, qemu.Launch{})
	other, err := h.Load("empty") // another floe sees it as well
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, otherChanged := other.Milestones()
	before, changed := r.Milestones()
	typeTo(ctx, t, r, "R")
	select {
	case <-changed:
	case <-ctx.Done():
		t.Fatal("the reset was not noticed")
	}
	select {
	case <-otherChanged:
	case <-ctx.Done():
		t.Fatal("the reset was not noticed by another floe")
	}
	again, err := r.Reached(ctx, qemu.Network)
	if err != nil {
		t.Fatal(err)
	}
	if again == before[len(before)-1] {
		t.Errorf("still the milestones from before: %v", again)
	}
}

func TestNoReboot(t *testing.T) {
	ctx, r := guest(t, home(t), qemu.Launch{}, qemu.NoReboot())
	typeTo(ctx, t, r, "R")
	if how, err := r.Wait(ctx); err != nil || how != qemu.Rebooted {
		t.Errorf("ended: %q, %v", how, err)
	}
}

func TestConsoleFromEveryMedium(t *testing.T) {
	image := hello(t)
	for _, kind := range []qemu.MediumKind{qemu.VirtDisk, qemu.USBStick} {
		t.Run(string(kind), func(t *testing.T) {
			r := start(t, home(t), empty(t, qemu.Boot(kind, image)), qemu.Launch{})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if line, err := r.Console().WaitFor(ctx, regexp.MustCompile(`^floe: hello$`)); err != nil {
				t.Fatalf("%q, %v", line, err)
			}
			if _, err := r.Reached(ctx, qemu.Network); err != nil {
				t.Fatal(err)
			}
			if a := r.Guest().Addresses; len(a) != 1 || a[0] != "10.0.2.15" {
				t.Errorf("addresses %q", a)
			}
			r.Kill()
			if _, err := r.Reached(ctx, qemu.SSHReady); err == nil || !strings.Contains(err.Error(), "floe: hello") {
				t.Errorf("a machine that ended too early must show its console: %v", err)
			}
		})
	}
}

func TestAttach(t *testing.T) {
	r := start(t, home(t), empty(t, qemu.Boot(qemu.VirtDisk, hello(t))), qemu.Launch{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := r.Reached(ctx, qemu.Network); err != nil {
		t.Fatal(err)
	}
	in, keys := io.Pipe()
	out, screen := io.Pipe()
	left := make(chan error, 1)
	go func() {
		escaped, err := r.Attach(ctx, qemu.Attach{In: in, Out: screen})
		if err == nil && !escaped {
			err = errors.New("it ended without the escape key")
		}
		left <- err
	}()
	seen := bufio.NewReader(out)
	for _, want := range []string{"floe: hello\r\n", "floe: address 10.0.2.15\r\n"} { // what was said before
		if line, err := seen.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q, %v", line, err)
		}
	}
	io.WriteString(keys, "^C is \x03\n")
	if line, err := seen.ReadString('\n'); err != nil || line != "^C is \x03\n" {
		t.Fatalf("%q, %v", line, err)
	}
	io.WriteString(keys, "bye\n")
	if line, err := seen.ReadString('\n'); err != nil || line != "bye\n" {
		t.Fatalf("%q, %v", line, err)
	}
	go io.WriteString(keys, "\x1d lost")
	if err := <-left; err != nil {
		t.Error(err)
	}
	// Whoever only watches sees the end.
	done := make(chan error, 1)
	var text strings.Builder
	go func() {
		escaped, err := r.Attach(ctx, qemu.Attach{Out: &text})
		if escaped {
			err = errors.New("nobody pressed the escape key")
		}
		done <- err
	}()
	time.Sleep(100 * time.Millisecond)
	r.Kill()
	if err := <-done; err != nil || !strings.Contains(text.String(), "bye") || strings.ContainsAny(text.String(), "\x1d") || strings.Contains(text.String(), "lost") {
		t.Errorf("%q, %v", text.String(), err)
	}
}
