package qemu

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
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
	if err := r.catchUp(); err != nil {
		hold.close()
		return nil, fault.New(fault.Missing, "read the console of machine", name, err, "")
	}
	gone, let := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(let)
		defer hold.close()
		if hold.watch(gone) {
			r.end(nil)
			r.cleanUp()
			close(r.cleaned)
		}
	}()
	stop := r.closing
	r.closing = sync.OnceFunc(func() { stop(); close(gone); <-let })
	return r, nil
}

// catchUp reads what QEMU told and what the console said so far, to the end of
// the last whole line, and reads along from there.
func (r *Running) catchUp() error {
	told, err := wholeLines(r.files.Events)
	if err != nil {
		return err
	}
	said, err := wholeLines(r.files.ConsoleLog)
	if err != nil {
		return err
	}
	r.scribe.reached = r.state.Milestones
	r.takeEvents(bytes.NewReader(told)) // a reset makes these old
	unknown := r.scribe.since.Add(-1)
	r.scribe.follow(bytes.NewReader(said), func() time.Time { return unknown })
	return r.readAlong(map[*Console]tail{
		r.console:  {int64(len(said)), func(in io.Reader) { r.scribe.follow(in, time.Now) }},
		r.events(): {int64(len(told)), r.takeEvents},
	})
}

// wholeLines reads a file to the end of its last whole line.
func wholeLines(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	return text[:bytes.LastIndexByte(text, '\n')+1], err
}
