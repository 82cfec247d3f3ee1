package ui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// keyMap is every key of the wizard. Keys that are letters do nothing in a
// text field, where they are letters.
type keyMap struct {
	Up, Down, PageUp, PageDown, Home, End key.Binding
	Toggle, Next, Back, Tab               key.Binding
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
		Filter:   bind("/", "filter", "/"),
		Help:     bind("?", "help", "?", "f1"),
		Command:  bind("p", "command line", "p"),
		Log:      bind("l", "whole log", "l"),
		Save:     bind("s", "save floe.toml", "s"),
		Edit:     bind("e", "edit", "e"),
		Leave:    bind("ctrl+c", "leave", "ctrl+c"),
		Suspend:  bind("ctrl+z", "suspend", "ctrl+z"),
		Console:  bind("c", "console", "c", "ctrl+]"),
		Shell:    bind("s", "log in over ssh", "s"),
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

// helpLine writes keys with their meanings on one line, as many as fit.
func (s Styles) helpLine(bindings []key.Binding, width int) string {
	var parts []string
	used := 0
	for _, b := range bindings {
		h := b.Help()
		w := len([]rune(h.Key)) + 1 + len([]rune(h.Desc))
		if used > 0 {
			w += 3
		}
		if used+w > width {
			break
		}
		used += w
		parts = append(parts, s.Ice.Render(h.Key)+" "+s.Muted.Render(h.Desc))
	}
	return strings.Join(parts, s.Deep.Render(" "+s.Glyphs.Dot+" "))
}
