package ui

import (
	"errors"
	"strings"

	"floe/internal/fault"
)

// errorLines draws an error in the body's width, and where its log is, in so
// many rows at most. What is too long is cut, and how much of it is hidden is
// counted; what to do next is cut last.
func (f frame) errorLines(err error, log string, rows int) []string {
	parts := f.Styles.At(f.width+2).errorParts(err, log)
	room := make([]int, len(parts))
	total := 0
	for i, p := range parts {
		room[i] = len(p.lines)
		total += room[i]
	}
	for ; total > rows; total-- {
		i := longest(parts, room)
		if i < 0 {
			break
		}
		room[i]--
	}
	var lines []string
	for i, p := range parts {
		for _, l := range f.atMost(p.lines, room[i]) {
			lines = append(lines, strings.TrimPrefix(l, margin(f.width+2)))
		}
	}
	return f.atMost(lines, rows)
}

// leastPart is how many rows a part keeps: its first one, and what counts the
// others.
const leastPart = 2

// longest gives the part of an error that is cut first, or -1.
func longest(parts []errorPart, room []int) int {
	at, last := -1, -1
	for i, p := range parts {
		switch {
		case room[i] <= leastPart:
		case p.key == "next":
			last = i
		case at < 0 || room[i] > room[at]:
			at = i
		}
	}
	if at < 0 {
		return last
	}
	return at
}

// whole says in one line what is wrong with a beginning: of an answer that it
// brings, with whose and which one that is.
func whole(err error) string {
	if _, ok := err.(*fault.Error); ok {
		return reason(err)
	}
	return strings.Join(cleanLines(err.Error()), " ")
}

// reason says in one line why something did not work.
func reason(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Err != nil {
		text = f.Err.Error()
		if hint := fault.Hint(f); hint != "" && f.Class != fault.Usage {
			text += ". " + hint
		}
	}
	return strings.Join(cleanLines(text), " ")
}
