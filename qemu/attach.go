package qemu

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/gofrs/flock"

	"floe/internal/fault"
)

// DefaultEscape is the key that leaves the console: Ctrl-], as in telnet.
const DefaultEscape = 0x1d

// Attach is a person's hands and eyes on a machine's serial console.
type Attach struct {
	// In is what is typed. Its bytes go to the guest as they are, Ctrl-C
	// too, so a terminal must be in raw mode. Its end detaches nothing.
	// nil only looks on, as any number of floes can.
	In io.Reader

	// Out is where the console goes.
	Out io.Writer

	// Escape is the byte that leaves the console; 0 is DefaultEscape.
	Escape byte

	// Offset is where in what the console already said to begin, in bytes.
	Offset int64
}

// Attach connects a person to the console until the escape key is pressed
// (left is true then), the machine has ended and all it said is shown, or ctx
// ends. Only one floe at a time can have the keyboard of a machine.
//
// It returns without waiting for a Read of In that is under way: In should be
// such that this Read can be cancelled, or the next thing typed is lost to it.
func (r *Running) Attach(ctx context.Context, a Attach) (left bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	escaped := make(chan struct{})
	if a.In != nil {
		leave, err := r.takeKeyboard(ctx, a, escaped)
		if err != nil {
			return false, err
		}
		defer leave()
	}
	shown, err := r.console.Follow(ctx, a.Offset)
	if err != nil {
		return false, err
	}
	defer shown.Close()
	out := make(chan error, 1)
	go func() {
		_, err := io.Copy(a.Out, shown)
		out <- err
	}()
	select {
	case <-escaped:
		cancel()
		<-out
		return true, nil
	case err = <-out:
		return false, err
	}
}

// takeKeyboard hands what is typed to the guest, as the only floe that does,
// until leave is called.
func (r *Running) takeKeyboard(ctx context.Context, a Attach, escaped chan<- struct{}) (leave func(), err error) {
	fail := func(class fault.Class, err error, hint string) (func(), error) {
		return nil, fault.New(class, "take the console of machine", r.Name(), err, hint)
	}
	keyboard := flock.New(r.files.Keyboard, flock.SetPermissions(0o600))
	ok, err := keyboard.TryLock()
	if err != nil {
		return fail(fault.Missing, err, "")
	}
	if !ok {
		return fail(fault.Usage, errors.New("another floe has it"), "leave it there first")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", r.files.Console)
	if err != nil {
		keyboard.Unlock()
		return fail(fault.Build, err, "")
	}
	if a.Escape == 0 {
		a.Escape = DefaultEscape
	}
	// What the socket says is in the console's file too. It must be read
	// nevertheless, or the guest would stand still.
	go io.Copy(io.Discard, conn)
	go typed(conn, a.In, a.Escape, escaped)
	return func() {
		conn.Close()
		keyboard.Unlock()
	}, nil
}

// typed hands on what is typed until the escape key, and closes escaped then.
func typed(to io.Writer, from io.Reader, escape byte, escaped chan<- struct{}) {
	buf := make([]byte, 1024)
	for {
		n, err := from.Read(buf)
		for i, b := range buf[:n] {
			if b == escape {
				to.Write(buf[:i])
				close(escaped)
				return
			}
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
