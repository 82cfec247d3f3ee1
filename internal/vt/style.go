package vt

import (
	"fmt"
	"strconv"
	"strings"
)

// Style is how a cell looks. Colours are "#rrggbb"; "" is the terminal's own.
type Style struct {
	Fore, Back                     string
	Bold, Faint, Underline, Invert bool
}

// set obeys SGR (ECMA-48, 8.3.117), with the colours of ISO 8613-6.
func (s *Style) set(params string) {
	codes := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(codes) == 0 {
		*s = Style{}
	}
	for i := 0; i < len(codes); i++ {
		n, _ := strconv.Atoi(codes[i])
		switch {
		case n == 38 || n == 48:
			colour, used := extended(codes[i+1:])
			if i += used; n == 38 {
				s.Fore = colour
			} else {
				s.Back = colour
			}
		case n >= 30 && n <= 37:
			s.Fore = indexed(n - 30)
		case n >= 90 && n <= 97:
			s.Fore = indexed(n - 82)
		case n >= 40 && n <= 47:
			s.Back = indexed(n - 40)
		case n >= 100 && n <= 107:
			s.Back = indexed(n - 92)
		default:
			s.attribute(n)
		}
	}
}

func (s *Style) attribute(n int) {
	switch n {
	case 0:
		*s = Style{}
	case 1:
		s.Bold = true
	case 2:
		s.Faint = true
	case 4:
		s.Underline = true
	case 7:
		s.Invert = true
	case 22:
		s.Bold, s.Faint = false, false
	case 24:
		s.Underline = false
	case 27:
		s.Invert = false
	case 39:
		s.Fore = ""
	case 49:
		s.Back = ""
	}
}

// extended reads what follows a 38 or 48: 2 with red, green and blue, or 5 with
// a number.
func extended(codes []string) (colour string, used int) {
	n := func(i int) int {
		if i >= len(codes) {
			return 0
		}
		v, _ := strconv.Atoi(codes[i])
		return v
	}
	switch n(0) {
	case 2:
		return fmt.Sprintf("#%02x%02x%02x", n(1), n(2), n(3)), 4
	case 5:
		return indexed(n(1)), 2
	}
	return "", len(codes)
}

// sixteen are xterm's first sixteen colours.
var sixteen = [...]string{"#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5",
	"#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff"}

// indexed is a colour of xterm's 256.
func indexed(n int) string {
	switch {
	case n < 0 || n > 255:
		return ""
	case n < 16:
		return sixteen[n]
	case n >= 232:
		grey := 8 + 10*(n-232)
		return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
	}
	n -= 16
	level := func(v int) int {
		if v == 0 {
			return 0
		}
		return 55 + 40*v
	}
	return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
}
