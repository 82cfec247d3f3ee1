package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"floe/internal/fault"
)

// Launch is how a machine is started.
type Launch struct {
	// Accel is how its processor is made; DetectAccel chooses well. The
	// zero value emulates.
	Accel Accel

	// Detach lets the machine outlive this floe. Otherwise the kernel kills
	// it when floe dies, however it dies.
	Detach bool

	// Trial is for its state: the machine tries an image out, and is none that its
	// name stands for from one start to the next.
	Trial bool

	// Silence is how long a machine under KVM may take to its first sign of
	// life before it is started anew under emulation; 0 is ten seconds.
	Silence time.Duration
}

// silence is the default of Launch.Silence. Firmware speaks within
// milliseconds under KVM.
const silence = 10 * time.Second

// Start starts a machine and returns once QEMU runs it. A machine of that
// name that runs already is a fault.Usage. Where KVM does not start or gives
// no sign of life, and Accel is not Sure, emulation takes its place;
// Running.Accel has the reason.
//
// When ctx ends during the start, nothing is left running; when it ends
// later, the machine is killed unless it is detached.
func (h Home) Start(ctx context.Context, p Program, m Machine, l Launch) (*Running, error) {
	if err := m.check(); err != nil {
		return nil, fault.New(fault.Usage, "start machine", m.Name, err, "")
	}
	if err := m.checkFiles(); err != nil {
		return nil, err
	}
	setup := Setup{Program: p, Accel: l.Accel, Files: h.Files(m.Name)}
	if m.Firmware == UEFI {
		flash, err := FindFlash(p.Root, m.Arch)
		if err != nil {
			return nil, err
		}
		setup.Flash = flash
	}
	if err := h.makeFolders(setup.Files); err != nil {
		return nil, err
	}
	unlock, err := setup.Files.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := h.still(m.Name, "start machine"); err != nil {
		return nil, err
	}
	r, err := startOrFallBack(ctx, m, setup, l)
	if err == nil && ctx.Err() != nil {
		r.giveUp()
		err = ctx.Err()
	}
	if err != nil {
		setup.Files.clean()
		return nil, err
	}
	err = r.State().write()
	r.settled <- err == nil
	if err != nil {
		r.Kill()
		setup.Files.clean()
		return nil, fault.New(fault.Missing, "keep the machine's state", setup.Files.State, err, setup.Files.roomHint())
	}
	if !l.Detach {
		context.AfterFunc(ctx, r.Kill)
	}
	return r, nil
}

// startOrFallBack tries KVM, if chosen, and then emulation.
func startOrFallBack(ctx context.Context, m Machine, s Setup, l Launch) (*Running, error) {
	r, err := startOnce(ctx, m, s, l)
	if !s.Accel.KVM || s.Accel.Sure || ctx.Err() != nil {
		return r, err
	}
	if err == nil {
		if l.Silence == 0 {
			l.Silence = silence
		}
		if r.signOfLife(ctx, l.Silence) {
			return r, nil
		}
		r.giveUp()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.Accel = Emulate(fmt.Sprintf("under KVM the machine gave no sign of life in %s", l.Silence))
		return startOnce(ctx, m, s, l)
	}
	var died *DiedError
	if !errors.As(err, &died) || !died.kvm() {
		return nil, err
	}
	s.Accel = Emulate("KVM does not start: " + strings.Join(died.Log, "; "))
	return startOnce(ctx, m, s, l)
}

// signOfLife waits for the first byte from the firmware or on the console. A
// machine that has ended was alive.
func (r *Running) signOfLife(ctx context.Context, limit time.Duration) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		for _, log := range []string{r.files.ConsoleLog, r.files.FirmwareLog} {
			if st, err := os.Stat(log); err == nil && st.Size() > 0 {
				return true
			}
		}
		select {
		case <-look.C:
		case <-r.ended:
			return true
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// DiedError is a QEMU that ended other than by being asked to.
type DiedError struct {
	How     string   // "exit status 1", "signal: killed", "the guest's kernel panicked"
	Log     []string // the last lines of what QEMU itself said
	Console []string // the last lines of the guest's console, or of the firmware if it is silent
	LogPath string   // where all of the console is
}

// Error says it in several lines.
func (e *DiedError) Error() string {
	var b strings.Builder
	b.WriteString(e.How)
	for _, l := range e.Log {
		b.WriteString("\n  qemu: " + l)
	}
	if len(e.Console) > 0 {
		b.WriteString("\n  the console's last lines (all of it: " + e.LogPath + "):")
	}
	for _, l := range e.Console {
		b.WriteString("\n    " + l)
	}
	return b.String()
}

// kvm says whether QEMU itself blames KVM.
func (e *DiedError) kvm() bool {
	return strings.Contains(strings.ToLower(strings.Join(e.Log, "\n")), "kvm")
}

const (
	tailOfLog     = 8
	tailOfConsole = 15
)

// died makes the error of a machine that ended badly.
func died(f Files, name, how string) error {
	e := &DiedError{How: how, Log: tailLines(f.Log, tailOfLog), Console: tailLines(f.ConsoleLog, tailOfConsole), LogPath: f.ConsoleLog}
	if len(e.Console) == 0 {
		e.Console, e.LogPath = tailLines(f.FirmwareLog, tailOfConsole), f.FirmwareLog
	}
	log := strings.Join(e.Log, "\n")
	for _, known := range complaints() {
		if strings.Contains(log, known.says) {
			return fault.New(fault.Missing, "run machine", name, e, known.hint)
		}
	}
	return fault.New(fault.Build, "run machine", name, e, "")
}

// complaint is what QEMU says of this host, and what mends it.
type complaint struct{ says, hint string }

func complaints() []complaint {
	return []complaint{
		{"Could not set up host forwarding rule", "the port is taken: choose another, or 0 for a free one"},
		{`Failed to get "write" lock`, "another machine that runs has this disk: stop that one first"},
	}
}
