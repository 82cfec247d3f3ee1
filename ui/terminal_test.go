package ui

import (
	"bytes"
	"image/color"
	"math"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/creack/pty"
)

func rgb(r, g, b uint8) color.Color { return color.RGBA{r, g, b, 255} }

// luminance and contrast follow WCAG 2.2.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 {
		x := float64(v) / 0xffff
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

func TestDetect(t *testing.T) {
	primary, secondary, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer primary.Close()
	defer secondary.Close()
	if err := pty.Setsize(secondary, &pty.Winsize{Cols: 100, Rows: 30}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		env     []string
		profile colorprofile.Profile
		ascii   bool
		lines   bool
		dark    bool
	}{
		{"256 colours", []string{"TERM=xterm-256color", "LANG=en_GB.UTF-8"}, colorprofile.ANSI256, false, false, true},
		{"16 million", []string{"TERM=xterm-256color", "COLORTERM=truecolor"}, colorprofile.TrueColor, false, false, true},
		{"NO_COLOR=1", []string{"TERM=xterm-256color", "COLORTERM=truecolor", "NO_COLOR=1"}, colorprofile.ASCII, false, false, true},
		{"NO_COLOR=yes", []string{"TERM=xterm-256color", "NO_COLOR=yes"}, colorprofile.ASCII, false, false, true},
		{"NO_COLOR=0", []string{"TERM=xterm-256color", "NO_COLOR=0"}, colorprofile.ASCII, false, false, true},
		{"NO_COLOR empty", []string{"TERM=xterm-256color", "NO_COLOR="}, colorprofile.ASCII, false, false, true},
		{"dumb", []string{"TERM=dumb"}, colorprofile.NoTTY, false, true, true},
		{"no TERM", nil, colorprofile.NoTTY, false, true, true},
		{"linux", []string{"TERM=linux"}, colorprofile.ANSI, true, false, true},
		{"latin 1", []string{"TERM=xterm", "LANG=de_DE.ISO-8859-1"}, colorprofile.ANSI, true, false, true},
		{"C", []string{"TERM=xterm", "LANG=en_GB.UTF-8", "LC_ALL=C"}, colorprofile.ANSI, true, false, true},
		{"light", []string{"TERM=xterm", "COLORFGBG=0;15"}, colorprofile.ANSI, false, false, false},
		{"light, three fields", []string{"TERM=xterm", "COLORFGBG=0;default;7"}, colorprofile.ANSI, false, false, false},
		{"dark", []string{"TERM=xterm", "COLORFGBG=15;0"}, colorprofile.ANSI, false, false, true},
	} {
		got := Detect(secondary, c.env)
		want := Terminal{TTY: true, Width: 100, Height: 30, Profile: c.profile, ASCII: c.ascii, Lines: c.lines, Dark: c.dark}
		if got != want {
			t.Errorf("%s: %+v, not %+v", c.name, got, want)
		}
	}
	if got := Detect(&bytes.Buffer{}, []string{"TERM=xterm-256color", "CI=true"}); got.TTY || got.Width != 0 || got.Profile != colorprofile.NoTTY {
		t.Errorf("a buffer is taken for a terminal: %+v", got)
	}
	if err := pty.Setsize(secondary, &pty.Winsize{}); err != nil {
		t.Fatal(err)
	}
	if got := Detect(secondary, []string{"TERM=vt220"}); got.Width != 80 || got.Height != 24 {
		t.Errorf("a terminal without a size counts as %d×%d, not 80×24", got.Width, got.Height)
	}
	if got := Detect(secondary, []string{"TERM=vt220", "COLUMNS=132", "LINES=43"}); got.Width != 132 || got.Height != 43 {
		t.Errorf("COLUMNS and LINES give %d×%d", got.Width, got.Height)
	}
}
