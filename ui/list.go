package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// cursor is a place in a list. It stops at both ends.
type cursor struct{ at int }

// move takes a key press, if it moves the cursor of a list of n rows.
func (c *cursor) move(msg tea.KeyPressMsg, n int) bool {
	k := newKeyMap(unicodeGlyphs)
	switch {
	case is(msg, k.Up):
		c.at--
	case is(msg, k.Down):
		c.at++
	case is(msg, k.PageUp):
		c.at -= 8
	case is(msg, k.PageDown):
		c.at += 8
	case is(msg, k.Home):
		c.at = 0
	case is(msg, k.End):
		c.at = n - 1
	default:
		return false
	}
	c.at = max(0, min(c.at, n-1))
	return true
}

// block is the lines of one row of a list.
type block []string

// window draws as many blocks as fit into a number of rows, those around the
// one at the cursor. What is hidden is counted where it would be.
func (f frame) window(blocks []block, at, height int) []string {
	var lines []string
	from, to := 0, 0 // of the cursor's block
	for i, b := range blocks {
		if i == at {
			from, to = len(lines), len(lines)+len(b)
		}
		lines = append(lines, b...)
	}
	if len(lines) <= height || height < 1 {
		return lines
	}
	top := max(0, min((from+to-height)/2, len(lines)-height))
	if to-from >= height-2 {
		top = max(0, min(from-1, len(lines)-height))
	}
	shown := append([]string{}, lines[top:top+height]...)
	if top > 0 {
		shown[0] = f.more(f.Glyphs.Up, top+1)
	}
	if below := len(lines) - top - height; below > 0 && height > 1 {
		shown[height-1] = f.more(f.Glyphs.Down, below+1)
	}
	return shown
}

// more marks hidden rows.
func (f frame) more(arrow string, n int) string {
	return f.Muted.Render(fmt.Sprintf("  %s %d more", arrow, n))
}

// atMost gives so many rows at most, the last of which counts what is hidden.
func (f frame) atMost(lines []string, rows int) []string {
	if len(lines) <= rows || rows < 1 {
		return lines
	}
	return append(lines[:rows-1:rows-1], f.more(f.Glyphs.Down, len(lines)-rows+1))
}

// pointed puts the cursor's sign, or the room for it, before a row.
func (f frame) pointed(here bool, text string) string {
	if here {
		return f.Ice.Render(f.Glyphs.Pointer) + " " + text
	}
	return "  " + text
}

// hung draws text behind a head: whole, its further rows below its first, where the
// cursor is, else in the one row that there is.
func (f frame) hung(here bool, head, text string, style func(...string) string) block {
	at := ansi.StringWidth(head)
	rows := wrap(text, max(10, f.width-at))
	if !here || len(rows) == 1 {
		return block{f.fit(head+style(text), f.width)}
	}
	b := block{}
	for _, r := range rows {
		b = append(b, f.fit(head+style(r), f.width))
		head = strings.Repeat(" ", at)
	}
	return b
}

// paragraphs wraps text to the frame.
func (f frame) paragraphs(text string, style func(...string) string) []string {
	lines := wrap(clean(text), f.width)
	for i, l := range lines {
		lines[i] = style(l)
	}
	return lines
}
