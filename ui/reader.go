package ui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// reader shows text that may be longer than the screen: help, a command line,
// a log. It lies over a screen, which is as it was when the reader goes.
type reader struct {
	name  string
	lines func() []string // as they are by now
	top   int             // first row that is shown, as far as there are that many
	last  int             // what top was at most when it was drawn
	end   bool            // show the end
	shell bool            // lines are a shell's, to be copied
}

func newReader(name string, lines func() []string) *reader { return &reader{name: name, lines: lines} }

// commands breaks lines so that a shell takes them as they are copied.
func (r *reader) commands() *reader { r.shell = true; return r }

// following begins at the end.
func (r *reader) following() *reader { r.end = true; return r }

func (r *reader) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, nil
	}
	k := newKeyMap(unicodeGlyphs)
	step := 0
	switch {
	case is(press, k.Up):
		step = -1
	case is(press, k.Down):
		step = 1
	case is(press, k.PageUp):
		step = -10
	case is(press, k.PageDown):
		step = 10
	case is(press, k.Home):
		step = -r.last
	case is(press, k.End):
		r.end = true
		return nil, nil
	}
	if step == 0 {
		return nil, nil
	}
	if r.end {
		r.top = r.last
	}
	r.end = r.end && step > 0
	r.top = max(0, min(r.top, r.last)+step)
	return nil, nil
}

func (r *reader) view(f frame) picture {
	var rows []string
	for _, l := range r.lines() {
		if r.shell {
			rows = append(rows, shellLines(clean(l), f.width)...)
			continue
		}
		rows = append(rows, wrap(clean(l), f.width)...)
	}
	lines := []string{f.Title.Render(r.name), ""}
	height := f.height - len(lines)
	r.last = max(0, len(rows)-height)
	top := min(r.top, r.last)
	if r.end {
		top = r.last
	}
	shown := append([]string{}, rows[top:min(len(rows), top+height)]...)
	if top > 0 {
		shown[0] = f.more(f.Glyphs.Up, top+1)
	}
	if below := len(rows) - top - height; below > 0 {
		shown[len(shown)-1] = f.more(f.Glyphs.Down, below+1)
	}
	return picture{lines: append(lines, shown...)}
}

func (r *reader) keys(k keyMap) []key.Binding {
	return []key.Binding{k.Back, k.Up, k.PageUp, k.PageDown, k.Home, k.End}
}

func (r *reader) typing() bool { return false }
func (r *reader) busy() bool   { return false }
