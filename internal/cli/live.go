package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"floe/internal/report"
	"floe/internal/tty"
	"floe/qemu"
	"floe/steps"
	"floe/ui"
)

// liveMachine is a machine under the hands of the live view.
type liveMachine struct {
	t        *terminal
	hands    *hands
	r        *qemu.Running
	image    string
	runtimes []string // that are on the image
	cancel   context.CancelFunc
	meter    *meter

	mu   sync.Mutex
	log  []string
	size int64 // of the console, when log was read
}

var _ ui.Machine = (*liveMachine)(nil)

// startLive starts a machine for the live view. Once it runs it no longer
// heeds ctx: Close ends it, so that it can write to its disk what it has to.
func (t *terminal) startLive(ctx context.Context, hands *hands, plan *steps.Plan, try trial, sink report.Sink) (*liveMachine, error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started := context.AfterFunc(ctx, cancel)
	r, err := t.start(running, plan, try, sink)
	if err != nil || !started() {
		cancel()
		if err == nil {
			r.Close()
			err = context.Cause(ctx)
		}
		return nil, err
	}
	m := &liveMachine{t: t, hands: hands, r: r, image: try.image, runtimes: try.runtimes, cancel: cancel}
	m.meter = newMeter(running, r, try.runtimes)
	return m, nil
}

// tail is how much of the console the live view keeps, in lines.
const tail = 1000

// Look tells how the machine is.
func (m *liveMachine) Look(context.Context) ui.Sight {
	state := m.r.State()
	s := ui.Sight{
		Up: time.Since(m.r.Since()), Milestones: m.milestones(state), Used: m.meter.read(), Memory: state.Machine.Memory,
		Host: m.r.HostMemory(), Tail: m.Log(), Facts: m.facts(state), Next: m.next(), Disk: dataDisk(state),
	}
	select {
	case <-m.r.Ended():
		ending, err := m.r.Wait(context.Background())
		s.Over, s.Ending, s.Err = true, string(ending), err
	default:
	}
	return s
}

// milestones are those of the way that this machine goes.
func (m *liveMachine) milestones(state qemu.State) (list []ui.Milestone) {
	stages := []qemu.Stage{qemu.PowerOn, qemu.Loader, qemu.Kernel, qemu.Init, qemu.Network, qemu.SSHReady, qemu.Runtime}
	for _, stage := range stages {
		row := ui.Milestone{Name: milestones[stage]}
		for _, reached := range state.Milestones {
			if reached.Stage == stage {
				at, ok := m.meter.confirms(reached)
				row.Reached, row.At = ok, max(0, at)
			}
		}
		switch {
		case stage == qemu.Loader && state.Machine.Kernel != nil:
			continue // QEMU itself loads the kernel
		case stage == qemu.Runtime && len(m.runtimes) == 1:
			row.Name = m.runtimes[0]
		case stage == qemu.Runtime:
			row.Name = "runtime"
		}
		if stage == qemu.Runtime && len(m.runtimes) == 0 && !row.Reached {
			continue // perhaps there is none
		}
		list = append(list, row)
	}
	return list
}

// dataDisk is the file of a machine's data disk, if it has one.
func dataDisk(state qemu.State) string {
	for _, d := range state.Machine.Media {
		if d.Keep {
			return d.Path
		}
	}
	return ""
}

func (m *liveMachine) facts(state qemu.State) []ui.Row {
	rows := []ui.Row{
		{Key: "ssh", Value: m.r.SSHAddr() + ", floe ssh" + nameFlag(m.r.Name())},
		{Key: "processor", Value: fmt.Sprintf("%d, %s", state.Machine.CPUs, state.Accel)},
		{Key: "QEMU", Value: state.Version.String()},
		{Key: "image", Value: m.image},
	}
	if signs, n := m.r.Guest().Starved(); n > 0 {
		rows = append(rows, ui.Row{Level: ui.Warn, Key: "too little", Value: "memory: " + signs})
	}
	return rows
}

// next are the same from the command line, and the ways to its containers.
func (m *liveMachine) next() []ui.Command {
	name, at := nameFlag(m.r.Name()), "ssh://"+userOf(m.r)+"@"+m.r.SSHAddr()
	list := []ui.Command{{What: "log in", Line: "floe ssh" + name}, {What: "power it off", Line: "floe stop" + name}}
	for _, r := range m.runtimes {
		switch r {
		case steps.Docker:
			list = append(list, ui.Command{What: "docker, with a key of yours in the image", Line: "docker -H " + at + " ps"})
		case steps.Podman:
			list = append(list, ui.Command{What: "podman, likewise", Line: "podman --url " + at + "/run/podman/podman.sock ps"})
		}
	}
	return append(list, ui.Command{What: "a machine that stays, all of that set up for it", Line: "floe up box --image " + steps.ShellWord(m.image)})
}

// Log is the end of the console, read anew when there is more of it.
func (m *liveMachine) Log() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size := m.r.Console().Size(); size != m.size {
		m.size, m.log = size, m.r.Console().Tail(tail)
	}
	return m.log
}

// CommandLine is QEMU's, as a shell takes it: an option on each line.
func (m *liveMachine) CommandLine() []string {
	var lines []string
	for i, w := range m.r.State().Argv {
		w = steps.ShellWord(w)
		switch {
		case i == 0:
			lines = append(lines, w)
		case strings.HasPrefix(w, "-"):
			lines[len(lines)-1] += " \\"
			lines = append(lines, "  "+w)
		default:
			lines[len(lines)-1] += " " + w
		}
	}
	return lines
}

// recent is how much of the console is shown again on coming to it, in lines: so
// little that the headline stays in sight.
const recent = 10

// Console joins the terminal and the console.
func (m *liveMachine) Console(ctx context.Context) error {
	ctx, back := m.hands.lend(ctx)
	defer back()
	out, _ := m.t.Out.(*os.File)
	lent, err := tty.Borrow(m.t.In, out)
	if err != nil {
		return err
	}
	defer lent.Return()
	m.headline(lent, "Console of "+m.r.Name(), "Ctrl-] comes back")
	_, err = m.r.Attach(ctx, qemu.Attach{In: lent, Out: lent, Offset: m.r.Console().Beginning(recent)})
	_, _ = lent.Write([]byte(tidy))
	return err
}

// Shell logs in. Ctrl-C ends the waiting for a machine that is not that far.
func (m *liveMachine) Shell(parent context.Context) error {
	ctx, back := m.hands.lend(parent)
	defer back()
	m.headline(m.t.Out, "ssh to "+m.r.Name(), "exit comes back; until it is ready, Ctrl-C does")
	client, err := dial(ctx, m.r)
	if err == nil {
		defer client.Close()
		_, err = m.t.remoteTerminal(ctx, client, "")
		fmt.Fprint(m.t.Out, tidy)
	}
	if err != nil && (parent.Err() == nil && ctx.Err() != nil || m.over()) {
		return nil // interrupted, or the machine was powered off from inside
	}
	return err
}

// over tells that the machine has ended, or is about to.
func (m *liveMachine) over() bool {
	select {
	case <-m.r.Ended():
		return true
	case <-time.After(2 * time.Second):
		return false
	}
}

// headline says, above what has the terminal now, what that is and how to come
// back from it.
func (m *liveMachine) headline(out interface{ Write([]byte) (int, error) }, what, way string) {
	s := m.t.styles()
	rule := s.Deep.Render(s.Glyphs.Rule + s.Glyphs.Rule)
	fmt.Fprintf(out, "\r\n%s %s %s %s\r\n", rule, s.Title.Render(what), rule, s.Muted.Render(way))
}

// Restart presses the reset button.
func (m *liveMachine) Restart(ctx context.Context) error {
	m.meter.forget()
	return m.r.Reset(ctx)
}

// PowerOff presses the power button, and sees to it that it works.
func (m *liveMachine) PowerOff(ctx context.Context) error {
	_, err := m.r.Stop(ctx, qemu.DefaultPatience())
	if m.over() {
		return nil // how it ended is seen
	}
	return err
}

// hurry is for machines that somebody leaves behind: containers have ten seconds to end.
var hurry = qemu.Patience{PowerOff: 20 * time.Second, Quit: 2 * time.Second, Term: time.Second}

// Close ends a machine that still runs: it has some seconds to power off.
func (m *liveMachine) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, _ = m.r.Stop(ctx, hurry) // Close below kills what outlives that
	m.cancel()
	_ = m.r.Close()
}

// runLive shows the live view of a machine until it has ended.
func (t *terminal) runLive(ctx context.Context, plan *steps.Plan, try trial) error {
	sink, done := t.progress(ctx)
	defer done()
	ctx, hands := takeHands(ctx)
	defer hands.Close()
	m, err := t.startLive(ctx, hands, plan, try, sink)
	if err != nil {
		return err
	}
	done()
	seen, err := ui.Watch(ctx, m, ui.WizardOptions{In: t.In, Out: t.Out, Env: os.Environ(), Terminal: t.out, Keeper: keeper()})
	m.Close()
	switch {
	case err != nil:
		return err
	case seen.Err != nil:
		return seen.Err
	}
	fmt.Fprintf(t.Err, "The machine has ended: %s.\n", seen.Ending)
	return nil
}
