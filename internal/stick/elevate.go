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
}

// Elevators are those that floe knows, in the order in which they are tried.
// All of them leave standard input and output to the command and ask for a
// password on the terminal, or in a window.
func Elevators() []Elevator {
	return []Elevator{
		{Name: "sudo", Args: []string{"--"}, Env: []string{"SUDO_PROMPT=Writing to a disk takes root. Password of %p: "}},
		{Name: "doas"},
		{Name: "run0", Polkit: true},
		{Name: "pkexec", Polkit: true},
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

// patience is how long a child that was told to stop may take, for the writes
// that are under way.
const patience = 90 * time.Second

// Child is an elevated floe that waits for an order.
type Child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	said *bytes.Buffer // on its standard error
	how  string
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
	c := &Child{said: &bytes.Buffer{}, how: e.Name}
	argv := append(append(append([]string{}, e.Args...), program), args...)
	c.cmd = exec.Command(path, argv...)
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
	stop := context.AfterFunc(ctx, func() {
		c.in.Close()
		_ = c.cmd.Process.Kill() // an elevator that still asks; one that is root does not mind
	})
	defer stop()
	first, err := c.next()
	if err != nil || !first.Ready {
		c.Close()
		if ctx.Err() != nil {
			return nil, fault.New(fault.Cancelled, "become root with", e.Name, ctx.Err(), "Nothing was changed.")
		}
		return nil, c.refused()
	}
	return c, nil
}

// refused is the error of an elevator that did not let the person through.
func (c *Child) refused() error {
	lines := strings.Split(strings.TrimSpace(c.said.String()), "\n")
	why := lines[len(lines)-1]
	if why == "" {
		why = "it did not say why"
	}
	return fault.New(fault.Missing, "become root with", c.how, errors.New(why), "Nothing was changed. Whoever administers this machine can run the same as root.")
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
		return Result{}, c.refused()
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
func (c *Child) Close() {
	c.once.Do(func() {
		c.in.Close()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for c.out.Scan() { // let it say what it has to say
			}
			_ = c.cmd.Wait()
		}()
		select {
		case <-ended:
		case <-time.After(patience):
		}
	})
}
