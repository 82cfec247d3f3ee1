package ui

import (
	"context"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"floe/steps"
)

// welcomeScreen is the first place: what floe is, what this machine can do,
// and how to begin.
type welcomeScreen struct {
	ctx        context.Context
	checks     []func(context.Context) Check
	found      []Check
	beginnings []Beginning
	running    *steps.Flow // answers of a flow that was begun
	looking    int         // number of the check that is made again; -1: none
	cursor                 // goes on from what there is to choose from into what was found
}

// checkMsg is what a check found, and which one that is.
type checkMsg struct {
	at    int
	check Check
}

func newWelcome(ctx context.Context, house House) *welcomeScreen {
	return &welcomeScreen{ctx: ctx, checks: house.Checks(), beginnings: house.Beginnings(), looking: -1}
}

// again is the welcome after going back to it: the first row goes on with the
// answers given so far.
func (w *welcomeScreen) again(flow *steps.Flow) { w.running, w.at = flow, 0 }

func (w *welcomeScreen) init() tea.Cmd { return w.next() }

// next runs the next check. One runs at a time, so that they come in order.
func (w *welcomeScreen) next() tea.Cmd {
	if len(w.found) >= len(w.checks) {
		return nil
	}
	return w.check(len(w.found))
}

// check makes one of the checks.
func (w *welcomeScreen) check(at int) tea.Cmd {
	check := w.checks[at]
	return func() tea.Msg { return checkMsg{at, check(w.ctx)} }
}

// take takes what a check found, the first time or again.
func (w *welcomeScreen) take(msg checkMsg) tea.Cmd {
	if msg.at < len(w.found) {
		w.found[msg.at], w.looking = msg.check, -1
		return nil
	}
	w.found = append(w.found, msg.check)
	return w.next()
}

// onCheck is the check at the cursor; ok is false where there is none.
func (w *welcomeScreen) onCheck() (at int, ok bool) {
	at = w.at - len(w.rows())
	return at, at >= 0 && at < len(w.found)
}

func (w *welcomeScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	switch msg := msg.(type) {
	case checkMsg:
		return nil, w.take(msg)
	case tea.KeyPressMsg:
		k := newKeyMap(unicodeGlyphs)
		switch {
		case is(msg, k.Back):
			return backIntent{}, nil
		case is(msg, k.Next):
			return w.choose()
		}
		w.move(msg, len(w.rows())+len(w.found))
	}
	return nil, nil
}

// rows are what there is to choose from.
func (w *welcomeScreen) rows() []Beginning {
	if w.running == nil {
		return w.beginnings
	}
	return append([]Beginning{{Title: "Go on", Note: "with the answers so far"}}, w.beginnings...)
}

// choose begins, or looks again at what may have been mended.
func (w *welcomeScreen) choose() (intent, tea.Cmd) {
	at, found := w.onCheck()
	switch {
	case found && w.looking >= 0:
		return nil, nil
	case found:
		w.looking = at
		return nil, w.check(at)
	case w.running != nil && w.at == 0:
		return continueIntent{}, nil
	}
	return beginIntent{w.rows()[w.at]}, nil
}

func (w *welcomeScreen) view(f frame) picture {
	rows := make([]string, len(w.rows()))
	for i, b := range w.rows() {
		title, note := f.Text, b.Note
		if i == w.at {
			title = f.Strong
		}
		if b.Err != nil {
			title, note = f.Muted, whole(b.Err)
		}
		rows[i] = f.pointed(i == w.at, title.Render(pad(b.Title, 14))+"  "+f.Muted.Render(clean(note)))
	}
	lines := append(f.opening(rows, true), "")
	if len(lines)+w.wanted(f) > f.height || f.cuts(rows, f.width-besideArt) {
		lines = append(f.opening(rows, false), "") // the mascot makes room
	}
	room := f.height - len(lines)
	checks := w.checkLines(f, room)
	if len(checks) > room && room > 0 {
		checks = append(checks[:room-1], f.more(f.Glyphs.Down, len(checks)-room+1)+f.Muted.Render("; 'floe doctor' shows all"))
	}
	return picture{lines: append(lines, checks...)}
}

// wanted is how many rows the checks take when all is said of each, with one for each
// that is still to come.
func (w *welcomeScreen) wanted(f frame) (rows int) {
	for _, c := range w.found {
		rows += len(f.check(c, false))
	}
	return rows + len(w.checks) - len(w.found)
}

// cuts tells whether one of the rows is wider than there is room.
func (f frame) cuts(rows []string, width int) bool {
	return slices.ContainsFunc(rows, func(r string) bool { return ansi.StringWidth(r) > width })
}

// about is what a person who knows nothing yet is told.
const about = "Floe builds a tiny Linux for containers, here, from signed sources. It boots from a USB stick, a CD or in QEMU, and runs from memory."

// Where there is room for a mascot, in columns.
const (
	artFrom   = 72 // from this width on it is drawn
	artWidth  = 24
	besideArt = 27 // what it takes, with the space between it and text
)

// opening says what this is, above the ways to begin; beside both stands the
// mascot if it may, unless the pane has it already.
func (f frame) opening(rows []string, drawn bool) []string {
	if !f.describe {
		return f.fitAll(rows, f.width)
	}
	if f.width < artFrom || !drawn {
		return append(append(f.paragraphs(about, f.Text.Render), ""), f.fitAll(rows, f.width)...)
	}
	art := strings.Split(strings.TrimRight(Mascot(f.Styles), "\n"), "\n")
	words := append(wrap(about, f.width-besideArt), "")
	words = append(words, f.fitAll(rows, f.width-besideArt)...)
	for i := range max(len(art), len(words)) {
		if i >= len(art) {
			art = append(art, "")
		}
		if i < len(words) {
			art[i] = pad(art[i], besideArt) + words[i]
		}
	}
	return art
}

func (f frame) fitAll(lines []string, width int) []string {
	fitted := make([]string, len(lines))
	for i, l := range lines {
		fitted[i] = f.fit(l, width)
	}
	return fitted
}

func (w *welcomeScreen) keys(k keyMap) []key.Binding {
	next := "begin"
	if _, ok := w.onCheck(); ok {
		next = "look again"
	}
	return []key.Binding{k.Up, as(k.Next, next), as(k.Back, "leave")}
}

func (w *welcomeScreen) help() []string {
	lines := []string{"The checks say what this machine can do. A warning is no obstacle; what fails must be mended before an image can be built.",
		"A row that is cut is shown whole when you move to it, and enter there looks again. 'floe doctor' shows the same."}
	for _, c := range w.found {
		lines = append(lines, "", c.Name+": "+c.Text)
		if c.Hint != "" && c.Level >= Warn {
			lines = append(lines, "  "+c.Hint)
		}
	}
	return lines
}

func (w *welcomeScreen) typing() bool { return false }
func (w *welcomeScreen) busy() bool   { return len(w.found) < len(w.checks) || w.looking >= 0 }
