package qemu

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"

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
// ends.
//
// It returns without waiting for a Read of In that is under way: In should be
// such that this Read can be cancelled, or the next thing typed is lost to it.
func (r *Running) Attach(ctx context.Context, a Attach) (left bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	escaped := make(chan struct{})
	if a.In != nil {
		// Without blocking, so that Close ends a Write that waits for a
		// guest that does not read.
		keyboard, err := os.OpenFile(r.files.Keyboard, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return false, fault.New(fault.Build, "take the keyboard of machine", r.Name(), err, "")
		}
		defer keyboard.Close()
		if a.Escape == 0 {
			a.Escape = DefaultEscape
		}
		go typed(keyboard, a.In, a.Escape, escaped)
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
