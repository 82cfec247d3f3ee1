package ui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// The sizes at which the grid changes. Below 80×24 it sheds the pane, the dots
// and the descriptions, in that order.
const (
	paneFrom   = 100 // columns
	paneWidth  = 34
	fullHeight = 24
	dotsWidth  = 72
	dotsHeight = 20
	tellWidth  = 64
	tellHeight = 18
	leastWidth = 60
	leastRows  = 16
)

// grid is how a terminal's cells are shared out.
type grid struct {
	width, height int
	pane, dots    bool
	describe      bool
}

func newGrid(width, height int) grid {
	return grid{
		width: width, height: height,
		pane:     width >= paneFrom && height >= fullHeight,
		dots:     width >= dotsWidth && height >= dotsHeight,
		describe: width >= tellWidth && height >= tellHeight,
	}
}

func (g grid) tooSmall() bool { return g.width < leastWidth || g.height < leastRows }

// airy tells that there is room for blank rows, and for a second row of help.
func (g grid) airy() bool { return g.height >= fullHeight-2 }

// message is how many rows a message has, the last of them blank as a rule.
func (g grid) message() int {
	if g.airy() {
		return 2
	}
	return 1
}

// help is how many rows the keys have.
func (g grid) help() int { return g.message() }

// rows around the body: header, message, help.
func (g grid) around() int {
	n := 1 + g.message() + g.help()
	if g.dots {
		n++ // the dots
	}
	if g.airy() {
		n++ // a blank above the body
	}
	return n
}

func (g grid) body() int { return g.height - g.around() }

// edge is the empty space at the left and right of everything.
const edge = 2

// inner is how wide the body is.
func (g grid) inner() int {
	w := g.width - 2*edge
	if g.pane {
		w -= paneWidth + 1
	}
	return w
}

// grid is that of the screen: builds and their results take the whole width, and so does
// the welcome while there are no answers that a pane could show.
func (m *wizard) grid() grid {
	g := newGrid(m.width, m.height)
	if m.afterReview() || m.flow == nil {
		g.pane = false
	}
	return g
}

// View draws the whole terminal.
func (m *wizard) View() tea.View {
	g := m.grid()
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "Floe: " + m.title()
	if g.tooSmall() {
		v.Content = m.small(g)
		return v
	}
	f := m.frame(g)
	pic := m.body(f)
	rows := m.header(g)
	if g.airy() {
		rows = append(rows, "")
	}
	at := len(rows)
	pane := m.pane(g)
	for i := range f.height {
		line := ""
		if i < len(pic.lines) {
			line = m.styles.fit(strings.Repeat(" ", edge)+pic.lines[i], g.width)
		}
		if pane != nil {
			line = pad(line, edge+g.inner()+1) + pane[i]
		}
		rows = append(rows, line)
	}
	rows = append(rows, m.footer(g, m.said(g))...)
	for i, r := range rows {
		rows[i] = trim(m.styles.fit(r, g.width))
	}
	v.Content = strings.Join(rows, "\n")
	if pic.cursor != nil && m.dialog == nil {
		v.Cursor = tea.NewCursor(pic.cursor.x+edge, pic.cursor.y+at)
	}
	return v
}

// frame is the room that the body has: a long message takes some of it.
func (m *wizard) frame(g grid) frame {
	height := g.body() - max(0, len(m.said(g))-g.message())
	return frame{Styles: m.styles.At(g.inner()), width: g.inner(), height: height, describe: g.describe, spin: m.beats}
}

// trim cuts the spaces at the end of a styled row.
func trim(row string) string {
	return ansi.Truncate(row, ansi.StringWidth(strings.TrimRight(ansi.Strip(row), " ")), "")
}

// body draws what is on top: a dialog, an overlay, or the screen.
func (m *wizard) body(f frame) picture {
	switch {
	case m.dialog != nil:
		return m.dialog.view(f)
	case m.over != nil:
		return m.over.view(f)
	}
	return m.screen.view(f)
}

// header is the title with the place on the way, and the dots.
func (m *wizard) header(g grid) []string {
	s := m.styles
	margin := strings.Repeat(" ", edge)
	n, of := m.place()
	right := ""
	if n > 0 {
		right = s.Muted.Render(fmt.Sprintf("%d of %d", n, of))
	}
	name := s.Title.Render("Floe") + s.Deep.Render("  "+s.Glyphs.Edge+"  ") + s.Strong.Render(m.title())
	rows := []string{margin + s.ends(name, right, g.width-2*edge)}
	if g.dots {
		rows = append(rows, margin+m.dots(n, of))
	}
	return rows
}

func (m *wizard) dots(n, of int) string {
	if n == 0 {
		return m.styles.Deep.Render(strings.Repeat(m.styles.Glyphs.Rule, m.width-2*edge))
	}
	s, parts := m.styles, make([]string, of)
	for i := range parts {
		switch {
		case i+1 < n:
			parts[i] = s.Ice.Render(s.Glyphs.Past)
		case i+1 == n:
			parts[i] = s.Warm.Render(s.Glyphs.Now)
		default:
			parts[i] = s.Muted.Render(s.Glyphs.Ahead)
		}
	}
	return strings.Join(parts, s.Deep.Render(s.Glyphs.Way))
}

// said is the message, wrapped and drawn.
func (m *wizard) said(g grid) []string {
	if m.message.text == "" {
		return nil
	}
	s := m.styles
	glyph, _, style := s.level(m.message.level)
	if m.message.level == Note {
		glyph, style = s.Glyphs.Arrow, s.Text
	}
	width := g.width - 2*edge
	lines := wrap(glyph+" "+clean(m.message.text), width)
	if last := g.message() + longMessage; len(lines) > last {
		lines = append(lines[:last-1], s.fit(strings.Join(lines[last-1:], " "), width))
	}
	for i, l := range lines {
		lines[i] = style.Render(l)
	}
	return lines
}

// longMessage is how many rows a long message takes of the body at most.
const longMessage = 3

// footer is the message, and the keys.
func (m *wizard) footer(g grid, said []string) []string {
	s, width := m.styles, g.width-2*edge
	rows := slices.Clone(said)
	for len(rows) < g.message() {
		rows = append(rows, "")
	}
	local, general := m.helpKeys()
	rows = append(rows, s.helpLines(local, general, width, g.help())...)
	for i, r := range rows {
		rows[i] = strings.Repeat(" ", edge) + r
	}
	return rows
}

// helpKeys are the keys that work now: those of the screen, and those that
// always work.
func (m *wizard) helpKeys() (local, general []key.Binding) {
	k := newKeyMap(m.styles.Glyphs)
	switch {
	case m.dialog != nil:
		return m.dialog.keys(k), nil
	case m.over != nil:
		return m.over.keys(k), nil
	}
	help := k.Help
	if m.screen.typing() {
		help.SetHelp("f1", "help")
	}
	general = append(general, help)
	switch {
	case m.machine != nil && m.screen == screen(m.machine):
		if m.machine.alive() {
			general = append(general, as(k.Command, "QEMU's command line"))
		}
	case m.flow != nil && !m.screen.typing():
		general = append(general, k.Command)
	}
	return m.screen.keys(k), append(general, k.Leave)
}

// pane is "your Floe so far", as tall as the body, or nil.
func (m *wizard) pane(g grid) []string {
	if !g.pane {
		return nil
	}
	s := m.styles.At(paneWidth - 3)
	bar := s.Deep.Render(s.Glyphs.Edge) + " "
	lines := strings.Split(strings.TrimRight(s.Mascot(m.runtime()), "\n"), "\n")
	for i, l := range lines {
		lines[i] = "    " + l
	}
	lines = append(lines, "", s.Title.Render("Your Floe so far"))
	current, _ := m.flow.Current()
	plan := m.flow.Plan()
	for _, step := range m.flow.Applying() {
		if step.Detail {
			continue
		}
		title := s.Muted.Render(pad(step.Title, 13))
		if step.Key == current.Key {
			title = s.Ice.Render(pad(step.Title, 13))
		}
		lines = append(lines, s.fit(title+clean(step.Show(plan)), paneWidth-3))
	}
	pane := make([]string, g.body())
	for i := range pane {
		pane[i] = bar
		if i < len(lines) {
			pane[i] += lines[i]
		}
	}
	return pane
}

// runtime is whose mascot is shown: that of the answer at the cursor, where
// runtimes are chosen, else that of the plan.
func (m *wizard) runtime() string {
	if c, ok := m.screen.(*choiceScreen); ok && c.step.Drawn {
		return c.value()
	}
	if m.screen == screen(m.welcome) {
		return ""
	}
	return m.flow.Plan().Runtime
}

// small says which size is needed.
func (m *wizard) small(g grid) string {
	s := m.styles
	text := fmt.Sprintf("Floe needs %d×%d characters; this window has %d×%d. Make it larger: your answers are kept.", leastWidth, leastRows, g.width, g.height)
	if m.running() {
		text += " The build goes on."
	}
	if s.ascii {
		text = strings.ReplaceAll(text, "×", "x")
	}
	lines := wrap(text, max(8, g.width))
	for i, l := range lines[:min(len(lines), max(1, g.height))] {
		lines[i] = s.Warn.Render(ansi.Truncate(l, g.width, ""))
	}
	return strings.Join(lines[:min(len(lines), max(1, g.height))], "\n")
}
