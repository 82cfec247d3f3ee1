package ui

import (
	"context"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"floe/internal/report"
)

// machineState is how the live view stands.
type machineState int

// The states.
const (
	machineStarting machineState = iota
	machineOn
	machineStopping
	machineOver
)

// machineScreen is the live view of a machine: how far its boot is, what it
// uses, what it says, and what can be done with it.
type machineScreen struct {
	machine Machine // nil until it has started
	state   machineState
	board   *Board // of the start
	seen    Sight
	best    Sight // the one that was farthest on its way to ready: a machine that is going down has left it
	looking bool
	leave   bool // leave floe once it is off
	err     error
	actions []option
	cursor
}

// The intents of the live view.
type (
	startIntent   struct{} // the machine, anew
	consoleIntent struct{} // the terminal to the console
	shellIntent   struct{} // the terminal to a login
	restartIntent struct{}
	offIntent     struct{ leave bool } // power off, and leave floe then
	resultIntent  struct{}             // back to where the machine was started
)

// sightMsg is what was seen.
type sightMsg struct{ sight Sight }

func newMachineScreen(machine Machine) *machineScreen {
	s := &machineScreen{machine: machine, board: NewBoard()}
	if machine != nil {
		s.state = machineOn
	}
	return s
}

func (s *machineScreen) title() string {
	return map[machineState]string{machineStarting: "Starting", machineOn: "Running", machineStopping: "Powering off", machineOver: "Off"}[s.state]
}

// alive tells that there is a machine to be ended.
func (s *machineScreen) alive() bool { return s.state == machineOn || s.state == machineStopping }

// look has the machine looked at, one look at a time.
func (s *machineScreen) look(ctx context.Context) tea.Cmd {
	if s.looking || !s.alive() {
		return nil
	}
	s.looking = true
	machine := s.machine
	return func() tea.Msg { return sightMsg{machine.Look(ctx)} }
}

// take takes what was seen.
func (s *machineScreen) take(sight Sight) {
	s.looking = false
	s.seen = sight
	if now, _ := sight.next(); now > 0 {
		if before, _ := s.best.next(); now >= before {
			s.best = sight
		}
	}
	if sight.Over {
		s.fail(sight.Err)
	}
}

// fail ends the view of a machine, which may be no error.
func (s *machineScreen) fail(err error) {
	s.state, s.err, s.at = machineOver, err, 0
	s.actions = []option{{"Start it again", startIntent{}}, {"Back", resultIntent{}}}
}

func (s *machineScreen) tick(now time.Time) {
	if s.state == machineStarting {
		s.board.Tick(now)
	}
}

func (s *machineScreen) apply(events []report.Event) { s.board.Apply(events) }

func (s *machineScreen) logLines() []string {
	if s.machine == nil {
		return []string{"The machine has not started yet."}
	}
	return s.machine.Log()
}

// commandLines says what started the machine.
func (s *machineScreen) commandLines() []string {
	if s.machine == nil {
		return []string{"The machine has not started yet."}
	}
	return s.machine.CommandLine()
}

func (s *machineScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, nil
	}
	k := newKeyMap(unicodeGlyphs)
	switch s.state {
	case machineStarting:
		if is(press, k.Back) {
			return resultIntent{}, nil
		}
	case machineOn:
		return s.act(press, k), nil
	case machineOver:
		switch {
		case is(press, k.Back):
			return resultIntent{}, nil
		case is(press, k.Next):
			return s.actions[s.at].want, nil
		}
		s.move(press, len(s.actions))
	}
	return nil, nil
}

// act is what a key does while the machine runs.
func (s *machineScreen) act(press tea.KeyPressMsg, k keyMap) intent {
	switch {
	case is(press, k.Console):
		return consoleIntent{}
	case is(press, k.Shell):
		return shellIntent{}
	case is(press, k.Restart):
		return askIntent{newDialog("Restart the machine?", "It starts anew at once, as with its reset button: what is in its memory is lost.",
			option{"Keep it running", nil}, option{"Restart it", restartIntent{}})}
	case is(press, k.Off, k.Back):
		return askIntent{newDialog("Power the machine off?", "What was not kept on a disk is lost.",
			option{"Keep it running", nil}, option{"Power it off", offIntent{}})}
	}
	return nil
}

func (s *machineScreen) keys(k keyMap) []key.Binding {
	switch s.state {
	case machineStarting:
		return []key.Binding{as(k.Back, "stop")}
	case machineOn:
		return []key.Binding{k.Shell, k.Console, k.Restart, k.Off, k.Log}
	case machineStopping:
		return []key.Binding{k.Log}
	}
	return []key.Binding{k.Up, as(k.Next, "choose"), k.Log, k.Back}
}

func (s *machineScreen) help() []string {
	where := "in memory only"
	if s.seen.Disk != "" {
		where = "and what is made there stays on its data disk, " + clean(s.seen.Disk)
	}
	lines := []string{"The machine runs in QEMU, " + where + "; the image stays as it is. Its console is what a screen at its serial port would show:",
		"there every key is the machine's, except Ctrl-], which comes back here. ssh logs in through a port of this host that only this host reaches."}
	if len(s.seen.Facts) > 0 {
		lines = append(lines, "", "The machine")
	}
	for _, r := range s.seen.Facts {
		lines = append(lines, "  "+r.Key+": "+r.Value)
	}
	if len(s.seen.Next) > 0 {
		lines = append(lines, "", "From another terminal")
	}
	for _, c := range s.seen.Next {
		lines = append(lines, "  "+c.What+":", "    "+c.Line)
	}
	return lines
}

func (s *machineScreen) typing() bool { return false }
func (s *machineScreen) busy() bool   { return s.state != machineOver }
