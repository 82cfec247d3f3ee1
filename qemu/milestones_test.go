package qemu

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestQuietKernel: init tells when a kernel began that says nothing.
func TestQuietKernel(t *testing.T) {
	at := time.Now()
	s := newScribe(at.Add(-5 * time.Second))
	s.follow(strings.NewReader("floe: init, 1.25 s after the kernel\nfloe: PROBLEM: no disk\nfloe: ssh user ada\r\nfloe:~$ [   22.6] Out of memory: Killed process 430 (tce-load) total-vm:1048kB\nfloe: PROBLEM: too little memory for docker: it has stood still\n"),
		func() time.Time { return at })
	reached, guest, _ := s.snapshot()
	want := []Milestone{{PowerOn, 5 * time.Second, ""}, {Kernel, 3750 * time.Millisecond, "floe: init, 1.25 s after the kernel"}, {Init, 5 * time.Second, "floe: init, 1.25 s after the kernel"}}
	if !slices.Equal(reached, want) || guest.User != "ada" || !slices.Equal(guest.Problems, []string{"no disk", "too little memory for docker: it has stood still"}) || !slices.Equal(guest.Killed, []string{"tce-load"}) || !slices.Equal(guest.Stalled, []string{"docker"}) {
		t.Errorf("%v, %+v", reached, guest)
	}
}

// TestLoaderAfterPrompt: a reset finds the console behind the prompt of a shell.
func TestLoaderAfterPrompt(t *testing.T) {
	for _, text := range []string{"  Floe 0.1.0\n", "floe:~$ Floe 0.1.0\n", "  Booting `Floe 0.1.0'\n"} {
		s := newScribe(time.Now())
		s.follow(strings.NewReader(text), time.Now)
		if reached, _, _ := s.snapshot(); len(reached) != 2 || reached[1].Stage != Loader {
			t.Errorf("%q: %v", text, reached)
		}
	}
}

// TestDown reads a console on which the system goes down and comes up again: a
// floe that comes later must not take the ssh of before for that of now.
func TestDown(t *testing.T) {
	const up = "  Booting `Floe 0.1.0'\r\nfloe: address 10.0.2.15/24 on eth0\r\nfloe: ssh host key SHA256:0123456789012345678901234567890123456789012\r\nfloe: ssh ready\r\nFloe 0.1.0\r\n"
	for text, want := range map[string]bool{
		up:                                  true,
		up + "floe: shutting down\r\n":      false,
		up + "# floe: shutting down\r\n":    false,
		up + "floe: shutting down\r\n" + up: true,
		up + "GRUB loading\r\n  Booting `Floe 0.1.0'\r\n": false, // its reset button was pressed
	} {
		s := newScribe(time.Now())
		s.follow(strings.NewReader(text), time.Now)
		reached, guest, _ := s.snapshot()
		if got := slices.ContainsFunc(reached, func(m Milestone) bool { return m.Stage == SSHReady }); got != want || len(guest.Addresses) > 0 != want {
			t.Errorf("ready %v, %+v after %q", got, guest, text)
		}
		if len(guest.HostKeys) != 1 {
			t.Errorf("host keys %q", guest.HostKeys)
		}
	}
}
