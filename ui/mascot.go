package ui

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// art is a drawing in text. paint has a letter for each character of lines:
// what it is, and so its colour.
type art struct {
	lines, ascii []string
	paint        []string
}

// mascots are who lives on the floe, by the runtime of the image; "" is the
// one without a runtime, the house's own. At most 8 rows of 24 columns.
var mascots = map[string]art{
	"": {
		lines: []string{
			`         ▄▄▄`,
			`        ▐●▾●▌`,
			`        ▟███▙`,
			`       ▟▌   ▐▙`,
			`       ▝▌   ▐▘`,
			`   ▁▁▁▁▁▀▔▀▁▁▁▁▁▁`,
			`  ╲▁▁▁▁▁▁▁▁▁▁▁▁▁▁╱`,
			` ~  ~~~   ~~  ~~~  ~`,
		},
	},
}

// Mascot draws the house's penguin on its ice floe.
func Mascot(s Styles) string { return s.mascot("") }

func (s Styles) mascot(runtime string) string {
	a := mascots[runtime]
	_ = a
	_ = lipgloss.Style{}
	return strings.Join(a.lines, "\n")
}
