package ui

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// keyMap is every key of the wizard. Keys that are letters do nothing in a
// text field, where they are letters.
type keyMap struct {
	Up, Down, PageUp, PageDown, Home, End key.Binding
	Toggle, Next, Back, Tab, TabBack      key.Binding
	Filter, Help, Command, Log, Save      key.Binding
	Edit, Leave, Suspend                  key.Binding
	Console, Shell, Restart, Off          key.Binding // of a machine
}

func newKeyMap(g Glyphs) keyMap {
	bind := func(label, what string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(label, what))
	}
	return keyMap{
		Up:       bind(g.Arrows, "move", "up", "k"),
		Down:     bind(g.Arrows, "move", "down", "j"),
		PageUp:   bind("pgup", "a page up", "pgup"),
		PageDown: bind("pgdn", "a page down", "pgdown"),
		Home:     bind("home", "to the first", "home", "g"),
		End:      bind("end", "to the last", "end", "G"),
		Toggle:   bind("space", "select", "space"),
		Next:     bind("enter", "go on", "enter"),
		Back:     bind("esc", "back", "esc"),
		Tab:      bind("tab", "next field", "tab"),
		TabBack:  bind("shift+tab", "field before", "shift+tab"),
		Filter:   bind("/", "filter", "/"),
		Help:     bind("?", "help", "?", "f1"),
		Command:  bind("p", "command line", "p"),
		Log:      bind("l", "whole log", "l"),
		Save:     bind("s", "save", "s"),
		Edit:     bind("e", "edit", "e"),
		Leave:    bind("ctrl+c", "leave", "ctrl+c"),
		Suspend:  bind("ctrl+z", "suspend", "ctrl+z"),
		Console:  bind("c", "console", "c", "ctrl+]"),
		Shell:    bind("s", "log in", "s"),
		Restart:  bind("r", "restart", "r"),
		Off:      bind("o", "power off", "o"),
	}
}

// as gives a binding another meaning in the help.
func as(b key.Binding, what string) key.Binding {
	b.SetHelp(b.Help().Key, what)
	return b
}

// is tells whether a key press is one of the bindings' keys.
func is(msg tea.KeyPressMsg, bindings ...key.Binding) bool { return key.Matches(msg, bindings...) }

// letters leaves of a key press's meaning only what is no letter: in a text
// field nothing else counts.
func printable(msg tea.KeyPressMsg) bool { return msg.Text != "" }

// keyHelp writes a key with its meaning.
func (s Styles) keyHelp(b key.Binding) string {
	return s.Ice.Render(b.Help().Key) + " " + s.Muted.Render(b.Help().Desc)
}

// helpLine writes keys with their meanings on one line, as many as fit, and
// gives those that do not.
func (s Styles) helpLine(bindings []key.Binding, width int) (line string, rest []key.Binding) {
	between := s.Deep.Render(" " + s.Glyphs.Dot + " ")
	for i, b := range bindings {
		longer := s.keyHelp(b)
		if i > 0 {
			longer = line + between + longer
		}
		if ansi.StringWidth(longer) > width {
			return line, bindings[i:]
		}
		line = longer
	}
	return line, nil
}

// helpLines writes the keys of a screen and those that always work on so many
// lines. Where not all have room, the first of the latter, which tells of all
// of them, has.
func (s Styles) helpLines(local, general []key.Binding, width, rows int) []string {
	lines := make([]string, rows)
	for i := range rows - 1 {
		lines[i], local = s.helpLine(local, width)
	}
	last := &lines[rows-1]
	var rest []key.Binding
	if *last, rest = s.helpLine(append(slices.Clone(local), general...), width); len(rest) < len(general) || len(general) == 0 {
		return lines
	}
	help := s.keyHelp(general[0])
	between := s.Deep.Render(" " + s.Glyphs.Dot + " ")
	*last, _ = s.helpLine(local, width-ansi.StringWidth(between+help))
	*last += between + help
	return lines
}
