package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"floe/ui"
)

// TestHelpFits: the help of every command fits a terminal of 80 columns. Text is
// broken there; a command to be typed is not, and must be short enough.
func TestHelpFits(t *testing.T) {
	const width = 80
	screen := ui.NewStyles(ui.Terminal{TTY: true, Width: width})
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		for line := range strings.Lines(screen.Help(cmd)) {
			if line = strings.TrimRight(line, "\n"); ansi.StringWidth(line) > width {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), ansi.StringWidth(line), ansi.Strip(line))
			}
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(rootCommand(&terminal{Out: io.Discard, Err: io.Discard}))
}
