package ui

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// The size of a terminal that does not tell its own, such as a serial console.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Terminal is what is known about an output.
type Terminal struct {
	TTY    bool // the output is a terminal
	Width  int  // columns; 0 means no limit: the output is not a terminal
	Height int  // rows; 0 with Width 0
	// Profile says which escape sequences may be written: NoTTY none at all,
	// ASCII attributes such as bold but no colour, then 16, 256, 16 million.
	Profile colorprofile.Profile
	Dark    bool // light text on a dark background
	ASCII   bool // draw with ASCII characters only
	// Lines says that the display must not move the cursor: TERM=dumb, or a
	// background job, whose drawing would mix with the shell's.
	Lines bool
}

// Detect looks at an output and at the environment, in the form of
// os.Environ. It writes nothing; see AskBackground for what only the terminal
// itself can tell. NO_COLOR counts whatever its value, the empty one included.
func Detect(w io.Writer, env []string) Terminal {
	t := Terminal{Dark: true, Profile: colorprofile.NoTTY, ASCII: !unicodeLocale(env)}
	name, _ := lookup(env, "TERM")
	f, ok := w.(term.File)
	if ok && term.IsTerminal(f.Fd()) {
		t.TTY = true
		t.Width, t.Height = size(f, env)
		t.Lines = name == "" || name == "dumb" || background(f)
		t.ASCII = t.ASCII || slices.Contains(asciiTerminals, name)
	}
	t.Profile = colorprofile.Detect(w, without(env, "NO_COLOR"))
	if _, no := lookup(env, "NO_COLOR"); no {
		t.Profile = min(t.Profile, colorprofile.ASCII)
	}
	if v, ok := lookup(env, "COLORFGBG"); ok {
		t.Dark = darkColorFGBG(v)
	}
	return t
}

// asciiTerminals are those whose fonts lack most of Unicode, or that are
// usually reached over a serial line. They also answer no questions.
var asciiTerminals = []string{"linux", "ansi", "cons25", "vt100", "vt102", "vt220"}

// AskBackground asks the terminal for the colour of its background (OSC 11)
// through in, the keyboard, and returns t with the answer. It asks only a
// terminal that is likely to answer and that belongs to this process; an
// answer takes a few milliseconds, silence two seconds.
func (t Terminal) AskBackground(in, out *os.File, env []string) Terminal {
	name, _ := lookup(env, "TERM")
	_, known := lookup(env, "COLORFGBG")
	if known || !t.TTY || t.Lines || t.ASCII || t.Profile <= colorprofile.ASCII ||
		slices.Contains(asciiTerminals, name) || !term.IsTerminal(in.Fd()) || background(in) {
		return t
	}
	t.Dark = lipgloss.HasDarkBackground(in, out)
	return t
}

// size gives columns and rows, with COLUMNS and LINES for a terminal that
// reports none, as serial consoles do.
func size(f term.File, env []string) (width, height int) {
	width, height, err := term.GetSize(f.Fd())
	if err != nil {
		width, height = 0, 0
	}
	return orEnv(width, env, "COLUMNS", defaultWidth), orEnv(height, env, "LINES", defaultHeight)
}

func orEnv(n int, env []string, name string, otherwise int) int {
	if n > 0 {
		return n
	}
	v, _ := lookup(env, name)
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// background says that f is this process's terminal while another process
// group has it. Drawing there would mix with the shell's, and changing its
// modes would stop the process (SIGTTOU).
func background(f term.File) bool {
	owner, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && owner != unix.Getpgrp()
}

// unicodeLocale looks at the variables that name the character encoding, in
// the order of POSIX.1, section 8.2. With none set, UTF-8 is the safer guess
// today.
func unicodeLocale(env []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, _ := lookup(env, name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

// darkColorFGBG reads "foreground;background" in ANSI colour numbers, as rxvt
// and others export it: backgrounds 0 to 6 and 8 are dark.
func darkColorFGBG(v string) bool {
	bg, err := strconv.Atoi(v[strings.LastIndex(v, ";")+1:])
	return err != nil || bg <= 6 || bg == 8
}

// lookup finds a variable; the last setting wins.
func lookup(env []string, name string) (string, bool) {
	for _, e := range slices.Backward(env) {
		if k, v, ok := strings.Cut(e, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		return strings.HasPrefix(e, name+"=")
	})
}

// Mode is how progress is shown. It is a value for a command-line flag.
type Mode string

// The modes.
const (
	Auto  Mode = "auto"  // a live display on a terminal, Plain elsewhere
	Plain Mode = "plain" // lines of text without any escape sequence
	JSON  Mode = "json"  // one report.Event per line
)

// Set takes one of the modes' names.
func (m *Mode) Set(s string) error {
	switch v := Mode(s); v {
	case Auto, Plain, JSON:
		*m = v
		return nil
	}
	return fmt.Errorf("unknown way to show progress %q; there are auto, plain and json", s)
}

// String gives the mode's name.
func (m Mode) String() string { return string(m) }

// Type names the value in a flag's help.
func (Mode) Type() string { return "auto|plain|json" }
