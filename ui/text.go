package ui

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"floe/internal/report"
)

// clean makes one line of foreign text fit to be shown: no escape sequence, no
// control character, no bidirectional override; what a carriage return would
// have overwritten is left out.
func clean(line string) string {
	line = strings.TrimRight(ansi.Strip(strings.ToValidUTF8(line, "?")), "\r\n")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, line)
}

// cleanLines is clean for text of several lines; outer blank lines go.
func cleanLines(text string) []string {
	lines := strings.Split(strings.Trim(text, "\r\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(clean(l), " ")
	}
	return lines
}

// fit shortens styled text to a number of columns, ending it in an ellipsis.
func (s Styles) fit(text string, columns int) string {
	if columns <= 0 {
		return ""
	}
	if columns < ansi.StringWidth(s.Glyphs.Ellipsis) {
		return ansi.Truncate(text, columns, "")
	}
	return ansi.Truncate(text, columns, s.Glyphs.Ellipsis)
}

// pad fills styled text up to a number of columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-ansi.StringWidth(text)))
}

// wrap breaks text into lines of at most columns; 0 does not break. It breaks
// at spaces only, so that flags and what else has a hyphen stay whole.
func wrap(text string, columns int) []string {
	if columns <= 0 {
		return []string{text}
	}
	held := strings.ReplaceAll(text, "-", heldHyphen)
	return strings.Split(strings.ReplaceAll(ansi.Wrap(held, max(columns, 8), ""), heldHyphen, "-"), "\n")
}

// heldHyphen stands for a hyphen where ansi.Wrap would break behind one. It is
// as wide, and of the private use area.
const heldHyphen = "\ue02d"

// ends puts right at the end of a line of the given width and left at its
// beginning, shortened if need be.
func (s Styles) ends(left, right string, columns int) string {
	room := columns - ansi.StringWidth(right)
	if right != "" {
		room -= 2
	}
	if left = s.fit(left, room); right == "" {
		return left
	}
	return pad(left, room+2) + right
}

// span writes a length of time as a clock would: 4.2s, 42s, 12m04s, 1h02m.
func span(d time.Duration) string {
	if d = max(d, 0); d < 9950*time.Millisecond {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// rough writes an estimate no finer than it is: "7 min", "40 s".
func rough(d time.Duration) string {
	switch {
	case d >= time.Hour:
		m := int((d + time.Minute - 1) / time.Minute)
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	case d > 90*time.Second:
		return fmt.Sprintf("%d min", int((d+time.Minute-1)/time.Minute))
	}
	return fmt.Sprintf("%d s", 10*max(1, int((d+10*time.Second-1)/(10*time.Second))))
}

// amount writes a number of units.
func amount(n int64, unit report.Unit) string {
	if unit == report.Bytes {
		return humanize.Bytes(uint64(max(n, 0)))
	}
	return humanize.Comma(n)
}

// count writes how much of how much. A total that turned out too small is left
// out.
func count(done, total int64, unit report.Unit) string {
	text := amount(done, unit)
	if total > 0 && done <= total {
		text += " of " + amount(total, unit)
	}
	if unit != report.Bytes && unit != "" {
		text += " " + string(unit)
	}
	return text
}
