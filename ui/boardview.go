package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"floe/internal/report"
)

// shownLog is how many lines of a failed stage's log are shown on a terminal.
const shownLog = 10

// margin is the empty space at the left of everything.
func margin(width int) string {
	if width > 0 && width < 50 {
		return ""
	}
	return "  "
}

// View gives the outcome as it scrolls up: one line, and below a failure
// what its log says about it. No line is wider than width.
func (o Outcome) View(s Styles, width int) []string {
	glyph, style, right := s.Glyphs.OK, s.OK, s.Muted.Render(span(o.Elapsed))
	text := s.Muted.Render(o.Text)
	switch o.Ending {
	case EndedKept:
		glyph, style, right = s.Glyphs.Kept, s.Deep, s.Deep.Render("kept")
	case EndedFailed:
		glyph, style = s.Glyphs.Fail, s.Fail
		text = s.Fail.Render("failed")
	case EndedStopped:
		glyph, style, text = s.Glyphs.Stopped, s.Warn, s.Muted.Render("stopped")
	}
	title := s.Text
	if o.Ending == EndedFailed {
		title = s.Strong
	}
	m := margin(width)
	lines := []string{m + s.row(style.Render(glyph), title.Render(o.Title), text, right, width-2*len(m))}
	log, first := excerpt(o.Log, shownLog)
	for i, l := range log {
		style := s.Muted
		if i == first {
			style = s.Text
		}
		lines = append(lines, s.fit(m+"  "+s.Deep.Render(s.Glyphs.Edge)+" "+style.Render(l), width))
	}
	return lines
}

// excerpt gives n lines of a log: those around the first that has "error:" in
// it, which is what went wrong first, else the last. It tells which line that
// is, or -1.
func excerpt(log []string, n int) (lines []string, first int) {
	first = slices.IndexFunc(log, func(l string) bool { return strings.Contains(l, "error:") })
	if first < 0 {
		return tail(log, n), -1
	}
	from := max(0, min(first-n/2, len(log)-n))
	return log[from:min(len(log), from+n)], first - from
}

// row lays out a stage: sign, title, what there is to say, and the time at the
// right. Narrow, the saying goes first.
func (s Styles) row(sign, title, text, right string, width int) string {
	title = pad(title, titleWidth(width))
	left := sign + " " + title
	room := width - ansi.StringWidth(left) - ansi.StringWidth(right) - 4
	if text != "" && room >= min(8, ansi.StringWidth(text)) {
		left += "  " + s.fit(text, room)
	}
	return s.ends(left, right, width)
}

func titleWidth(width int) int {
	switch {
	case width >= 72:
		return 36
	case width >= 56:
		return 24
	}
	return 0
}

func tail(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

// View draws the running stages into at most height rows of width columns:
// a stage's title and time, below it a bar with its count, below that its last
// line. Where rows are few, the last lines of the latest stages go first, then
// their bars shrink into the title's row; stages beyond are counted.
func (b *Board) View(s Styles, width, height int) string {
	if len(b.running) == 0 && !b.stopping {
		return ""
	}
	m := margin(width)
	inner := width - 2*len(m)
	rows := b.fill(s, inner, height-2)
	if hidden := len(rows) - height; hidden > 0 {
		rows = append(rows[:max(0, height-1)], s.Muted.Render(fmt.Sprintf("%s %d more running", s.Glyphs.Ellipsis, hidden+1)))
	}
	if len(rows)+2 <= height {
		rows = append(rows, "", b.foot(s, inner))
	}
	for i, r := range rows {
		if r != "" {
			rows[i] = s.fit(m+r, width)
		}
	}
	return strings.Join(rows, "\n")
}

// fill draws every stage with one row at least, and with more as long as there
// is room: first each stage's bar, in their order, then their last lines.
func (b *Board) fill(s Styles, width, height int) (rows []string) {
	drawn := make([][]string, len(b.running))
	total := 0
	for detail := 1; detail <= 3; detail++ {
		for i, st := range b.running {
			better := b.stageRows(s, st, width, detail)
			if detail == 1 || total-len(drawn[i])+len(better) <= height {
				total += len(better) - len(drawn[i])
				drawn[i] = better
			}
		}
	}
	for _, d := range drawn {
		rows = append(rows, d...)
	}
	return rows
}

func (b *Board) foot(s Styles, width int) string {
	text := s.Muted.Render("ctrl+c stops; " + b.means())
	if width < 50 {
		text = s.Muted.Render("ctrl+c stops")
	}
	if b.stopping {
		text = s.Warn.Render("stopping") + s.Muted.Render("; ctrl+c again ends at once")
	}
	return s.ends(text, s.Muted.Render(span(b.now.Sub(b.start))), width)
}

// stageRows draws one stage with one, two or three rows.
func (b *Board) stageRows(s Styles, st *stage, width, detail int) []string {
	frame := int(b.now.Sub(b.start)/Beat) % len(s.Glyphs.Spinner)
	sign := s.Ice.Render(s.Glyphs.Spinner[max(0, frame)])
	right := s.Muted.Render(span(b.now.Sub(st.started)))
	if detail == 1 {
		return []string{s.row(sign, s.Strong.Render(st.title), st.short(s), right, width)}
	}
	rows := []string{s.ends(sign+" "+s.Strong.Render(st.title), right, width)}
	if bar := st.bar(s, width-2); bar != "" {
		rows = append(rows, "  "+bar)
	}
	last := strings.TrimSpace(st.log.latest())
	if quiet := b.now.Sub(st.heard); quiet >= quietAfter {
		said := s.Warn.Render(s.Glyphs.Warn + " no output for " + span(quiet.Truncate(time.Second)))
		if last == "" {
			return append(rows, "  "+s.fit(said, width-2))
		}
		last = "last: " + last
		if both := said + s.Muted.Render("  "+last); detail < 3 || ansi.StringWidth(both) <= width-2 {
			return append(rows, "  "+s.fit(both, width-2))
		}
		return append(rows, "  "+s.fit(said, width-2), "  "+s.fit(s.Muted.Render(last), width-2))
	}
	if detail == 3 && last != "" {
		rows = append(rows, "  "+s.fit(s.Muted.Render(last), width-2))
	}
	return rows
}

// short is a stage's progress in one word or two.
func (st *stage) short(s Styles) string {
	if st.began.IsZero() {
		return ""
	}
	if _, known := st.fraction(); !known {
		return s.Muted.Render(count(st.done, 0, st.unit))
	}
	text := s.Ice.Render(fmt.Sprintf("%3d %%", st.percent()))
	if st.leftKnown {
		text += s.Muted.Render("  " + rough(st.left) + " left")
	}
	return text
}

// bar draws the progress row: bar, percentage, count, time left. It takes the
// most telling form that fits.
func (st *stage) bar(s Styles, width int) string {
	if st.began.IsZero() {
		return ""
	}
	f, known := st.fraction()
	long, brief := count(st.done, st.total, st.unit), amount(st.done, st.unit)
	if st.unit == report.Bytes && st.rate > 1 {
		long += ", " + amount(int64(st.rate), st.unit) + "/s"
	}
	if st.jobs > 1 {
		long += fmt.Sprintf(", %d jobs", st.jobs)
	}
	if !known {
		return s.Muted.Render(s.fit(long, width))
	}
	if st.done <= st.total {
		brief += "/" + amount(st.total, st.unit)
	}
	left, about := "", ""
	if st.leftKnown {
		left = "  " + rough(st.left) + " left"
		about = "  about " + rough(st.left) + " left"
	}
	head := s.drawBar(f, barWidth(width)) + "  " + s.Ice.Render(fmt.Sprintf("%d %%", st.percent())) + "  "
	for _, rest := range []string{long + about, long + left, brief + left, brief, ""} {
		if line := head + s.Muted.Render(rest); ansi.StringWidth(line) <= width {
			return strings.TrimRight(line, " ")
		}
	}
	return s.fit(head, width)
}

func barWidth(width int) int {
	switch {
	case width >= 90:
		return 36
	case width >= 70:
		return 24
	case width >= 50:
		return 16
	}
	return 8
}

// drawBar draws a bar in columns cells, with half cells where there is a glyph
// for them.
func (s Styles) drawBar(fraction float64, columns int) string {
	g := s.Glyphs
	columns -= ansi.StringWidth(g.BarLeft + g.BarRight)
	halves := int(fraction * float64(2*columns))
	full, half := halves/2, halves%2
	if g.Half == g.Full {
		half = 0
	}
	filled := strings.Repeat(g.Full, full) + strings.Repeat(g.Half, half)
	empty := strings.Repeat(g.Empty, columns-full-half)
	edge := func(text string, style lipgloss.Style) string {
		if text == "" {
			return ""
		}
		return style.Render(text)
	}
	return edge(g.BarLeft, s.Muted) + edge(filled, s.Ice) + edge(empty, s.Muted) + edge(g.BarRight, s.Muted)
}
