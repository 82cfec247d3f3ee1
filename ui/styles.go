package ui

import (
	"image/color"

	"charm.land/bubbles/v2/spinner"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// Glyphs are the signs of the display. Each stands beside a word that says the
// same.
type Glyphs struct {
	OK, Warn, Fail, Kept, Stopped string
	Ellipsis, Rule, Arrow, Edge   string
	Full, Half, Empty             string // of a bar
	BarLeft, BarRight             string
	Pointer, Dot                  string // the cursor of a list; between words of a line
	Past, Now, Ahead, Way         string // places on the way through the wizard, and what joins them
	Up, Down                      string // more above, more below
	Arrows                        string // the keys that move a cursor
	Spinner                       []string
}

var unicodeGlyphs = Glyphs{
	OK: "✓", Warn: "!", Fail: "✗", Kept: "•", Stopped: "–",
	Ellipsis: "…", Rule: "─", Arrow: "→", Edge: "│",
	Full: "━", Half: "╸", Empty: "─",
	Pointer: "❯", Dot: "·", Past: "●", Now: "◉", Ahead: "○", Way: "──",
	Up: "↑", Down: "↓", Arrows: "↑↓",
	Spinner: spinner.MiniDot.Frames,
}

var asciiGlyphs = Glyphs{
	OK: "+", Warn: "!", Fail: "x", Kept: "=", Stopped: "-",
	Ellipsis: "...", Rule: "-", Arrow: "->", Edge: "|",
	Full: "#", Half: "#", Empty: ".", BarLeft: "[", BarRight: "]",
	Pointer: ">", Dot: "|", Past: "*", Now: "@", Ahead: "o", Way: "--",
	Up: "^", Down: "v", Arrows: "up/down",
	Spinner: spinner.Line.Frames,
}

// hue is one colour of the palette, for 16, 256 and 16 million colours.
type hue [3]string

// role is a colour's use, on a dark and on a light background.
type role struct{ dark, light hue }

// The palette: ice, and one warm accent. Every pair reads on its background
// with a contrast of at least 4.5 : 1 (WCAG 2.2, 1.4.3).
var (
	ice   = role{hue{"14", "117", "#8fd3f4"}, hue{"4", "25", "#0b6496"}}
	deep  = role{hue{"6", "74", "#6cb2d6"}, hue{"6", "31", "#2b6f93"}}
	muted = role{hue{"8", "246", "#8c99a5"}, hue{"8", "241", "#5f6a74"}}
	warm  = role{hue{"11", "216", "#f2b880"}, hue{"3", "130", "#a6521a"}}
	okay  = role{hue{"10", "114", "#8fd6a3"}, hue{"2", "28", "#1c7038"}}
	warn  = role{hue{"11", "221", "#f4d06f"}, hue{"3", "94", "#7d5800"}}
	fail  = role{hue{"9", "210", "#f58c8a"}, hue{"1", "124", "#b3261e"}}
)

// Styles is the one style sheet: what every screen and every output is drawn
// with. Its styles hold colours that the terminal can show, so that what they
// render can be written as it is.
type Styles struct {
	Glyphs Glyphs
	Width  int // columns of one-shot outputs; 0 means no limit

	Text   lipgloss.Style
	Strong lipgloss.Style // names of things
	Title  lipgloss.Style // headings
	Muted  lipgloss.Style // what may be overlooked
	Ice    lipgloss.Style // what moves: bars, spinners, the cursor
	Deep   lipgloss.Style // lines and frames
	Warm   lipgloss.Style // the one accent: what to do next
	Act    lipgloss.Style // the same at the cursor: what enter does
	OK     lipgloss.Style
	Warn   lipgloss.Style
	Fail   lipgloss.Style

	ascii   bool
	profile colorprofile.Profile
	pick    func(role) color.Color
}

// NewStyles makes the style sheet for a terminal.
func NewStyles(t Terminal) Styles {
	s := Styles{Glyphs: unicodeGlyphs, Width: t.Width, ascii: t.ASCII, profile: t.Profile, pick: picker(t)}
	if t.ASCII {
		s.Glyphs = asciiGlyphs
	}
	base := lipgloss.NewStyle()
	if t.Profile <= colorprofile.NoTTY {
		s.Text, s.Strong, s.Title, s.Muted, s.Ice = base, base, base, base, base
		s.Deep, s.Warm, s.Act, s.OK, s.Warn, s.Fail = base, base, base, base, base, base
		return s
	}
	paint := func(r role) lipgloss.Style { return base.Foreground(s.pick(r)) }
	s.Text, s.Strong = base, base.Bold(true)
	s.Title = paint(ice).Bold(true)
	s.Muted, s.Ice, s.Deep, s.Warm = paint(muted), paint(ice), paint(deep), paint(warm)
	s.Act = s.Warm.Bold(true)
	s.OK, s.Warn, s.Fail = paint(okay), paint(warn).Bold(true), paint(fail).Bold(true)
	if t.Profile <= colorprofile.ANSI {
		// Some palettes of 16 colours hide bright black in the background.
		s.Muted = base.Faint(true)
	}
	return s
}

// picker chooses a role's colour for the terminal's background and abilities.
func picker(t Terminal) func(role) color.Color {
	complete := lipgloss.Complete(t.Profile)
	return func(r role) color.Color {
		h := r.light
		if t.Dark {
			h = r.dark
		}
		return complete(lipgloss.Color(h[0]), lipgloss.Color(h[1]), lipgloss.Color(h[2]))
	}
}

// At gives the same styles for outputs of another width.
func (s Styles) At(width int) Styles { s.Width = width; return s }

// Level is how something stands.
type Level int

// The levels. Note is for a fact that is neither good nor bad.
const (
	Note Level = iota
	OK
	Warn
	Fail
)

// level is the look of a Level.
func (s Styles) level(l Level) (glyph, word string, style lipgloss.Style) {
	switch l {
	case OK:
		return s.Glyphs.OK, "ok", s.OK
	case Warn:
		return s.Glyphs.Warn, "warn", s.Warn
	case Fail:
		return s.Glyphs.Fail, "FAIL", s.Fail
	}
	return " ", "", s.Muted
}
