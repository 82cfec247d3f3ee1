package ui

import (
	"context"
	"fmt"
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
	cursor
}

// checkMsg is what a check found.
type checkMsg struct{ check Check }

func newWelcome(ctx context.Context, house House) *welcomeScreen {
	return &welcomeScreen{ctx: ctx, checks: house.Checks(), beginnings: house.Beginnings()}
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
	check := w.checks[len(w.found)]
	return func() tea.Msg { return checkMsg{check(w.ctx)} }
}

func (w *welcomeScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	switch msg := msg.(type) {
	case checkMsg:
		w.found = append(w.found, msg.check)
		return nil, w.next()
	case tea.KeyPressMsg:
		k := newKeyMap(unicodeGlyphs)
		switch {
		case is(msg, k.Back):
			return backIntent{}, nil
		case is(msg, k.Next):
			return w.choose(), nil
		}
		w.move(msg, len(w.rows()))
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

func (w *welcomeScreen) choose() intent {
	if w.running != nil && w.at == 0 {
		return continueIntent{}
	}
	return beginIntent{w.rows()[w.at]}
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
		rows += len(f.check(c))
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

// checkLines lists what was found, in so many rows if that can be. What fails
// is told whole, with what mends it; others have a row each, and more of them,
// warnings first, as long as there is room.
func (w *welcomeScreen) checkLines(f frame, room int) (lines []string) {
	if n := len(w.found); n < len(w.checks) {
		lines = append(lines, f.spinner()+" "+f.Muted.Render(fmt.Sprintf("looking at this machine: %d of %d", n+1, len(w.checks))))
	}
	drawn, total := make([][]string, len(w.found)), len(lines)
	try := func(i int, rows []string) {
		if grown := total - len(drawn[i]) + len(rows); drawn[i] == nil || grown <= room {
			drawn[i], total = rows, grown
		}
	}
	for i, c := range w.found {
		if c.Level == Fail {
			try(i, f.check(c))
		} else {
			try(i, f.briefCheck(c))
		}
	}
	for _, level := range []Level{Warn, OK, Note} {
		for i, c := range w.found {
			if c.Level == level {
				bare := c
				bare.Hint = ""
				rows := f.check(bare)
				for n := 2; n < len(rows); n++ {
					try(i, append(rows[:n-1:n-1], f.fit(rows[n-1]+" "+f.Glyphs.Ellipsis, f.width)))
				}
				try(i, rows)
				try(i, f.check(c))
			}
		}
	}
	return append(w.spare(f, drawn, room-len(lines)), lines...)
}

// spare leaves rows of what is well out, as far as room is short, and counts them.
func (w *welcomeScreen) spare(f frame, drawn [][]string, room int) []string {
	hidden := 0
	for i, c := range w.found {
		if c.Level == OK && len(slices.Concat(drawn...))+min(hidden, 1) > room {
			drawn[i] = nil
			hidden++
		}
	}
	lines := slices.Concat(drawn...)
	if hidden > 0 {
		lines = append(lines, f.more(f.Glyphs.OK, hidden)+f.Muted.Render(" that are ok; ? shows all"))
	}
	return lines
}

// check draws a check as 'floe doctor' does, in the frame.
func (f frame) check(c Check) []string {
	rows := strings.Split(strings.TrimRight(f.Styles.At(f.width).Checks([]Check{c}), "\n"), "\n")
	for i, r := range rows {
		rows[i] = strings.TrimPrefix(r, margin(f.width)) // the frame has its own
	}
	return rows
}

// briefCheck draws a check in one row.
func (f frame) briefCheck(c Check) []string {
	row, _, _ := strings.Cut(f.Styles.At(0).Checks([]Check{c}), "\n")
	return []string{f.fit(strings.TrimPrefix(row, margin(0)), f.width)}
}

func (w *welcomeScreen) keys(k keyMap) []key.Binding {
	return []key.Binding{k.Up, as(k.Next, "begin"), as(k.Back, "leave")}
}

func (w *welcomeScreen) help() []string {
	lines := []string{"The checks say what this machine can do. A warning is no obstacle; what fails must be mended before an image can be built.",
		"'floe doctor' shows the same."}
	for _, c := range w.found {
		lines = append(lines, "", c.Name+": "+c.Text)
		if c.Hint != "" && c.Level >= Warn {
			lines = append(lines, "  "+c.Hint)
		}
	}
	return lines
}

func (w *welcomeScreen) typing() bool { return false }
func (w *welcomeScreen) busy() bool   { return len(w.found) < len(w.checks) }
