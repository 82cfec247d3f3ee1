package sshclient

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"floe/internal/fault"
)

// nobody are the options of a server that does not listen.
func nobody(t *testing.T) Options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := newServer(t).options()
	o.Addr = l.Addr().String()
	return o
}

func TestOutOfTime(t *testing.T) {
	_, err := Dial(within(t, 300*time.Millisecond), nobody(t))
	if fault.Code(err) != int(fault.Network) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// slowToEnd is a context that says so a while after its deadline.
type slowToEnd struct {
	context.Context
	deadline time.Time
}

func (c slowToEnd) Deadline() (time.Time, bool) { return c.deadline, true }

// TestOutOfTimeMidway has the dialer find out before the context that the time
// is over; that must not take the place of what was wrong all along.
func TestOutOfTimeMidway(t *testing.T) {
	o := nobody(t)
	ctx := slowToEnd{within(t, 400*time.Millisecond), time.Now().Add(200 * time.Millisecond)}
	if _, err := Dial(ctx, o); fault.Code(err) != int(fault.Network) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}
