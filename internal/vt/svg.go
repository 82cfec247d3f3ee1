package vt

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// The picture's measures, in pixels, and the colours of a terminal that has
// nothing else to say.
const (
	cellWidth  = 9
	cellHeight = 19
	frame      = 14
	ground     = "#101418"
	ink        = "#d8dee9"
)

// SVG writes a picture of the screen (SVG 1.1), which needs no font but some
// monospaced one: blocks and lines are drawn, and text is kept to the grid.
func (s *Screen) SVG(w io.Writer, title string) error {
	width, height := s.cols*cellWidth+2*frame, s.rows*cellHeight+2*frame
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="%s"/>`+"\n", width, height, ground)
	fmt.Fprintf(&b, `<g font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="15" fill="%s">`+"\n", ink)
	for y, row := range s.cells {
		for x := 0; x < len(row); {
			n := run(row[x:])
			draw(&b, row[x:x+n], frame+x*cellWidth, frame+y*cellHeight)
			x += n
		}
	}
	b.WriteString("</g>\n</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// run is how many cells from the first on are drawn as one.
func run(row []Cell) int {
	n := 1
	for n < len(row) && row[n].Style == row[0].Style && shape(row[n].Text) == shape(row[0].Text) {
		n++
	}
	return n
}

// shape gives what is drawn instead of written: a part of the cell, in
// hundredths of its width and height.
func shape(text string) (part [4]int) {
	return map[string][4]int{
		"█": {0, 0, 100, 100}, "▀": {0, 0, 100, 50}, "▄": {0, 50, 100, 50},
		"─": {0, 47, 100, 6}, "━": {0, 44, 100, 13}, "╸": {0, 44, 50, 13}, "│": {45, 0, 10, 100},
	}[text]
}

// draw draws cells of one style at a place.
func draw(b *strings.Builder, cells []Cell, x, y int) {
	style, width := cells[0].Style, len(cells)*cellWidth
	if style.Invert {
		style.Fore, style.Back = or(style.Back, ground), or(style.Fore, ink)
	}
	if style.Back != "" {
		rect(b, x, y, width, cellHeight, style.Back)
	}
	if p := shape(cells[0].Text); p != [4]int{} {
		if p[2] == 100 { // joined to its neighbours
			rect(b, x, y+p[1]*cellHeight/100, width, max(1, p[3]*cellHeight/100), or(style.Fore, ink))
			return
		}
		for i := range cells {
			rect(b, x+i*cellWidth+p[0]*cellWidth/100, y+p[1]*cellHeight/100, max(1, p[2]*cellWidth/100), max(1, p[3]*cellHeight/100), or(style.Fore, ink))
		}
		return
	}
	text := ""
	lead, end := 0, 0
	for i, c := range cells {
		if c.Text != "" && c.Text != " " || c.Half {
			end = i + 1
		}
		if end == 0 {
			lead = i + 1
		}
	}
	if end == 0 {
		return
	}
	for _, c := range cells[lead:end] {
		if c.Text == " " || c.Text == "" && !c.Half {
			c.Text = "\u00a0" // others run together
		}
		text += c.Text
	}
	attributes := ""
	for _, a := range []struct {
		on   bool
		text string
	}{
		{style.Fore != "", ` fill="` + style.Fore + `"`}, {style.Bold, ` font-weight="bold"`},
		{style.Faint, ` opacity="0.6"`}, {style.Underline, ` text-decoration="underline"`},
	} {
		if a.on {
			attributes += a.text
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d"%s>%s</text>`+"\n", x+lead*cellWidth, y+14,
		(end-lead)*cellWidth, attributes, html.EscapeString(text))
}

func rect(b *strings.Builder, x, y, width, height int, fill string) {
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x, y, width, height, fill)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
