package qemu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"floe/internal/fault"
)

// Load takes hold of a machine that runs, whichever floe started it. One that
// does not run is a fault.Usage with ErrNotRunning in its chain, and what it
// left behind is cleaned up.
//
// Milestones that no floe wrote down have a negative time: what the console
// said before does not tell when.
func (h Home) Load(name string) (*Running, error) {
	s, err := h.state(name)
	if err != nil {
		return nil, err
	}
	r := newRunning(s, false)
	hold, err := s.Process.hold()
	if err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			err = ErrNotRunning
		}
		return nil, fault.New(fault.Usage, "look for machine", name, err, "start it first")
	}
	r.signal = hold.signal
	offset, err := r.catchUp()
	if err != nil {
		hold.close()
		return nil, fault.New(fault.Missing, "read the console of machine", name, err, "")
	}
	ctx, cancel := context.WithCancel(context.Background())
	in, err := r.console.Follow(ctx, offset)
	if err != nil {
		cancel()
		hold.close()
		return nil, fault.New(fault.Missing, "read the console of machine", name, err, "")
	}
	r.closing = cancel
	go func() {
		defer in.Close()
		r.scribe.follow(in, time.Now)
	}()
	go func() {
		defer hold.close()
		if hold.watch(ctx.Done()) {
			close(r.ended)
			r.cleanUp()
			close(r.cleaned)
		}
	}()
	return r, nil
}

// catchUp reads what the console said so far, to the end of its last whole
// line, and gives that line's end as an offset.
func (r *Running) catchUp() (int64, error) {
	text, err := os.ReadFile(r.files.ConsoleLog)
	if err != nil {
		return 0, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	r.scribe.reached = r.state.Milestones
	r.scribe.follow(bytes.NewReader(text), func() time.Time { return r.state.Started.Add(-1) })
	return int64(len(text)), nil
}
