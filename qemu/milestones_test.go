package qemu

import (
	"slices"
	"strings"
	"testing"
	"time"
)

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
