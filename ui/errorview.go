package ui

import "strings"

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
