package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// init makes this process the first one of a sandbox if it was started as
// such; see the package comment.
func init() {
	if len(os.Args) == 1 && os.Args[0] == marker {
		inner()
	}
}

// inner is the whole life of the inner process.
func inner() {
	// Nothing of ours, or of whoever started us, is for the command.
	for _, fd := range []int{fdSpec, fdOutcome} {
		unix.CloseOnExec(fd)
	}
	_ = unix.CloseRange(fdOutcome+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11

	in, out := os.NewFile(fdSpec, "spec"), os.NewFile(fdOutcome, "outcome")
	var sp spec
	if err := json.NewDecoder(in).Decode(&sp); err != nil {
		os.Exit(2) // the outer process is gone, or it is none of ours
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends when the outer process does
		end(sp.Mode)
	}()
	_ = json.NewEncoder(out).Encode(live(sp))
	end(sp.Mode)
}

// end ends this process and all that it started.
func end(m mode) {
	if !m.namespaced() {
		_ = syscall.Kill(0, syscall.SIGKILL) // the group: this process too
	}
	os.Exit(0) // pid 1: the kernel kills the rest of the namespace
}

// live sets all up, runs the command and gives its outcome.
func live(sp spec) outcome {
	if err := enter(sp); err != nil {
		return outcome{Failed: err}
	}
	if len(sp.Args) == 0 {
		return outcome{}
	}
	pid, err := launch(sp)
	if err != nil {
		return outcome{Failed: err}
	}
	return reap(pid)
}

// enter takes this process to where the command will run.
func enter(sp spec) *setupError {
	unix.Umask(0o022)
	var err *setupError
	switch {
	case sp.Mode.namespaced():
		if err = mountAll(sp); err == nil {
			err = dropCapabilities()
		}
	case sp.Mode == modeChroot:
		if err = step(unix.Chroot(sp.Root), "chroot to %s", sp.Root); err == nil {
			_ = dropCapabilities() // as far as a container lets us
		}
	}
	if err != nil {
		return err
	}
	for _, l := range limits {
		if err := setLimit(l.resource, l.soft); err != nil {
			return step(err, "limit %s", l.name)
		}
	}
	return step(os.Chdir(sp.Dir), "enter the folder %s", sp.Dir)
}

// limits are the resource limits of commands: as those of a login on Debian,
// whatever the host's.
var limits = []struct {
	name     string
	resource int
	soft     uint64
}{
	{"core dumps", unix.RLIMIT_CORE, 0},
	{"open files", unix.RLIMIT_NOFILE, 4096},
	{"stack", unix.RLIMIT_STACK, 8 << 20},
}

// setLimit sets a soft limit, as far as the hard one lets it.
func setLimit(resource int, soft uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(resource, &l); err != nil {
		return err
	}
	l.Cur = min(soft, l.Max)
	return unix.Setrlimit(resource, &l)
}

// dropCapabilities lets no program that this thread starts have any, though
// it is uid 0 inside: it may not mount, for one. Starting it is left to this
// thread, the main one, to which init functions are bound.
func dropCapabilities() *setupError {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > 0 {
			break // no capability of this number
		}
		if err != nil {
			return step(err, "drop capability %d", c)
		}
	}
	return step(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "forbid new privileges")
}

// launch starts the command and gives its pid.
func launch(sp spec) (int, *setupError) {
	for _, kv := range sp.Env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			os.Setenv("PATH", path)
		}
	}
	prog, err := exec.LookPath(sp.Args[0])
	if err != nil {
		return 0, step(err, stepFind)
	}
	pid, err := syscall.ForkExec(prog, sp.Args, &syscall.ProcAttr{
		Env:   lastWins(sp.Env),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, step(err, "start %s", prog)
	}
	for fd := range 3 { // the command's alone: a reader of its output must see the end
		_ = syscall.Close(fd)
	}
	return pid, nil
}

// reap waits for pid, and for every orphan that comes its way until then.
func reap(pid int) outcome {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return outcome{Failed: step(err, "wait for the command")}
		case got != pid:
		case ws.Signaled():
			return outcome{Signal: ws.Signal()}
		case ws.Exited():
			return outcome{Exit: ws.ExitStatus()}
		}
	}
}

// lastWins drops of each variable all but the last.
func lastWins(env []string) []string {
	at := map[string]int{}
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if i, ok := at[name]; ok {
			out[i] = kv
			continue
		}
		at[name] = len(out)
		out = append(out, kv)
	}
	return out
}
