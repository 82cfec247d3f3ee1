package ui

import (
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
)

// crashMsg is a panic in a command. bubbletea (2.1) recovers those too, but
// tells of them on the screen that it is about to leave.
type crashMsg struct{ err error }

// guarded gives a command whose panic comes back as a message.
func guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = crashMsg{fault.New(fault.Build, "go on", "", fmt.Errorf("%v\n%s", r, debug.Stack()),
					"This is an error in floe itself. Finished stages and your answers are kept; starting floe again goes on from there.")}
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
