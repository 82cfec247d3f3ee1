package ui

import (
	"context"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/report"
)

// The messages of the live view. Each knows whose it is: the person may have
// left that machine by the time it comes.
type (
	startedMsg struct {
		of      *machineScreen
		machine Machine
		err     error
	}
	startEventsMsg struct {
		of     *machineScreen
		events []report.Event
	}
	handledMsg struct { // something was done with the machine
		of   *machineScreen
		what string
		err  error
	}
)

// tryOut starts a machine that boots the image, and shows it.
func (m *wizard) tryOut() tea.Cmd {
	plan, image := m.flow.Plan(), m.build.built.Path
	ctx, cancel := context.WithCancel(m.ctx)
	s := newMachineScreen(nil)
	m.stopStart, m.machine, m.screen, m.message = cancel, s, s, sayIntent{}
	house, send := m.house, m.send
	return func() tea.Msg {
		pump := NewPump(Beat, func(batch []report.Event) { send(startEventsMsg{s, batch}) })
		machine, err := house.Start(ctx, plan, image, pump)
		pump.Close()
		return startedMsg{s, machine, err}
	}
}

// machineEvent takes what the machine of the live view tells, and keeps
// looking at it. It is false for messages that are none of its business.
func (m *wizard) machineEvent(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case startedMsg:
		return m.started(msg), true
	case startEventsMsg:
		msg.of.apply(msg.events)
	case sightMsg:
		if s := m.machine; s != nil && s.looking {
			s.take(msg.sight)
			return m.ended(), true
		}
	case handledMsg:
		return m.handled(msg), true
	default:
		return nil, false
	}
	return nil, true
}

// lookAt lets a tick move the live view on.
func (m *wizard) lookAt(msg tea.Msg) tea.Cmd {
	now, ok := msg.(tickMsg)
	if !ok || m.machine == nil {
		return nil
	}
	m.machine.tick(time.Time(now))
	return m.machine.look(m.ctx)
}

func (m *wizard) started(msg startedMsg) tea.Cmd {
	switch {
	case msg.of != m.machine || m.leaving: // it is not wanted any more
		if msg.machine != nil {
			return func() tea.Msg { msg.machine.Close(); return nil }
		}
	case msg.err != nil:
		msg.of.fail(msg.err)
	default:
		msg.of.machine, msg.of.state = msg.machine, machineOn
		return msg.of.look(m.ctx)
	}
	return nil
}

// ended goes on once the machine is off: back to where it was started, unless
// there is something to be told first.
func (m *wizard) ended() tea.Cmd {
	s := m.machine
	if s.state != machineOver {
		return nil
	}
	m.dialog = nil // what it asked about is over
	if s.leave || m.alone() {
		return m.leave()
	}
	if s.err == nil {
		m.backFromMachine()
		m.build.tried()
		m.message = sayIntent{OK, "The machine has ended: " + s.seen.Ending + "."}
		m.dialog = m.askToWrite(s.best)
	}
	return func() tea.Msg { s.machine.Close(); return nil }
}

// handled tells how it went, where there is something to tell.
func (m *wizard) handled(msg handledMsg) tea.Cmd {
	if msg.of != m.machine {
		return nil
	}
	switch {
	case msg.err != nil:
		m.message = sayIntent{Fail, reason(msg.err)}
		if msg.of.state == machineStopping {
			msg.of.state, msg.of.leave = machineOn, false
		}
	case msg.what != "":
		m.message = sayIntent{OK, msg.what}
	}
	return m.machine.look(m.ctx)
}

// askToWrite asks whether an image that was tried out is written now, if that was the
// plan for it and has not happened yet.
func (m *wizard) askToWrite(best Sight) *dialog {
	if written := m.write != nil && m.write.state == buildDone; written || m.target == nil && !m.build.try {
		return nil
	}
	title, yes := "Write it to a "+medium(m.build.built.Fixed)+" now?", option{"Choose a disk", targetIntent{}}
	if m.target != nil {
		name := clean(m.target.disk.Name)
		title, yes = "Write it to "+name+" now?", option{"Write it to " + name, *m.target}
	}
	text := best.verdict()
	if m.target == nil {
		text += " Nothing is erased before you have typed the disk's name."
	} else {
		text += " Nothing is erased before you have typed its name."
	}
	return newDialog(title, text, option{"Not now", nil}, yes)
}

// actOnMachine does what the live view wants.
func (m *wizard) actOnMachine(want intent) tea.Cmd {
	s := m.machine
	switch want := want.(type) {
	case startIntent:
		return m.tryOut()
	case resultIntent:
		if m.alone() {
			return m.leave()
		}
		m.backFromMachine()
	case consoleIntent:
		return m.lend(s.machine.Console)
	case shellIntent:
		return m.lend(s.machine.Shell)
	case restartIntent:
		return m.withMachine(s.machine.Restart, "Restarted.")
	case offIntent:
		s.state, s.leave = machineStopping, want.leave
		return m.withMachine(s.machine.PowerOff, "")
	}
	return nil
}

// lend lends the terminal to something of the machine's.
func (m *wizard) lend(to func(context.Context) error) tea.Cmd {
	s, ctx := m.machine, m.ctx
	m.message = sayIntent{}
	return tea.Exec(m.keeper.lent(func() error { return to(ctx) }), func(err error) tea.Msg { return handledMsg{of: s, err: err} })
}

// withMachine does something to the machine, in the background.
func (m *wizard) withMachine(do func(context.Context) error, done string) tea.Cmd {
	s, ctx := m.machine, m.ctx
	return func() tea.Msg { return handledMsg{s, done, do(ctx)} }
}

// backFromMachine goes back to the image. A machine that is still starting is
// not waited for.
func (m *wizard) backFromMachine() {
	if m.machine.state == machineStarting {
		m.stopStart()
	}
	m.machine, m.screen, m.message = nil, m.build, sayIntent{}
}

// askToLeaveMachine asks what becomes of it.
func (m *wizard) askToLeaveMachine() *dialog {
	if m.machine.state == machineStopping {
		return newDialog("Leave before the machine is off?", "It is powering off; that takes a moment. Leaving now gives it five seconds.",
			option{"Wait", nil}, option{"Leave", leaveIntent{}})
	}
	return newDialog("Leave Floe?", "The machine is powered off first: what was not kept on a disk is lost.",
		option{"Stay", nil}, option{"Power it off and leave", offIntent{leave: true}})
}

// closeMachine ends, once the display is gone, a machine that still runs, and
// says so: that takes a moment.
func (m *wizard) closeMachine(out io.Writer) {
	if s := m.machine; s != nil && s.machine != nil {
		if s.alive() {
			_, _ = fmt.Fprintln(out, "Powering the machine off"+m.styles.Glyphs.Ellipsis)
		}
		s.machine.Close()
	}
	if m.stopStart != nil {
		m.stopStart()
	}
}
