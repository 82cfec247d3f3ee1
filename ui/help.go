package ui

import (
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"floe/internal/fault"
)

// Dress gives a command line this style: help that fits 80 columns, no usage
// text thrown after an error, and no error printed by cobra, so that whoever
// executes root prints it once, with Error(AsUsage(err)). s are the styles of
// standard output.
//
// It stands in place of charm's fang, which neither breaks long descriptions
// of flags nor shows their placeholders, recases their first word ("floe.toml"
// to "Floe.toml"), and counts NO_COLOR only with some values.
func Dress(root *cobra.Command, s Styles) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _, _ = io.WriteString(cmd.OutOrStdout(), s.Help(cmd)) })
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStderr(), s.Help(cmd))
		return err
	})
}

// helpKeys is how wide the left column of help gets at most.
func (s Styles) helpKeys() int {
	if s.Width > 0 && s.Width < 60 {
		return 20
	}
	return 32
}

// paragraphs gives a description's paragraphs, each on one line, so that they can be
// broken where the terminal ends. Where that is not known they stay as they are written.
func (s Styles) paragraphs(text string) (joined []string) {
	lines := cleanLines(text)
	if s.Width <= 0 {
		return lines
	}
	for i, l := range lines {
		if i > 0 && l != "" && lines[i-1] != "" && !strings.HasPrefix(l, " ") {
			joined[len(joined)-1] += " " + l
		} else {
			joined = append(joined, l)
		}
	}
	return joined
}

// Help renders a command's help.
func (s Styles) Help(cmd *cobra.Command) string {
	var b strings.Builder
	m := margin(s.Width)
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	for _, paragraph := range s.paragraphs(about) {
		s.hang(&b, m, paragraph, s.Text.Render)
	}
	s.helpTitle(&b, "Usage")
	usage := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	if cmd.HasAvailableSubCommands() {
		usage = cmd.CommandPath() + " COMMAND"
	}
	if cmd.HasAvailableFlags() {
		usage += " [FLAGS]"
	}
	b.WriteString(m + "  " + s.Ice.Render(usage) + "\n")
	if cmd.Example != "" {
		s.helpTitle(&b, "Examples")
		for _, line := range cleanLines(cmd.Example) {
			command, remark, _ := strings.Cut(strings.TrimSpace(line), "#")
			b.WriteString(m + "  " + command)
			if remark != "" {
				b.WriteString(s.Muted.Render("#" + remark))
			}
			b.WriteString("\n")
		}
	}
	s.helpCommands(&b, cmd)
	s.helpFlags(&b, "Flags", cmd.LocalFlags())
	s.helpFlags(&b, "Flags of every command", cmd.InheritedFlags())
	return b.String()
}

func (s Styles) helpTitle(b *strings.Builder, title string) {
	b.WriteString("\n" + margin(s.Width) + s.Title.Render(title) + "\n")
}

// helpCommands lists subcommands, by group if there are groups.
func (s Styles) helpCommands(b *strings.Builder, cmd *cobra.Command) {
	groups := append(cmd.Groups(), &cobra.Group{Title: "Commands"})
	for _, group := range groups {
		var rows [][2]string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.GroupID == group.ID {
				rows = append(rows, [2]string{sub.Name(), sub.Short})
			}
		}
		s.helpRows(b, group.Title, rows)
	}
}

func (s Styles) helpFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	var rows [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && f.Deprecated == "" {
			rows = append(rows, flagRow(f))
		}
	})
	s.helpRows(b, title, rows)
}

// flagRow is a flag's name with its placeholder, and its meaning with its
// default.
func flagRow(f *pflag.Flag) [2]string {
	placeholder, meaning := pflag.UnquoteUsage(f)
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if placeholder != "" {
		name += " " + placeholder
		// A placeholder may stand before a whole sentence, only to be named.
		if rest, ok := strings.CutPrefix(meaning, placeholder+" "); ok && unicode.IsUpper([]rune(rest + " ")[0]) {
			meaning = rest
		}
	}
	switch f.DefValue {
	case "", "false", "0", "[]":
	default:
		meaning += " (default " + f.DefValue + ")"
	}
	return [2]string{name, meaning}
}

func (s Styles) helpRows(b *strings.Builder, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	s.helpTitle(b, title)
	keys := 6
	for _, r := range rows {
		if w := ansi.StringWidth(r[0]); w <= s.helpKeys() {
			keys = max(keys, w)
		}
	}
	m := margin(s.Width) + "  "
	for _, r := range rows {
		head := m + s.Ice.Render(pad(r[0], keys)) + "  "
		if ansi.StringWidth(r[0]) > keys {
			b.WriteString(m + s.Ice.Render(r[0]) + "\n")
			head = m + strings.Repeat(" ", keys+2)
		}
		s.hang(b, head, clean(r[1]), s.Text.Render)
	}
}

// misuse is how cobra's own errors about the command line begin. Cobra has no
// type for them.
var misuse = []string{
	"unknown command", "unknown flag", "unknown shorthand flag", "flag needs an argument",
	"invalid argument", "bad flag syntax", "no such flag", "accepts ", "requires at least", "required flag",
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
			// Cobra puts "Did you mean this?" and names below its error.
			first, more, _ := strings.Cut(err.Error(), "\n")
			hint := "add --help to see what there is"
			if near := strings.Fields(more); len(near) > 0 {
				hint = "did you mean " + near[len(near)-1] + "? " + hint
			}
			return fault.New(fault.Usage, first, "", nil, hint)
		}
	}
	return err
}
