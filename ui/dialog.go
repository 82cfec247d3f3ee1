package ui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// option is an answer to a dialog, with what follows from it. The first one
// changes nothing, and is what esc means.
type option struct {
	text string
	want intent
}

// dialog is a question that stands in the way of something.
type dialog struct {
	title, text string
	now         func() string // the text, where it changes meanwhile
	options     []option
	cursor
}

func newDialog(title, text string, options ...option) *dialog {
	return &dialog{title: title, text: text, options: options}
}

// says is the text as it is now.
func (d *dialog) says() string {
	if d.now != nil {
		return d.now()
	}
	return d.text
}

// ends tells that the dialog's last option is to leave or to stop something.
func (d *dialog) ends() bool {
	switch d.options[len(d.options)-1].want.(type) {
	case leaveIntent, cancelIntent, stopWriteIntent, offIntent:
		return true
	}
	return false
}

// press takes a key. ctrl+c in a dialog about leaving or stopping is its last option:
// whoever presses it again means it.
func (d *dialog) press(msg tea.KeyPressMsg) (want intent, done bool) {
	k := newKeyMap(unicodeGlyphs)
	switch {
	case is(msg, k.Leave) && d.ends():
		return d.options[len(d.options)-1].want, true
	case is(msg, k.Back):
		return d.options[0].want, true
	case is(msg, k.Next):
		return d.options[d.at].want, true
	case is(msg, k.Tab):
		d.at = (d.at + 1) % len(d.options)
	default:
		d.move(msg, len(d.options))
	}
	return nil, false
}

func (d *dialog) keys(k keyMap) []key.Binding {
	return []key.Binding{k.Up, as(k.Next, "choose"), as(k.Back, strings.ToLower(d.options[0].text))}
}

func (d *dialog) view(f frame) picture {
	lines := append(make([]string, max(0, min(3, f.height-8))), f.paragraphs(d.title, f.Title.Render)...)
	lines = append(append(lines, ""), f.paragraphs(d.says(), f.Text.Render)...)
	lines = append(lines, "")
	for i, o := range d.options {
		style := f.Text
		if i == d.at {
			style = f.Strong
		}
		lines = append(lines, f.pointed(i == d.at, style.Render(o.text)))
	}
	return picture{lines: lines}
}
