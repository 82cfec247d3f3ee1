package ui

import "floe/internal/bootcode"

// CodeLines list all boot codes as text, at most 79 columns wide.
func CodeLines() []string {
	var lines []string
	for _, p := range bootcode.Pages() {
		lines = append(append(lines, ""), bootcode.Screen(p)...)
	}
	return append(lines, "")
}
