package qemu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/fault"
	"floe/qemu/qmp"
)

// Patience is how long each way of ending a machine may take before the next,
// rougher one.
type Patience struct {
	PowerOff time.Duration // for the guest, once its power button is pressed
	Unseen   time.Duration // the same for one whose console told nothing of a Floe: most often nobody hears the button; 0 is PowerOff
	Quit     time.Duration // for QEMU, once it is told to quit
	Term     time.Duration // for QEMU, once it got SIGTERM
}

// DefaultPatience suits a small system under emulation, whose containers have some
// seconds to end in their own way.
func DefaultPatience() Patience {
	return Patience{PowerOff: 45 * time.Second, Unseen: 20 * time.Second, Quit: 5 * time.Second, Term: 3 * time.Second}
}

// pressAgain is the time between presses of the power button: the guest may
// not have listened yet when it was pressed first.
const pressAgain = time.Second

// Stop ends the machine: by its power button, and if that brings nothing in
// time, by QMP's quit, SIGTERM and SIGKILL in turn. It says which of them it
// was. A QEMU that has only just begun is waited for, until it can be asked. If ctx ends
// first, the machine is left as it is by then.
func (r *Running) Stop(ctx context.Context, p Patience) (Ending, error) {
	select {
	case <-r.ended:
		return r.Wait(ctx)
	default:
	}
	if p.Unseen > 0 && !r.seen(Init) {
		p.PowerOff = p.Unseen
	}
	for _, step := range []struct {
		limit time.Duration
		do    func(context.Context) error
	}{
		{p.PowerOff, r.press},
		{p.Quit, r.quit},
		{p.Term, func(context.Context) error { return r.strike(unix.SIGTERM) }},
		{10 * time.Second, func(context.Context) error { r.Kill(); return nil }},
	} {
		limit, cancel := context.WithTimeout(ctx, step.limit)
		err := step.do(limit)
		if err == nil {
			select {
			case <-r.ended:
			case <-limit.Done():
			}
		}
		cancel()
		select {
		case <-r.ended:
			return r.Wait(context.WithoutCancel(ctx))
		default:
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	return "", fault.New(fault.Build, "stop machine", r.Name(),
		fmt.Errorf("process %d outlives even SIGKILL; the kernel holds it", r.State().Process.PID), "")
}

// seen says whether the machine has reached a stage.
func (r *Running) seen(stage Stage) bool {
	reached, _ := r.Milestones()
	return slices.ContainsFunc(reached, func(m Milestone) bool { return m.Stage == stage })
}

// press presses the power button until the machine has ended.
func (r *Running) press(ctx context.Context) error {
	return r.control(ctx, func(c *qmp.Client) error {
		for {
			if err := c.Powerdown(ctx); err != nil {
				return err
			}
			select {
			case <-r.ended:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pressAgain):
			}
		}
	})
}

func (r *Running) quit(ctx context.Context) error {
	return r.control(ctx, func(c *qmp.Client) error { return c.Quit(ctx) })
}

// control runs something on the QMP socket that is for everybody.
func (r *Running) control(ctx context.Context, do func(*qmp.Client) error) error {
	c, err := connect(ctx, r.files.Control, r.negotiated, r.ended)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// connect waits for a QEMU that has only just begun: it serves its socket a moment later.
// Once it serves, which closes that channel, a socket that is not there is not waited for;
// one whose queue is full is.
func connect(ctx context.Context, socket string, serves, ended <-chan struct{}) (*qmp.Client, error) {
	for {
		begun := false
		select {
		case <-serves:
			begun = true
		default:
		}
		c, err := qmp.Dial(ctx, socket)
		if err == nil || begun && !errors.Is(err, unix.EAGAIN) {
			return c, err
		}
		select {
		case <-ended:
			return nil, ErrEnded
		case <-ctx.Done():
			return nil, fmt.Errorf("QEMU does not answer: %w (%w)", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Status asks QEMU for the machine's run state: "running", "paused",
// "shutdown", …
func (r *Running) Status(ctx context.Context) (status string, err error) {
	err = r.control(ctx, func(c *qmp.Client) error {
		status, err = c.Status(ctx)
		return err
	})
	return status, err
}

// Reset presses the machine's reset button.
func (r *Running) Reset(ctx context.Context) error {
	return r.control(ctx, func(c *qmp.Client) error { return c.Reset(ctx) })
}
