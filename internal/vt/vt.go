// Package vt is as much of a terminal (ECMA-48, xterm) as floe draws with: text
// with its colours, a cursor, erasing, inserting, scrolling. Tests look at what
// the real program shows through it, and pictures for the manual are made with it.
//
// It is no terminal to work with: it answers nothing, knows no tab stops but every
// eighth column, no character sets, and no scrollback.
package vt

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Cell is one place on a screen.
type Cell struct {
	Text string // a grapheme; "" is blank
	Half bool   // the second half of a wide one before it
	Style
}

// Screen is what a terminal shows. The zero value is of no use; see New.
type Screen struct {
	Alt    bool // the alternate screen is on
	Hidden bool // the cursor is hidden

	rows, cols  int
	cells       [][]Cell
	x, y        int
	top, bottom int // of the scrolling region
	style       Style
	last        string // for REP
	rest        []byte // of a sequence that is not complete yet
}

// New gives an empty screen.
func New(cols, rows int) *Screen {
	s := &Screen{}
	s.Resize(cols, rows)
	return s
}

// Resize gives the screen another size; what has no room any more is lost.
func (s *Screen) Resize(cols, rows int) {
	cells := make([][]Cell, rows)
	for y := range cells {
		cells[y] = make([]Cell, cols)
		if y < len(s.cells) {
			copy(cells[y], s.cells[y])
		}
	}
	s.cells, s.cols, s.rows, s.top, s.bottom = cells, cols, rows, 0, rows-1
	s.x, s.y = min(s.x, cols-1), min(s.y, rows-1)
}

// Write takes what a program draws.
func (s *Screen) Write(p []byte) (int, error) {
	data := append(s.rest, p...)
	for len(data) > 0 && utf8.FullRune(data) {
		seq, width, n, state := ansi.DecodeSequence(data, ansi.NormalState, nil)
		if state != ansi.NormalState && n == len(data) {
			break // incomplete
		}
		s.take(string(seq), width)
		data = data[n:]
	}
	s.rest = append([]byte{}, data...)
	return len(p), nil
}

func (s *Screen) take(seq string, width int) {
	switch {
	case width > 0:
		s.put(seq, width)
	case seq == "\r":
		s.x = 0
	case seq == "\n":
		s.down()
	case seq == "\b":
		s.x = max(0, s.x-1)
	case seq == "\t":
		s.x = min(s.cols-1, (s.x/8+1)*8)
	case seq == "\x1bM":
		if s.y == s.top {
			s.scroll(s.top, -1)
		} else {
			s.y = max(0, s.y-1)
		}
	case strings.HasPrefix(seq, "\x1b["):
		s.control(seq[2:])
	}
}

func (s *Screen) put(text string, width int) {
	if s.x+width > s.cols {
		s.x = 0
		s.down()
	}
	s.cells[s.y][s.x], s.last = Cell{Text: text, Style: s.style}, text
	for i := 1; i < width; i++ {
		s.cells[s.y][s.x+i] = Cell{Half: true, Style: s.style}
	}
	s.x += width
}

func (s *Screen) down() {
	if s.y == s.bottom {
		s.scroll(s.top, 1)
	} else {
		s.y = min(s.rows-1, s.y+1)
	}
}

// scroll moves the rows from top to the region's end up by n, or down.
func (s *Screen) scroll(top, n int) {
	for ; n > 0; n-- {
		copy(s.cells[top:s.bottom], s.cells[top+1:s.bottom+1])
		s.cells[s.bottom] = make([]Cell, s.cols)
	}
	for ; n < 0; n++ {
		copy(s.cells[top+1:s.bottom+1], s.cells[top:s.bottom])
		s.cells[top] = make([]Cell, s.cols)
	}
}

// control obeys a control sequence, without its CSI.
func (s *Screen) control(seq string) {
	final, params := seq[len(seq)-1], seq[:len(seq)-1]
	if on := final == 'h'; params == "?1049" {
		s.Alt = on
		s.erase(0, 0, s.rows-1, s.cols-1)
		return
	} else if params == "?25" {
		s.Hidden = !on
		return
	}
	fields := strings.Split(params, ";")
	n := func(i, otherwise int) int {
		if i < len(fields) {
			if v, err := strconv.Atoi(fields[i]); err == nil {
				return v
			}
		}
		return otherwise
	}
	row := s.cells[s.y]
	x := min(s.x, s.cols-1)
	switch final {
	case 'm':
		if params == "" || params[0] < '<' { // else it is private: xterm's keys
			s.style.set(params)
		}
	case 'A':
		s.y = max(0, s.y-n(0, 1))
	case 'B':
		s.y = min(s.rows-1, s.y+n(0, 1))
	case 'C':
		s.x = min(s.cols-1, s.x+n(0, 1))
	case 'D':
		s.x = max(0, x-n(0, 1))
	case 'G', '`':
		s.x = min(s.cols, n(0, 1)) - 1
	case 'd':
		s.y = min(s.rows, n(0, 1)) - 1
	case 'H', 'f':
		s.y, s.x = min(s.rows, max(1, n(0, 1)))-1, min(s.cols, max(1, n(1, 1)))-1
	case 'I':
		s.x = min(s.cols-1, (s.x/8+n(0, 1))*8)
	case 'Z':
		s.x = max(0, ((x+7)/8-n(0, 1))*8)
	case 'J':
		switch n(0, 0) {
		case 0:
			s.erase(s.y, x, s.rows-1, s.cols-1)
		case 1:
			s.erase(0, 0, s.y, x)
		default:
			s.erase(0, 0, s.rows-1, s.cols-1)
		}
	case 'K':
		switch n(0, 0) {
		case 0:
			s.erase(s.y, x, s.y, s.cols-1)
		case 1:
			s.erase(s.y, 0, s.y, x)
		default:
			s.erase(s.y, 0, s.y, s.cols-1)
		}
	case 'X':
		s.erase(s.y, x, s.y, min(s.cols, x+n(0, 1))-1)
	case 'b':
		for range n(0, 1) {
			s.put(s.last, ansi.StringWidth(s.last))
		}
	case 'P':
		copy(row[x:], append(append([]Cell{}, row[min(s.cols, x+n(0, 1)):]...), make([]Cell, n(0, 1))...))
	case '@':
		copy(row[x:], append(make([]Cell, n(0, 1)), row[x:]...)[:s.cols-x])
	case 'L':
		s.scroll(s.y, -n(0, 1))
	case 'M':
		s.scroll(s.y, n(0, 1))
	case 'S':
		s.scroll(s.top, n(0, 1))
	case 'T':
		s.scroll(s.top, -n(0, 1))
	case 'r':
		if params == "" || params[0] != '?' {
			s.top, s.bottom = n(0, 1)-1, min(s.rows, n(1, s.rows))-1
			s.x, s.y = 0, 0
		}
	}
}

func (s *Screen) erase(y0, x0, y1, x1 int) {
	for y := y0; y <= y1; y++ {
		for x := 0; x < s.cols; x++ {
			if (y > y0 || x >= x0) && (y < y1 || x <= x1) {
				s.cells[y][x] = Cell{Style: Style{Back: s.style.Back}}
			}
		}
	}
}

// String gives the rows as a person sees them.
func (s *Screen) String() string {
	var b strings.Builder
	for _, row := range s.cells {
		line := ""
		for _, c := range row {
			if c.Text == "" && !c.Half {
				c.Text = " "
			}
			line += c.Text
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// Rows gives the cells, a copy.
func (s *Screen) Rows() [][]Cell {
	rows := make([][]Cell, len(s.cells))
	for y, row := range s.cells {
		rows[y] = append([]Cell{}, row...)
	}
	return rows
}

// Cursor tells where the cursor is, counted from 0.
func (s *Screen) Cursor() (x, y int) { return min(s.x, s.cols-1), s.y }
