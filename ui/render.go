package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Check is one thing that was looked at on this machine.
type Check struct {
	Level Level
	Name  string // "sandbox"
	Text  string // what was found: "builds without root"
	Hint  string // what mends it, for Warn and Fail; may be empty
}

// checkNames is how wide the column of names is at least, so that checks which
// are printed one by one, as they come, stand below each other.
const checkNames = 10

// Checks lists checks, one a line: sign, word, name, what was found, and what
// mends it below that.
func (s Styles) Checks(checks []Check) string {
	var b strings.Builder
	names := checkNames
	for _, c := range checks {
		names = max(names, ansi.StringWidth(clean(c.Name)))
	}
	m := margin(s.Width)
	for _, c := range checks {
		glyph, word, style := s.level(c.Level)
		head := m + style.Render(pad(glyph+" "+word, 6)) + "  " + s.Strong.Render(pad(clean(c.Name), names)) + "  "
		s.hang(&b, head, clean(c.Text), s.Text.Render)
		if c.Hint != "" && c.Level >= Warn {
			indent := strings.Repeat(" ", ansi.StringWidth(head))
			s.hang(&b, indent+s.Warm.Render(s.Glyphs.Arrow)+" ", clean(c.Hint), s.Warm.Render)
		}
	}
	return b.String()
}

// hang writes head and, behind it, text, whose further lines hang below its
// first.
func (s Styles) hang(b *strings.Builder, head, text string, style func(...string) string) {
	at := ansi.StringWidth(head)
	room := 0
	if s.Width > 0 {
		room = max(s.Width-at, 16)
	}
	for i, line := range wrap(text, room) {
		if i > 0 {
			head = strings.Repeat(" ", at)
		}
		b.WriteString(strings.TrimRight(head+style(line), " ") + "\n")
	}
}

// Row is a line of a table.
type Row struct {
	Level Level  // Note for a plain fact
	Key   string // "memory"
	Value string // "128 MiB"; may be several lines
	Note  string // where it comes from, or what it means; may be empty
}

// Table lists facts under a title, which may be empty: a key, its value (a dash
// where it is empty), a remark. Signs stand before the keys if any row has a level. Values are never
// shortened, only wrapped.
func (s Styles) Table(title string, rows []Row) string {
	var b strings.Builder
	m := margin(s.Width)
	if title != "" {
		b.WriteString(m + s.Title.Render(title) + "\n")
	}
	keys, values, signs := 0, 0, false
	for _, r := range rows {
		keys = max(keys, ansi.StringWidth(clean(r.Key)))
		if v := ansi.StringWidth(clean(r.Value)); r.Note != "" {
			values = max(values, v)
		}
		signs = signs || r.Level != Note
	}
	for _, r := range rows {
		s.tableRow(&b, m, r, keys, min(values, 28), signs)
	}
	return b.String()
}

func (s Styles) tableRow(b *strings.Builder, head string, r Row, keys, values int, signs bool) {
	glyph, word, style := s.level(r.Level)
	if signs {
		head += style.Render(pad(glyph+" "+word, 6)) + "  "
	}
	head += s.Muted.Render(pad(clean(r.Key), keys)) + "  "
	lines := cleanLines(r.Value)
	if r.Value == "" {
		lines[0] = s.Glyphs.Stopped
	}
	if note := clean(r.Note); note != "" && len(lines) == 1 {
		line := head + pad(s.Text.Render(lines[0]), values) + "  " + s.Muted.Render(note)
		if s.Width == 0 || ansi.StringWidth(line) <= s.Width {
			b.WriteString(line + "\n")
			return
		}
	}
	for _, l := range lines {
		s.hang(b, head, l, s.Text.Render)
		head = strings.Repeat(" ", ansi.StringWidth(head))
	}
	if r.Note != "" {
		s.hang(b, head, clean(r.Note), s.Muted.Render)
	}
}

// Command is something to type next.
type Command struct {
	What string // "log in"
	Line string // the command line as a shell takes it
}

// Next says what can be done next. Each command stands alone on its line,
// after nothing but spaces, whole however long it is: a terminal wraps it
// without putting a line break into what is copied.
func (s Styles) Next(title string, commands []Command) string {
	var b strings.Builder
	m := margin(s.Width)
	width := 48
	if s.Width > 0 {
		width = min(s.Width-2*len(m), 76)
	}
	heading := s.fit(s.Glyphs.Rule+s.Glyphs.Rule+" "+clean(title)+" ", width)
	rule := strings.Repeat(s.Glyphs.Rule, max(0, width-ansi.StringWidth(heading)))
	b.WriteString(m + s.Deep.Render(s.Glyphs.Rule+s.Glyphs.Rule) + " " + s.Title.Render(clean(title)) + " " + s.Deep.Render(rule) + "\n")
	for _, c := range commands {
		s.hang(&b, m, clean(c.What), s.Muted.Render)
		b.WriteString(m + "    " + s.Warm.Render(c.Line) + "\n")
	}
	b.WriteString(m + s.Deep.Render(strings.Repeat(s.Glyphs.Rule, width)) + "\n")
	return b.String()
}
