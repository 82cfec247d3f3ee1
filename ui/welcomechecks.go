package ui

import (
	"fmt"
	"slices"
	"strings"
)

// checkLines lists what was found, in so many rows if that can be. What fails
// is told whole, with what mends it, and so is what the cursor is on; others
// have a row each, and more of them, warnings first, as long as there is room.
func (w *welcomeScreen) checkLines(f frame, room int) (lines []string) {
	if n := len(w.found); n < len(w.checks) {
		lines = append(lines, f.spinner()+" "+f.Muted.Render(fmt.Sprintf("looking at this machine: %d of %d", n+1, len(w.checks))))
	}
	room -= len(lines)
	at, here := w.onCheck()
	drawn, total := make([]block, len(w.found)), 0
	try := func(i int, rows block) {
		if grown := total - len(drawn[i]) + len(rows); drawn[i] == nil || grown <= room {
			drawn[i], total = rows, grown
		}
	}
	for i, c := range w.found {
		if c.Level == Fail || here && i == at {
			try(i, f.check(c, here && i == at))
		} else {
			try(i, f.briefCheck(c))
		}
	}
	for _, level := range []Level{Warn, OK, Note} {
		for i, c := range w.found {
			if c.Level == level && !(here && i == at) {
				w.enlarge(f, c, func(rows block) { try(i, rows) })
			}
		}
	}
	if w.looking >= 0 {
		drawn[w.looking] = block{f.pointed(here && w.looking == at, f.spinner()+" "+f.Muted.Render("looking again: "+clean(w.found[w.looking].Name)))}
	}
	if here {
		return append(f.window(drawn, at, room), lines...)
	}
	return append(w.spare(f, drawn, room), lines...)
}

// enlarge tries more and more rows for a check.
func (w *welcomeScreen) enlarge(f frame, c Check, try func(block)) {
	bare := c
	bare.Hint = ""
	rows := f.check(bare, false)
	for n := 2; n < len(rows); n++ {
		try(append(rows[:n-1:n-1], f.fit(rows[n-1]+" "+f.Glyphs.Ellipsis, f.width)))
	}
	try(rows)
	try(f.check(c, false))
}

// spare leaves rows of what is well out, as far as room is short, and counts them.
func (w *welcomeScreen) spare(f frame, drawn []block, room int) []string {
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

// check draws a check as 'floe doctor' does, with the cursor's sign in its margin.
func (f frame) check(c Check, here bool) block {
	rows := strings.Split(strings.TrimRight(f.Styles.At(f.width).Checks([]Check{c}), "\n"), "\n")
	for i, r := range rows {
		rows[i] = f.pointed(here && i == 0, strings.TrimPrefix(r, margin(f.width)))
	}
	return rows
}

// briefCheck draws a check in one row.
func (f frame) briefCheck(c Check) block {
	row, _, _ := strings.Cut(f.Styles.At(0).Checks([]Check{c}), "\n")
	return block{f.fit(f.pointed(false, strings.TrimPrefix(row, margin(0))), f.width)}
}
