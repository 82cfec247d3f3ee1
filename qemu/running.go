package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Running is a machine that runs, or ran. It is safe for use by several
// goroutines.
type Running struct {
	files   Files
	owner   bool // this floe started it
	scribe  *scribe
	console *Console
	signal  func(unix.Signal) error // to QEMU; that it is gone is no error
	ended   chan struct{}           // closed when QEMU has ended
	cleaned chan struct{}           // closed when its state is cleaned up after that
	settled chan bool               // of the owner: whether there is a state to clean up
	closing func()                  // stops what Running does in the background

	negotiated chan struct{} // closed when QEMU writes events down

	mu     sync.Mutex
	state  State
	ending Ending
	exit   error // of cmd.Wait
	killed bool  // by a signal of this floe
}

func newRunning(s State, owner bool) *Running {
	r := &Running{
		files: s.Files, owner: owner, state: s, scribe: newScribe(s.Started),
		ended: make(chan struct{}), cleaned: make(chan struct{}), settled: make(chan bool, 1), closing: func() {},
		negotiated: make(chan struct{}),
	}
	r.console = &Console{path: s.Files.ConsoleLog, ended: r.ended}
	return r
}

// Name is the machine's name.
func (r *Running) Name() string { return r.state.Machine.Name }

// State is what is known of the machine, as it would be written down now.
func (r *Running) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Milestones, _, _ = r.scribe.snapshot()
	return s
}

// Accel is how the machine's processor is made in the end.
func (r *Running) Accel() Accel { return r.State().Accel }

// SSHAddr is the address on this host that reaches the guest's ssh.
func (r *Running) SSHAddr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.State().SSHPort()))
}

// Console is what the machine says on its serial console.
func (r *Running) Console() *Console { return r.console }

// Milestones are the stages reached so far, in order, and a channel that is
// closed when there is more to see.
func (r *Running) Milestones() ([]Milestone, <-chan struct{}) {
	reached, _, changed := r.scribe.snapshot()
	return reached, changed
}

// Guest is what the guest told of itself so far.
func (r *Running) Guest() Guest {
	_, guest, _ := r.scribe.snapshot()
	return guest
}

// Reached waits until the machine reaches a stage. If it ends first, the
// error says why.
func (r *Running) Reached(ctx context.Context, stage Stage) (Milestone, error) {
	for {
		reached, changed := r.Milestones()
		for _, m := range reached {
			if m.Stage == stage {
				return m, nil
			}
		}
		select {
		case <-changed:
		case <-r.ended:
			if _, err := r.Wait(ctx); err != nil {
				return Milestone{}, err
			}
			return Milestone{}, died(r.files, r.Name(), fmt.Sprintf("the machine ended before its stage %q", stage))
		case <-ctx.Done():
			return Milestone{}, ctx.Err()
		}
	}
}

// Ended is closed when the machine has ended.
func (r *Running) Ended() <-chan struct{} { return r.ended }

// Wait waits for the machine's end. An end that nobody asked for and that is
// not the guest's own doing is a fault.Build with a *DiedError in its chain.
func (r *Running) Wait(ctx context.Context) (Ending, error) {
	select {
	case <-r.ended:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case <-r.cleaned:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.ending {
	case Panicked:
		return r.ending, died(r.files, r.Name(), "the guest's kernel panicked")
	case Died:
		return r.ending, died(r.files, r.Name(), howExited(r.exit))
	}
	return r.ending, nil
}

// diedError is the error of a machine that ended though it should not have.
func (r *Running) diedError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return died(r.files, r.Name(), howExited(r.exit))
}

// Aborted says that QEMU itself gave up, as it does where an assertion of its own fails,
// before a kernel began to run: nothing has happened in the machine yet, and it can be
// started again. Only the floe that started QEMU knows.
func (r *Running) Aborted() bool {
	select {
	case <-r.ended:
	default:
		return false
	}
	r.mu.Lock()
	exit, ending := r.exit, r.ending
	r.mu.Unlock()
	var e *exec.ExitError
	if ending != Died || !errors.As(exit, &e) || r.seen(Kernel) || r.seen(Init) {
		return false
	}
	status, ok := e.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == unix.SIGABRT
}

func howExited(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "QEMU was killed, or ended by an error"
	case errors.As(err, &exit) && exit.Exited():
		return fmt.Sprintf("QEMU ended with status %d", exit.ExitCode())
	}
	return "QEMU ended: " + err.Error()
}

// reap takes the end of QEMU in, in the floe that started it.
func (r *Running) reap(exit error) {
	r.end(exit)
	defer close(r.cleaned)
	if <-r.settled {
		r.cleanUp()
	}
}

// end notes how the machine ended: as QEMU told, if it came to that, and with
// which status, if this floe is its parent.
func (r *Running) end(exit error) {
	how, _ := r.files.ending()
	r.mu.Lock()
	r.exit, r.ending = exit, how
	switch {
	case r.killed && (exit != nil || how == ""):
		r.ending = Killed
	case exit != nil || how == "":
		r.ending = Died
	}
	r.mu.Unlock()
	close(r.ended)
}

// cleanUp removes the machine's state, unless it is by now another's.
func (r *Running) cleanUp() {
	unlock, err := r.files.lock(context.Background())
	if err != nil {
		return // what is left is seen to be stale
	}
	defer unlock()
	text, err := os.ReadFile(r.files.State)
	if err != nil {
		return
	}
	var s State
	if json.Unmarshal(text, &s) == nil && s.Process == r.State().Process {
		r.files.clean()
	}
}

// follow begins to read the console, what QEMU tells, and the firmware's own
// log for the first sign of life.
func (r *Running) follow() error {
	firmware := &Console{path: r.files.FirmwareLog, ended: r.ended}
	return r.readAlong(map[*Console]tail{
		r.console:  {0, func(in io.Reader) { r.scribe.follow(in, time.Now) }},
		firmware:   {0, func(in io.Reader) { r.scribe.signs(in, time.Now) }},
		r.events(): {0, r.takeEvents},
	})
}

// tail is the rest of a growing file, and who reads it.
type tail struct {
	offset int64
	read   func(io.Reader)
}

// readAlong reads growing files in the background.
func (r *Running) readAlong(files map[*Console]tail) error {
	ctx, cancel := context.WithCancel(context.Background())
	for file, t := range files {
		in, err := file.Follow(ctx, t.offset)
		if err != nil {
			cancel()
			return err
		}
		go func() {
			defer in.Close()
			t.read(in)
		}()
	}
	r.closing = cancel
	return nil
}

// Kill ends QEMU at once and waits until it is gone, and what it left behind.
func (r *Running) Kill() {
	r.strike(unix.SIGKILL) // whether it came to an end is seen below
	select {
	case <-r.cleaned:
	case <-time.After(10 * time.Second): // a process stuck in the kernel
	}
}

// strike sends a signal that ends QEMU. One that has only just begun does not take SIGTERM as
// the wish that it is, and tells nobody before it ends.
func (r *Running) strike(signal unix.Signal) error {
	r.mu.Lock()
	r.killed = true
	r.mu.Unlock()
	return r.signal(signal)
}

// giveUp ends a QEMU whose start failed.
func (r *Running) giveUp() {
	r.settled <- false
	r.Kill()
	r.closing()
}

// Close lets go of the machine: one that is detached, or that another floe
// started, goes on, any other is killed. The milestones reached are written
// down for the next floe that looks.
func (r *Running) Close() error {
	defer r.closing()
	if r.owner && !r.State().Detached {
		r.Kill()
		<-r.cleaned
		return nil
	}
	if !r.owner {
		return nil
	}
	unlock, err := r.files.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	if s := r.State(); s.Alive() {
		return s.write()
	}
	return nil
}
