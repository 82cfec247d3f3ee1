package stick

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"floe/internal/fault"
	"floe/internal/report"
)

// Elevator is a program that runs another one as root, once the person has
// shown that they may.
type Elevator struct {
	Name   string
	Args   []string // before the command
	Env    []string // added to the environment
	Polkit bool     // polkit is asked, as by udisks2

	// Dismissed is the exit code by which it tells that the person did not go
	// on with it; 0: none does.
	Dismissed int
}

// argv is the command line that runs a program of an absolute path elevated.
func (e Elevator) argv(program string, args []string) []string {
	return slices.Concat([]string{e.Name}, e.Args, []string{program}, args)
}

// Elevators are those that floe knows, in the order in which they are tried.
// All of them leave standard input and output to the command and ask for a
// password on the terminal, or in a window. The child's are pipes: run0 then
// passes them on as they are in every version; to have it do so in any case
// (--pipe) is what its first one, of systemd 256, does not know. It and doas take
// the first word that is no option for the program; sudo is told by a "--".
func Elevators() []Elevator {
	return []Elevator{
		{Name: "sudo", Args: []string{"--"}, Env: []string{"SUDO_PROMPT=Writing to a disk takes root. Password of %p: "}},
		{Name: "doas"},
		{Name: "run0", Polkit: true},
		{Name: "pkexec", Polkit: true, Dismissed: 126},
	}
}

// FindElevator gives the first elevator that this machine has.
func FindElevator() (Elevator, error) {
	var names []string
	for _, e := range Elevators() {
		if _, err := exec.LookPath(e.Name); err == nil {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Elevator{}, fault.New(fault.Missing, "become root to write the disk", "", errors.New("there is none of "+strings.Join(names, ", ")),
		"Run the same as root: su -c 'floe write ...'. Or install one of them, or udisks2.")
}

const (
	// patience is how long a child that was told to stop may take, for the
	// writes that are under way.
	patience = 90 * time.Second

	// parting is how long an elevator may take that let nobody through.
	parting = 2 * time.Second
)

// Child is an elevated floe that waits for an order.
type Child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	said *bytes.Buffer // on its standard error
	how  Elevator
	once sync.Once
}

// Elevate starts this program elevated, with args that have it call Serve. It
// returns once the person has been let through; until then the terminal is
// the elevator's.
func Elevate(ctx context.Context, e Elevator, program string, args []string, terminal io.Writer) (*Child, error) {
	path, err := exec.LookPath(e.Name)
	if err != nil {
		return nil, fault.New(fault.Missing, "become root with", e.Name, err, "")
	}
	c := &Child{said: &bytes.Buffer{}, how: e}
	c.cmd = exec.Command(path)
	c.cmd.Args = e.argv(program, args)
	c.cmd.Env = append(os.Environ(), e.Env...)
	c.cmd.Stderr = io.MultiWriter(terminal, c.said)
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fault.New(fault.Missing, "become root with", e.Name, err, "")
	}
	c.out = bufio.NewScanner(out)
	c.out.Buffer(nil, 1<<20)
	c.cmd.WaitDelay = parting // whoever else has its standard error may keep it
	stop := context.AfterFunc(ctx, func() {
		c.in.Close()
		_ = c.cmd.Process.Kill() // an elevator that still asks
		out.Close()              // one that is root does not mind
	})
	defer stop()
	first, err := c.next()
	if err != nil || !first.Ready {
		ended := c.end(parting)
		switch {
		case ctx.Err() != nil:
			return nil, fault.New(fault.Cancelled, "become root with", e.Name, ctx.Err(), "Nothing was changed.")
		case !ended:
			return nil, c.refused("")
		case e.Dismissed != 0 && c.cmd.ProcessState.ExitCode() == e.Dismissed:
			return nil, fault.New(fault.Cancelled, "become root with", e.Name, context.Canceled, "Nothing was changed.")
		}
		return nil, c.refused(c.said.String())
	}
	return c, nil
}

// refused is the error of an elevator that did not let the person through, by
// what it said last. Two lines of that: what pkexec and sudo say at the very end
// is that the incident was reported, in the person's language.
func (c *Child) refused(said string) error {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	why := strings.Join(lines[max(0, len(lines)-2):], " ")
	if why == "" {
		why = "it did not say why"
	}
	return fault.New(fault.Missing, "become root with", c.how.Name, errors.New(why), "Nothing was changed. Whoever administers this machine can run the same as root.")
}

func (c *Child) next() (r reply, err error) {
	if !c.out.Scan() {
		return r, errors.Join(c.out.Err(), io.ErrUnexpectedEOF)
	}
	err = json.Unmarshal(c.out.Bytes(), &r)
	return r, err
}

// Write gives the child its order and passes on what it tells. A cancelled
// context tells it to stop, and waits until it has.
func (c *Child) Write(ctx context.Context, o Order, sink report.Sink) (Result, error) {
	defer c.Close()
	line, err := json.Marshal(o)
	if err != nil {
		return Result{}, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return Result{}, c.refused("")
	}
	defer context.AfterFunc(ctx, func() { c.in.Close() })()
	for {
		r, err := c.next()
		switch {
		case err != nil:
			return Result{}, fault.New(fault.Disk, op, o.Disk.Name(), fmt.Errorf("the program that writes ended: %w", err),
				"The disk may not boot: write it again.")
		case r.Event != nil:
			sink.Emit(*r.Event)
		case r.Failure != nil:
			return Result{}, r.Failure.error()
		case r.Result != nil:
			return *r.Result, nil
		}
	}
}

// Close tells the child to stop, and waits for it.
func (c *Child) Close() { c.end(patience) }

// end does so for some time, and tells whether the child has ended.
func (c *Child) end(patience time.Duration) (ended bool) {
	c.once.Do(func() {
		c.in.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for c.out.Scan() { // let it say what it has to say
			}
			_ = c.cmd.Wait()
		}()
		select {
		case <-done:
			ended = true
		case <-time.After(patience):
		}
	})
	return ended
}
