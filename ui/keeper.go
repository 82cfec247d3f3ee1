package ui

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// Keeper says how a process beside this one gives the terminal back, should
// this one end without having done so: by a panic in whichever goroutine, or
// killed. The zero Keeper is none.
type Keeper struct {
	Argv   []string // a program that calls [KeepTerminal] with its standard streams and descriptor 3
	Report string   // file for what a panic leaves behind
}

// keeping is what a keeper is told at its beginning.
type keeping struct {
	Before unix.Termios
	Report string
}

// bye tells the keeper that the terminal was given back.
const bye = 0x04

// keeper is that process, as it is seen from the one that it watches.
//
// What Go says of a panic goes to the keeper alone, through a socket that
// holds next to nothing: so the process can only end once the keeper has read
// on, which it does when the terminal is whole. Standard error, if it is the
// terminal, leads nowhere meanwhile: nothing can tear the display.
type keeper struct {
	to     *os.File
	cmd    *exec.Cmd
	stderr int // the real one, while it leads nowhere; -1: it does not
}

// startKeeper starts the keeper. There is none where there is no terminal, and
// none where it does not start: the display is not the worse for it.
func startKeeper(o WizardOptions) *keeper {
	out, ok := o.Out.(*os.File)
	if !ok || len(o.Keeper.Argv) == 0 || !term.IsTerminal(out.Fd()) {
		return nil
	}
	before, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	if err != nil {
		return nil
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	_ = unix.SetsockoptInt(ends[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1) // the kernel takes its least
	k := &keeper{to: os.NewFile(uintptr(ends[0]), "keeper"), stderr: -1}
	from := os.NewFile(uintptr(ends[1]), "kept")
	defer from.Close()
	k.cmd = exec.Command(o.Keeper.Argv[0], o.Keeper.Argv[1:]...)
	k.cmd.Env, k.cmd.Stdin, k.cmd.Stdout, k.cmd.ExtraFiles = o.Env, o.In, out, []*os.File{from}
	if err := k.cmd.Start(); err != nil {
		k.to.Close()
		return nil
	}
	if json.NewEncoder(k.to).Encode(keeping{*before, o.Keeper.Report}) != nil || debug.SetCrashOutput(k.to, debug.CrashOptions{}) != nil {
		k.release()
		return nil
	}
	debug.SetTraceback("crash") // all of it; and no exit code could be taken for one of ours
	k.mute()
	return k
}

// mute leads standard error nowhere.
func (k *keeper) mute() {
	if k == nil || !term.IsTerminal(uintptr(unix.Stderr)) {
		return
	}
	null, err := unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(null)
	saved, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return
	}
	if unix.Dup3(null, unix.Stderr, 0) != nil {
		unix.Close(saved)
		return
	}
	k.stderr = saved
}

// speak undoes mute.
func (k *keeper) speak() {
	if k == nil || k.stderr < 0 {
		return
	}
	_ = unix.Dup3(k.stderr, unix.Stderr, 0)
	unix.Close(k.stderr)
	k.stderr = -1
}

// release lets the keeper go: the terminal is as it was.
func (k *keeper) release() {
	if k == nil {
		return
	}
	k.speak()
	debug.SetTraceback(orElse(os.Getenv("GOTRACEBACK"), "single"))
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	_, _ = k.to.Write([]byte{bye})
	k.to.Close()
	slow := time.AfterFunc(closing, func() { _ = k.cmd.Process.Kill() })
	defer slow.Stop()
	_ = k.cmd.Wait()
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// lent is fn with the terminal, standard error included, to itself.
func (k *keeper) lent(fn func() error) lent {
	return func() error {
		k.speak()
		defer k.mute()
		return fn()
	}
}
