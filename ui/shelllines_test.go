package ui

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"floe/steps"
)

// TestShellLines has a shell read what was broken: it is the same command.
func TestShellLines(t *testing.T) {
	words := [][]string{
		{"floe", "build", "--ssh-key", "ssh-ed25519 " + strings.Repeat("AAAAC3NzaC1lZDI1NTE5", 9) + " me", "--memory", "2048"},
		{"podman", "system", "connection", "add", "box", "ssh://floe@ADDRESS/run/podman/podman.sock"},
		{"floe", "build", "--boot-codes", "docker=\"--debug  --mtu=1400\" x='" + strings.Repeat("it's ", 30), "-o", "/" + strings.Repeat("deep/", 40) + "x.iso"},
		{"floe", strings.Repeat("'", 80), strings.Repeat(`a\`, 40) + "b"},
		{"floe"},
	}
	for _, argv := range words {
		quoted := make([]string, len(argv))
		for i, w := range argv {
			quoted[i] = steps.ShellWord(w)
		}
		for width := 20; width < 100; width += 3 {
			lines := shellLines("  "+strings.Join(quoted, " "), width)
			for _, l := range lines {
				if ansi.StringWidth(l) > width {
					t.Errorf("at %d: %q", width, l)
				}
			}
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+strings.Join(lines, "\n")).Output()
			if want := strings.Join(argv, "\n") + "\n"; err != nil || string(out) != want {
				t.Fatalf("at %d: %v\n%s\nbecomes\n%s", width, err, strings.Join(lines, "\n"), out)
			}
		}
	}
	// What is continued anyway stays so.
	if got := shellLines(`  -drive file=x \`, 80); len(got) != 1 || got[0] != `  -drive file=x \` {
		t.Errorf("%q", got)
	}
}
