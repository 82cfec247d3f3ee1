package ui

import (
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
)

// crashMsg is a panic in a command.
type crashMsg struct{ err error }

// caught is the error for what recover gave.
func caught(r any) error { return broken(fmt.Errorf("%v\n%s", r, debug.Stack())) }

// guarded gives a command whose panic comes back as a message. bubbletea (2.1)
// recovers those too, but tells of them on the screen that it is about to leave.
func guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = crashMsg{caught(r)}
			}
		}()
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i, c := range batch {
				batch[i] = guarded(c)
			}
		}
		return msg
	}
}

// shield is the wizard as bubbletea's loop has it: a panic in the loop is the
// wizard's end, and is told once the terminal is whole.
type shield struct{ *wizard }

// Update takes a message.
func (s shield) Update(msg tea.Msg) (model tea.Model, cmd tea.Cmd) {
	defer func() {
		if r := recover(); r != nil {
			s.crash = caught(r)
			model, cmd = s, tea.Quit
		}
	}()
	_, cmd = s.wizard.Update(msg)
	return s, cmd
}

// View draws the whole terminal.
func (s shield) View() (v tea.View) {
	defer func() {
		if r := recover(); r != nil {
			s.crash = caught(r)
			go s.send(tea.Quit()) // the loop is waiting for the view
		}
	}()
	return s.wizard.View()
}
