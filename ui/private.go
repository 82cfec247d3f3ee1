package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/steps"
)

// deafMsg ends the swallowing, unless more came since.
type deafMsg int

// refusedPrivate is what is said of a private key, in any field.
const refusedPrivate = "Private key refused and wiped. Paste the .pub line."

// deafFor is how long nothing must be typed after a private key was.
const deafFor = 300 * time.Millisecond

// paste takes pasted text. A private key goes nowhere, whatever the field.
func (m *wizard) paste(msg tea.PasteMsg) tea.Cmd {
	if m.dialog != nil || m.over != nil || newGrid(m.width, m.height).tooSmall() {
		return nil
	}
	if steps.IsPrivate(msg.Content) {
		m.wipe()
		return nil
	}
	m.message = sayIntent{}
	return m.forward(msg)
}

// wipe takes a private key out of the field that it is in.
func (m *wizard) wipe() {
	m.message = sayIntent{Fail, refusedPrivate}
	if w, ok := m.screen.(interface{ wipe() }); ok {
		w.wipe()
	}
}

// refusePrivate wipes a private key whose first line was typed, and swallows what is
// typed behind it: so terminals without bracketed paste hand on the other lines.
func (m *wizard) refusePrivate() tea.Cmd {
	if m.deaf == 0 {
		m.wipe()
	}
	m.deaf++
	n := m.deaf
	return tea.Tick(deafFor, func(time.Time) tea.Msg { return deafMsg(n) })
}
