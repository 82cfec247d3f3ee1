package ui

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

var update = updating()

// updating is the flag that teatest brings, or a new one of the same name.
func updating() *bool {
	if flag.Lookup("update") == nil {
		return flag.Bool("update", false, "write the golden files anew")
	}
	on := false
	for _, a := range os.Args[1:] {
		on = on || a == "-update" || a == "-test.update" || a == "-update=true"
	}
	return &on
}

// golden compares got with testdata/name.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s differs; go test -update writes it anew, git diff shows the change\nwant:\n%s\ngot:\n%s", path, want, got)
	}
}

// looks are the terminals on which every view is drawn.
var looks = map[string]Terminal{
	"dark":   {TTY: true, Profile: colorprofile.TrueColor, Dark: true},
	"light":  {TTY: true, Profile: colorprofile.ANSI256},
	"16":     {TTY: true, Profile: colorprofile.ANSI, Dark: true},
	"mono":   {TTY: true, Profile: colorprofile.ASCII, Dark: true},
	"linux":  {TTY: true, Profile: colorprofile.ANSI, Dark: true, ASCII: true},
	"escape": {TTY: true, Profile: colorprofile.NoTTY},
}

// widths are those of the golden files.
var widths = []int{40, 80, 120}

// each draws a view on every terminal at every width: in full where there is no
// escape sequence, else once at 80 columns, as colours do not depend on width.
func each(t *testing.T, name string, view func(s Styles) string) {
	t.Helper()
	for look, term := range looks {
		for _, width := range widths {
			s := NewStyles(term).At(width)
			got := view(s)
			checkText(t, fmt.Sprintf("%s on %s at %d", name, look, width), term, got)
			if look == "escape" || width == 80 {
				golden(t, fmt.Sprintf("%s-%s-%d", name, look, width), got)
			}
		}
	}
}

// checkText proves what holds for every view.
func checkText(t *testing.T, what string, term Terminal, got string) {
	t.Helper()
	plain := ansi.Strip(got)
	if term.Profile == colorprofile.NoTTY && plain != got {
		t.Errorf("%s: escape sequences without a terminal:\n%q", what, got)
	}
	if term.Profile == colorprofile.ASCII && strings.Contains(got, "[3") {
		t.Errorf("%s: colours without colour:\n%q", what, got)
	}
	for i, line := range strings.Split(plain, "\n") {
		if strings.TrimRight(line, " ") != line {
			t.Errorf("%s: line %d has spaces at its end: %q", what, i+1, line)
		}
	}
}

// narrow proves that no line is wider than width.
func narrow(t *testing.T, what string, width int, got string) {
	t.Helper()
	for i, line := range strings.Split(got, "\n") {
		if w := ansi.StringWidth(line); w > width {
			t.Errorf("%s: line %d has %d columns, not at most %d: %q", what, i+1, w, width, ansi.Strip(line))
		}
	}
}
