package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// self is the program that is running, even if its file is gone.
const self = "/proc/self/exe"

// marker is argv[0] of the inner process.
const marker = "floe-sandbox-init"

// The inner process's files besides the standard three.
const (
	fdSpec    = 3 // the spec comes in; its end says that the outer process is gone
	fdOutcome = 4 // the outcome goes out
)

// holdDelay is how long to wait for the end of the output after the command
// ended, if something that escaped holds it open. Only modeHost knows escapes.
const holdDelay = 5 * time.Second

// cloneFlags are the namespaces of each mode.
func (m mode) cloneFlags() uintptr {
	const common = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
		syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	switch m {
	case modeUser:
		return common | syscall.CLONE_NEWUSER
	case modeAdmin:
		return common
	}
	return 0
}

// sysProcAttr is how the inner process is started. It leads a session of its
// own, so it has no terminal and one kill reaches all in it.
func (m mode) sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Cloneflags: m.cloneFlags()}
	if m.namespaced() {
		// Its end is the end of all. Elsewhere it must live to kill the rest,
		// when it sees that the pipe from here is closed.
		attr.Pdeathsig = syscall.SIGKILL
	}
	if m == modeUser {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// run runs the command of sp. A *setupError says that it was not started.
func run(ctx context.Context, sp spec, c Command) error {
	if err := ctx.Err(); err != nil {
		return stopped(c.Args, err)
	}
	// The kernel sends Pdeathsig when the thread that forked ends: stay on it.
	// (A Go thread seldom ends, but it may.)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var p pipes
	defer p.close()
	if err := p.open(); err != nil {
		return step(err, "open pipes")
	}
	var last tail
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = []string{marker}
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{p.specR, p.outcomeW}
	cmd.SysProcAttr = sp.Mode.sysProcAttr()
	cmd.WaitDelay = holdDelay
	cmd.Cancel = func() error { return kill(cmd.Process.Pid, sp.Mode) }
	cmd.Stdout, cmd.Stderr = last.outputs(c.Stdout, c.Stderr)
	stdin, err := p.stdin(c.Stdin)
	if err != nil {
		return step(err, "open pipes")
	}
	if stdin != nil { // a nil *os.File is not a nil io.Reader
		cmd.Stdin = stdin
	}
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return stopped(c.Args, ctx.Err())
		}
		return step(err, stepNamespaces)
	}
	p.started()
	got, err := p.talk(sp)
	werr := cmd.Wait()
	if !sp.Mode.namespaced() {
		_ = kill(cmd.Process.Pid, sp.Mode) // what the command left running
	}
	if ctx.Err() != nil {
		return stopped(c.Args, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%s: the sandbox ended without a word (%v): %w", brief(c.Args), cmd.ProcessState, err)
	}
	return got.err(c.Args, last.last(), werr)
}

// kill kills the inner process and all that descends from it. In a pid
// namespace the end of the first process is the end of all.
func kill(pid int, m mode) error {
	if !m.namespaced() {
		pid = -pid // the process group, which the inner process leads
	}
	err := syscall.Kill(pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// stopped is the error of a command that the caller stopped.
func stopped(args []string, err error) error {
	return fmt.Errorf("%s: stopped: %w", brief(args), err)
}

// err gives the outcome as Run returns it. werr is what copying the output
// said.
func (o outcome) err(args, last []string, werr error) error {
	switch {
	case o.Failed != nil:
		return o.Failed
	case o.Signal != 0:
		return &ExitError{Args: args, Code: 128 + int(o.Signal), Signal: o.Signal, Tail: last}
	case o.Exit != 0:
		return &ExitError{Args: args, Code: o.Exit, Tail: last}
	}
	var exit *exec.ExitError // the inner process's own end says nothing more
	if werr == nil || errors.As(werr, &exit) || errors.Is(werr, exec.ErrWaitDelay) {
		return nil
	}
	return fmt.Errorf("%s: pass on its output: %w", brief(args), werr)
}

// pipes are the files between the outer and the inner process.
type pipes struct {
	specR, specW       *os.File
	outcomeR, outcomeW *os.File
	stdinR, stdinW     *os.File
}

func (p *pipes) open() (err error) {
	if p.specR, p.specW, err = os.Pipe(); err != nil {
		return err
	}
	p.outcomeR, p.outcomeW, err = os.Pipe()
	return err
}

// stdin gives the file that the command reads r from. Nobody waits for r to
// end: a terminal never does.
func (p *pipes) stdin(r io.Reader) (*os.File, error) {
	if f, ok := r.(*os.File); ok || r == nil {
		return f, nil
	}
	var err error
	if p.stdinR, p.stdinW, err = os.Pipe(); err != nil {
		return nil, err
	}
	go func(w *os.File) {
		_, _ = io.Copy(w, r) // the command may end before it read all
		_ = w.Close()
	}(p.stdinW)
	p.stdinW = nil // the copier's now
	return p.stdinR, nil
}

// started closes what the inner process has by now.
func (p *pipes) started() {
	for _, f := range []**os.File{&p.specR, &p.outcomeW, &p.stdinR} {
		if *f != nil {
			_ = (*f).Close()
			*f = nil
		}
	}
}

func (p *pipes) close() {
	p.started()
	for _, f := range []*os.File{p.specW, p.outcomeR, p.stdinW} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// talk hands over the spec and waits for the outcome.
func (p *pipes) talk(sp spec) (outcome, error) {
	var o outcome
	werr := json.NewEncoder(p.specW).Encode(sp)
	err := json.NewDecoder(p.outcomeR).Decode(&o)
	if err != nil {
		return o, errors.Join(err, werr)
	}
	return o, nil
}
