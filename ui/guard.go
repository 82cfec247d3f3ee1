package ui

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// Interruptible gives a context that the first SIGINT, SIGTERM or SIGHUP
// cancels. From then on those signals end the process, as if nobody caught
// them. The function it returns gives the signals back.
//
// It prints nothing: while there is a [Progress], that says what goes on.
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, Heeded(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Heeded leaves out the signals that whoever started this process had it
// ignore, as nohup does with SIGHUP: they stay ignored.
func Heeded(signals ...os.Signal) []os.Signal {
	return slices.DeleteFunc(signals, signal.Ignored)
}

const (
	patience = time.Second     // for ctx to be cancelled after a first signal
	closing  = 2 * time.Second // for the display to come to its end
)

// guard gives the terminal back as it was, whichever way the display ends.
//
// While the display runs, the terminal does not echo what is typed, as that
// would tear the block; keys still make signals, and what was typed is there
// for the shell afterwards.
type guard struct {
	out     io.Writer
	program *tea.Program
	ended   <-chan struct{} // the program has ended
	signals chan os.Signal

	mu         sync.Mutex
	before     *unix.Termios // what to go back to; nil: nothing was changed
	suspending bool          // the process is about to stop
}

func newGuard(out io.Writer, program *tea.Program, ended <-chan struct{}) *guard {
	return &guard{out: out, program: program, ended: ended, signals: make(chan os.Signal, 4)}
}

// fatal are the signals that end a process which does not heed them.
var fatal = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// watch silences the echo and begins to heed signals.
func (g *guard) watch(ctx context.Context) {
	g.silence()
	signal.Notify(g.signals, Heeded(append([]os.Signal{syscall.SIGTSTP}, fatal...)...)...)
	go func() {
		seen := false
		for {
			select {
			case <-g.ended:
				return
			case sig := <-g.signals:
				switch {
				case sig == syscall.SIGTSTP:
					g.suspend()
				case seen || sig == syscall.SIGQUIT || !cancelledSoon(ctx):
					g.die(sig.(syscall.Signal))
				default:
					seen = true
				}
			}
		}
	}()
}

// cancelledSoon waits a little for whoever cancels ctx on a signal.
func cancelledSoon(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-time.After(patience):
		return false
	}
}

// silence turns the echo off, if the terminal is there and this process's.
func (g *guard) silence() {
	f, ok := g.out.(term.File)
	if !ok || background(f) {
		return
	}
	before, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	g.mu.Lock()
	defer g.mu.Unlock()
	if unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &quiet) == nil {
		g.before = before
	}
}

// restore undoes silence.
func (g *guard) restore() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f, ok := g.out.(term.File); ok && g.before != nil {
		_ = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, g.before)
		g.before = nil
	}
}

// suspend stops the process as ctrl+z asks, with the terminal as it was.
//
// It takes two turns. The runtime keeps its handler for SIGTSTP once somebody
// has asked for that signal, so that the default action never comes back: at
// the first turn bubbletea is told to let go of the terminal, whereupon it
// sends SIGTSTP itself, and at that the process is stopped for real.
func (g *guard) suspend() {
	g.mu.Lock()
	second := g.suspending
	g.suspending = true
	g.mu.Unlock()
	if second {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		return
	}
	g.restore()
	g.program.Send(tea.SuspendMsg{})
}

// resumed is called when the process goes on after a stop.
func (g *guard) resumed() {
	g.mu.Lock()
	g.suspending = false
	g.mu.Unlock()
	g.silence()
}

// release waits for the program's end and gives the terminal back.
func (g *guard) release() {
	select {
	case <-g.ended:
	case <-time.After(closing):
		g.program.Kill()
	}
	signal.Stop(g.signals)
	g.restore()
}

// die ends the process by a signal, with the terminal as it was.
func (g *guard) die(sig syscall.Signal) {
	stopped := make(chan struct{})
	go func() { g.program.Kill(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(closing):
		_, _ = io.WriteString(g.out, ansi.ResetStyle+ansi.SetModeTextCursorEnable+"\r\n")
	}
	g.restore()
	signal.Reset(sig)
	_ = syscall.Kill(os.Getpid(), sig)
}
