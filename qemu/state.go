package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"floe/internal/fault"
)

// State is what a floe needs to know of a machine that another floe started.
// It is kept, as JSON, in the machine's folder from before QEMU is started
// until it has ended.
type State struct {
	Machine  Machine   `json:"machine"`  // as it was asked for
	Process  Process   `json:"process"`  // the QEMU; none as long as it is only meant to be
	Version  Version   `json:"version"`  // of QEMU
	Argv     []string  `json:"argv"`     // its command line
	Accel    Accel     `json:"accel"`    // as it came to be, after a fallback perhaps
	Ports    []Forward `json:"ports"`    // as they are: the first one is ssh
	Started  time.Time `json:"started"`  // when QEMU was started
	Detached bool      `json:"detached"` // it outlives the floe that started it
	Trial    bool      `json:"trial"`    // Launch.Trial
	Files    Files     `json:"files"`

	// Milestones are those reached when the floe that started the machine
	// let go of it.
	Milestones []Milestone `json:"milestones,omitempty"`
}

// SSHPort is the port on 127.0.0.1 that reaches the guest's ssh.
func (s State) SSHPort() int {
	for _, f := range s.Ports {
		if f.Guest == sshGuestPort {
			return f.Host
		}
	}
	return s.Machine.SSHPort // its floe was killed before QEMU told
}

// Alive says whether the machine's QEMU runs. A process that got its number
// later is not taken for it.
func (s State) Alive() bool { return s.Process.Alive() }

// write replaces the state file in one step.
func (s State) write() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(s.Files.State, append(text, '\n'), 0o600)
}

// ErrNotRunning is in the chain of Load's error when there is no such machine.
var ErrNotRunning = errors.New("no machine of that name runs")

// read gives the state of a machine that runs. If locked is set the caller holds the
// machine's lock: the QEMU of a floe that was killed is found then, and what is left of a
// machine that does not run is cleaned up.
func (h Home) read(name string, locked bool) (State, error) {
	if !namePattern.MatchString(name) {
		return State{}, fault.New(fault.Usage, "look for machine", name, errors.New("not a name for a machine"), "")
	}
	gone := func(err error) error {
		return fault.New(fault.Usage, "look for machine", name, err, "start it first")
	}
	files := h.Files(name)
	text, err := os.ReadFile(files.State)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, gone(ErrNotRunning)
	}
	var s State
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil && (s.Alive() || locked && s.intended() && s.adopt()) {
		return s, nil
	}
	if locked && (err != nil || len(s.Argv) == 0) {
		if s, ok := h.orphan(name); ok {
			return s, nil
		}
	}
	if locked {
		files.clean()
	}
	switch {
	case err != nil:
		err = fmt.Errorf("%w: its state file %s cannot be read: %w", ErrNotRunning, files.State, err)
	case s.intended():
		err = fmt.Errorf("%w: its start has not come that far", ErrNotRunning)
	default:
		err = fmt.Errorf("%w: its process %d has ended", ErrNotRunning, s.Process.PID)
	}
	return State{}, gone(err)
}

// clean removes what marks a machine as running. Its logs stay.
func (f Files) clean() {
	for _, path := range append(f.ends(), f.State) {
		os.Remove(path) // gone already, most often
	}
}

// lockPatience is how long another floe may take to start the machine before
// this one says that it does not get on.
const lockPatience = 30 * time.Second

// lock keeps other floes from starting or cleaning up the machine. The
// machine's folder exists.
func (f Files) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	l := flock.New(f.Lock, flock.SetPermissions(0o600))
	ok, err := l.TryLockContext(ctx, 50*time.Millisecond)
	switch {
	case ok:
		return func() { l.Unlock() }, nil
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("another floe is starting or stopping this machine and does not get on")
		return nil, fault.New(fault.Build, "lock machine", filepath.Base(f.Dir), err, "end the other floe")
	}
	return nil, err
}

// Hold keeps other floes from starting a machine, which does not run, until release
// is called. It waits for one that is starting it.
func (h Home) Hold(ctx context.Context, name string) (release func(), err error) {
	files := h.Files(name)
	if !isDir(files.Dir) {
		return func() {}, nil
	}
	if release, err = files.lock(ctx); err != nil {
		return nil, err
	}
	if err := h.still(name, "hold machine"); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// still says that a machine runs, if it does, to whoever wants to do something for
// which it must not. The caller holds its lock.
func (h Home) still(name, op string) error {
	s, err := h.read(name, true)
	if err != nil {
		return nil
	}
	return fault.New(fault.Usage, op, name, fmt.Errorf("it runs already, as process %d since %s", s.Process.PID, s.Started.Format(time.DateTime)),
		"use it, or stop it first")
}

// Forget removes what a machine's last run left to be read. It is for a start that
// takes its time before it comes to Start: broken off, it is not to be taken for that
// run.
func (h Home) Forget(ctx context.Context, name string) error {
	files := h.Files(name)
	if !isDir(files.Dir) {
		return nil
	}
	unlock, err := files.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := h.still(name, "start machine"); err != nil {
		return err
	}
	if err := files.forget(); err != nil {
		return fault.New(fault.Missing, "prepare machine", name, err, "")
	}
	return nil
}

// List gives the machines that run, by name. What dead ones left behind is
// cleaned up, unless somebody is just starting one of that name.
func (h Home) List() ([]State, error) {
	entries, err := os.ReadDir(h.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []State
	for _, e := range entries {
		if !e.IsDir() || !namePattern.MatchString(e.Name()) {
			continue
		}
		if s, err := h.state(e.Name()); err == nil {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b State) int {
		if a.Machine.Name < b.Machine.Name {
			return -1
		}
		return 1
	})
	return list, nil
}

// state reads the state of a machine that runs, completes what a floe that was killed
// left of it, and cleans up after one that does not run.
func (h Home) state(name string) (State, error) {
	s, err := h.read(name, false)
	if err == nil && len(s.Ports) > 0 || !isDir(h.Files(name).Dir) {
		return s, err
	}
	l := flock.New(h.Files(name).Lock, flock.SetPermissions(0o600))
	if ok, lockErr := l.TryLock(); lockErr != nil || !ok {
		return s, err // somebody is just starting it
	}
	defer l.Unlock()
	s, err = h.read(name, true)
	if err == nil && len(s.Ports) == 0 {
		s.askPorts()
	}
	return s, err
}
