package qemu

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/fault"
	"floe/qemu/qmp"
)

// qmpPatience is how long QEMU may take to answer on its QMP socket. It
// answers before it has loaded the firmware.
const qmpPatience = 30 * time.Second

// roomHint is what to do where a machine's files cannot be written.
func (f Files) roomHint() string {
	return "see to it that there is room in " + f.Dir + ", and that it is yours to write"
}

// startOnce starts QEMU and waits for its first answer.
func startOnce(ctx context.Context, m Machine, s Setup, l Launch) (*Running, error) {
	if err := s.Files.prepare(m, s.Flash); err != nil {
		return nil, fault.New(fault.Missing, "prepare machine", m.Name, err, s.Files.roomHint())
	}
	argv := Args(m, s)
	cmd, err := command(argv, s, l.Detach)
	if err != nil {
		return nil, err
	}
	r := newRunning(State{
		Machine: m, Version: s.Program.Version, Argv: argv, Accel: s.Accel,
		Started: time.Now(), Detached: l.Detach, Trial: l.Trial, Files: s.Files,
	}, true)
	keep := func() error { // so that what a floe leaves that is killed now is found
		if err := r.State().write(); err != nil {
			return fault.New(fault.Missing, "keep the machine's state", s.Files.State, err, s.Files.roomHint())
		}
		return nil
	}
	if err := keep(); err != nil {
		closeFiles(cmd)
		return nil, err
	}
	if err := r.spawn(cmd); err != nil {
		return nil, fault.New(fault.Missing, "start", argv[0], err, "")
	}
	if err := keep(); err != nil {
		r.giveUp()
		return nil, err
	}
	if err := r.follow(); err != nil {
		r.giveUp()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, qmpPatience)
	defer cancel()
	if err := r.greet(ctx); err != nil {
		r.giveUp()
		return nil, err
	}
	return r, nil
}

// command is the process, not yet started: a session of its own, so that a
// Ctrl-C at the terminal is not for it, and no terminal at all.
func command(argv []string, s Setup, detach bool) (*exec.Cmd, error) {
	log, err := os.OpenFile(s.Files.Log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	// A FIFO that nobody has open for writing is at its end, and QEMU would
	// never read it again. So QEMU itself holds it open.
	for path, first := range map[string]string{s.Files.Keyboard: "", s.Files.Orders: qmp.Negotiation} {
		fifo, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			cmd.ExtraFiles = append(cmd.ExtraFiles, fifo)
			_, err = fifo.WriteString(first)
		}
		if err != nil {
			closeFiles(cmd)
			return nil, err
		}
	}
	cmd.Dir = s.Files.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+s.Files.Dir)
	cmd.Env = append(cmd.Env, s.Program.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !detach {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	return cmd, nil
}

// closeFiles closes what the process was, or is, given.
func closeFiles(cmd *exec.Cmd) {
	for _, f := range append(cmd.ExtraFiles, cmd.Stdout.(*os.File)) {
		f.Close()
	}
}

// spawn starts the process and sees to its end. The thread that starts it
// lives as long as it does: the kernel sends the parent-death signal when
// that thread ends (PR_SET_PDEATHSIG in prctl(2)).
func (r *Running) spawn(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		closeFiles(cmd) // QEMU has its own now
		if err == nil {
			// An error here means that it has ended already; greet finds
			// that too, and says more.
			r.state.Process, _ = Identify(cmd.Process.Pid)
			r.signal = func(sig unix.Signal) error {
				if err := cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
					return err
				}
				return nil
			}
		}
		started <- err
		if err == nil {
			r.reap(cmd.Wait())
		}
	}()
	return <-started
}

// greet connects to QMP, learns what QEMU chose itself, and waits until QEMU
// writes events down.
func (r *Running) greet(ctx context.Context) error {
	client, err := connect(ctx, r.files.Control, nil, r.ended)
	switch {
	case errors.Is(err, ErrEnded):
		return r.diedError()
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case err != nil:
		return died(r.files, r.Name(), err.Error())
	}
	defer client.Close()
	table, err := client.Monitor(ctx, "info usernet")
	if err == nil {
		err = r.writesEvents(ctx)
	}
	if err != nil {
		select {
		case <-r.ended:
			return r.diedError()
		case <-time.After(time.Second):
			return err
		}
	}
	v := client.Version()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Version = Version{v.Major, v.Minor, v.Micro}
	r.state.Ports = parseUsernet(table)
	return nil
}

// writesEvents waits until QEMU does.
func (r *Running) writesEvents(ctx context.Context) error {
	select {
	case <-r.negotiated:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ended:
		return ErrEnded
	}
}

var usernetLine = regexp.MustCompile(`TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)`)

// parseUsernet reads the forwarded ports from the human monitor's table
// "info usernet". Where port 0 was asked for it has the port that the kernel
// chose, so that no other program can take it in between.
func parseUsernet(table string) []Forward {
	var list []Forward
	for _, f := range usernetLine.FindAllStringSubmatch(table, -1) {
		host, err1 := strconv.Atoi(f[1])
		guest, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil {
			list = append(list, Forward{Host: host, Guest: guest})
		}
	}
	return list
}
