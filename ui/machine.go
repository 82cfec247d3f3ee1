package ui

import (
	"context"
	"time"
)

// Machine is a running machine, as the live view shows and handles it. Its
// methods may be slow; they are called from other goroutines than the
// display's. Console and Shell are lent the terminal.
type Machine interface {
	// Look tells how the machine is now. It is asked ten times a second.
	Look(context.Context) Sight

	// Log is what the machine said on its console, the latest lines of it.
	Log() []string

	// CommandLine is what started it, as a shell takes it: lines that are one
	// command together.
	CommandLine() []string

	// Console joins the terminal and the machine's console, until the person
	// leaves it with Ctrl-] or the machine ends.
	Console(context.Context) error

	// Shell logs in over ssh, until the session ends.
	Shell(context.Context) error

	// Restart presses the reset button.
	Restart(context.Context) error

	// PowerOff presses the power button and waits until the machine is off.
	PowerOff(context.Context) error

	// Close ends the machine if it still runs, within a few seconds.
	Close()
}

// Sight is how a machine is at a moment.
type Sight struct {
	Up         time.Duration // since it was started, or was last reset
	Milestones []Milestone   // on its way to ready, in order
	Used       int           // MiB of memory in use inside; 0: not known
	Memory     int           // MiB of memory that it has
	Host       int           // MiB that QEMU takes of this host; 0: not known
	Disk       string        // its data disk, a file of this host that stays; "": it has none
	Facts      []Row         // where it is, what it is made of
	Next       []Command     // what to type elsewhere to use it
	Tail       []string      // its console's last lines
	Over       bool          // it has ended
	Ending     string        // how: "powered off"
	Err        error         // it has ended as it should not
}

// Milestone is a step on a machine's way to ready. One that was not reached
// while a later one was is not told of by this machine.
type Milestone struct {
	Name    string
	Reached bool
	At      time.Duration // since Sight.Up began
}

// verdict says how far the machine came.
func (s Sight) verdict() string {
	next, waiting := s.next()
	switch {
	case next == 0:
		return "The machine ended before it told of anything."
	case waiting:
		return "The machine ended on its way to ready: it got as far as " + clean(s.Milestones[next-1].Name) + "."
	}
	return "It was seen to work: the machine was ready after " + span(s.Milestones[next-1].At) + "."
}

// next is the milestone that is waited for; all of them reached gives ok false.
func (s Sight) next() (i int, ok bool) {
	for i = len(s.Milestones); i > 0 && !s.Milestones[i-1].Reached; i-- {
	}
	return i, i < len(s.Milestones)
}
