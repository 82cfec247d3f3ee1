package qemu

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	for text, want := range map[string]bool{
		"12 (qemu-system-x86) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0": true,
		"12 (a) Z (9) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0":         true,
		"12 (qemu) Z 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0":            false,
		"12 (qemu) X 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0":            false,
	} {
		ticks, alive, err := parseStat([]byte(text))
		if err != nil || ticks != 777 || alive != want {
			t.Errorf("%s: %d, %v, %v", text, ticks, alive, err)
		}
	}
	if _, _, err := parseStat([]byte("12 (qemu) S 1")); err == nil {
		t.Error("half a line is taken")
	}
}

func TestProcessIsKnownByMoreThanItsNumber(t *testing.T) {
	me, err := Identify(os.Getpid())
	if err != nil || !me.Alive() {
		t.Fatalf("%+v, %v", me, err)
	}
	for name, p := range map[string]Process{
		"another start": {me.PID, me.Start + 1, me.BootID},
		"another boot":  {me.PID, me.Start, "another"},
		"no number":     {},
	} {
		if p.Alive() {
			t.Errorf("%s: taken for this process", name)
		}
		if _, err := p.hold(); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHandle(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []bool{true, false} {
		h, err := p.hold()
		if err != nil {
			t.Fatal(err)
		}
		if plain { // a kernel without pidfd_open
			unix.Close(h.fd)
			h.fd = -1
			if err := h.signal(0); err != nil {
				t.Error(err)
			}
			continue
		}
		quit := make(chan struct{})
		close(quit)
		if h.watch(quit) {
			t.Error("seen to end")
		}
		if err := h.signal(unix.SIGKILL); err != nil {
			t.Error(err)
		}
		if !h.watch(nil) {
			t.Error("the end was not seen")
		}
		if p.Alive() { // not yet waited for
			t.Error("a dead child is taken for alive")
		}
		cmd.Wait()
		if err := h.signal(unix.SIGKILL); err != nil {
			t.Errorf("a signal to what is gone: %v", err)
		}
		h.close()
		if err := h.signal(unix.SIGKILL); err != nil {
			t.Errorf("a signal after close: %v", err)
		}
	}
}
