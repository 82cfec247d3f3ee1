package ui

import (
	"context"
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

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
	var lines []string
	intro := f.intro()
	if f.describe {
		lines = append(lines, intro...)
		lines = append(lines, "")
	}
	rows := w.rows()
	for i, b := range rows {
		title, note := f.Text, b.Note
		if i == w.at {
			title = f.Strong
		}
		if b.Err != nil {
			title, note = f.Muted, reason(b.Err)
		}
		lines = append(lines, f.fit(f.pointed(i == w.at, title.Render(pad(b.Title, 16))+"  "+f.Muted.Render(clean(note))), f.width))
	}
	lines = append(lines, "")
	checks := w.checkLines(f)
	room := f.height - len(lines)
	if len(checks) > room && room > 0 {
		hidden := len(checks) - room + 1
		checks = append(checks[:room-1], f.Muted.Render(fmt.Sprintf("  %s %d more lines: 'floe doctor' shows them all", f.Glyphs.Down, hidden)))
	}
	return picture{lines: append(lines, checks...)}
}

// intro says what this is, beside the mascot where there is room.
func (f frame) intro() []string {
	text := []string{
		"Floe builds a tiny Linux for containers: it runs from memory,",
		"boots from a USB stick, a CD or in QEMU, and keeps nothing on disk.",
		"", "A few questions, then it is built from signed sources.",
	}
	if f.width < 76 || f.height < 18 {
		return f.paragraphs(strings.Join(text, " "), f.Text.Render)
	}
	art := strings.Split(strings.TrimRight(Mascot(f.Styles), "\n"), "\n")
	out := make([]string, len(art))
	words := wrap("Floe builds a tiny Linux for containers. It boots from a USB stick, a CD or in QEMU, and runs from memory.", f.width-28)
	words = append(words, "")
	words = append(words, wrap("A few questions, then it is built here, from signed sources. Nothing is written to a disk unless you say so.", f.width-28)...)
	for i := range art {
		out[i] = pad(art[i], 26)
		if j := i - 1; j >= 0 && j < len(words) {
			out[i] += f.Text.Render(words[j])
		}
	}
	return out
}

func (w *welcomeScreen) checkLines(f frame) []string {
	s := f.Styles.At(f.width)
	text := strings.TrimRight(s.Checks(w.found), "\n")
	var lines []string
	if text != "" {
		lines = strings.Split(text, "\n")
	}
	for i, l := range lines { // the frame has its own margin
		lines[i] = strings.TrimPrefix(l, margin(f.width))
	}
	if n := len(w.found); n < len(w.checks) {
		lines = append(lines, f.spinner()+" "+f.Muted.Render(fmt.Sprintf("looking at this machine: %d of %d", n+1, len(w.checks))))
	}
	return lines
}

func (w *welcomeScreen) keys(k keyMap) []key.Binding {
	return []key.Binding{k.Up, as(k.Next, "begin"), as(k.Back, "leave")}
}

func (w *welcomeScreen) help() []string {
	return []string{"The checks say what this machine can do. A warning is no obstacle; what fails must be mended before an image can be built.",
		"'floe doctor' shows the same."}
}

func (w *welcomeScreen) typing() bool { return false }
func (w *welcomeScreen) busy() bool   { return len(w.found) < len(w.checks) }
