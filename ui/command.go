package ui

import (
	"errors"
	"image/color"
	"io"
	"strings"

	"charm.land/fang/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"

	"floe/internal/fault"
)

// FangOptions dress the command line's help and errors in this style. stdout
// and stderr describe the two outputs; logPath, which may be nil, gives the
// path of the log that belongs to the error, or "".
func FangOptions(stdout, stderr Terminal, logPath func() string) []fang.Option {
	return []fang.Option{
		fang.WithColorSchemeFunc(func(pick lipgloss.LightDarkFunc) fang.ColorScheme {
			// The background is asked for once, by whoever made stdout.
			return colorScheme(stdout)
		}),
		fang.WithErrorHandler(func(w io.Writer, _ fang.Styles, err error) {
			path := ""
			if logPath != nil {
				path = logPath()
			}
			Error(w, NewStyles(stderr), AsUsage(err), path)
		}),
		fang.WithoutManpage(),
	}
}

// colorScheme is the palette in fang's terms. Without colour there is none
// anywhere, whatever fang makes of the environment.
func colorScheme(t Terminal) fang.ColorScheme {
	none := lipgloss.NoColor{}
	pick := func(r role) color.Color { return picker(t)(r) }
	quiet := pick(muted)
	if t.Profile <= colorprofile.ANSI {
		quiet = none
	}
	return fang.ColorScheme{
		Base: none, Description: none, Argument: none, Help: none, Dash: none,
		Codeblock:      none,
		Title:          pick(ice),
		Program:        pick(ice),
		Command:        pick(ice),
		Flag:           pick(okay),
		FlagDefault:    quiet,
		DimmedArgument: quiet,
		Comment:        quiet,
		QuotedString:   pick(warm),
		ErrorHeader:    [2]color.Color{pick(fail), none},
		ErrorDetails:   none,
	}
}

// misuse is how cobra's own errors about the command line begin. Cobra has no
// type for them.
var misuse = []string{
	"unknown command", "unknown flag", "unknown shorthand flag", "flag needs an argument",
	"invalid argument", "bad flag syntax", "accepts ", "requires at least", "required flag",
	"if any flags in the group", "at least one of the flags in the group",
}

// AsUsage makes an error of cobra about the command line one of class
// fault.Usage, with a hint at the help. Other errors come back as they are.
func AsUsage(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	for _, m := range misuse {
		if strings.HasPrefix(err.Error(), m) {
			lines := strings.SplitN(err.Error(), "\n", 2)
			var why error
			if len(lines) > 1 {
				why = errors.New(strings.TrimSpace(lines[1]))
			}
			return fault.New(fault.Usage, lines[0], "", why, "--help behind a command says what it takes")
		}
	}
	return err
}
