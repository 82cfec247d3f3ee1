package machines

import (
	"os/exec"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/fault"
)

// TestExports runs what is printed for a shell in that shell.
func TestExports(t *testing.T) {
	variables := []Variable{{"DOCKER_HOST", "ssh://floe-box"}, {"CONTAINER_SSHKEY", `/a b/o'k\"$x`}}
	for shell, want := range map[string]string{
		"/usr/bin/zsh": "export DOCKER_HOST='ssh://floe-box'\n" + `export CONTAINER_SSHKEY='/a b/o'\''k\"$x'` + "\n# eval \"$(floe env box)\"\n",
		"fish":         "set -gx DOCKER_HOST 'ssh://floe-box';\n" + `set -gx CONTAINER_SSHKEY '/a b/o\'k\\"$x';` + "\n# floe env box | source\n",
		"pwsh.exe":     "$Env:DOCKER_HOST = 'ssh://floe-box'\n" + `$Env:CONTAINER_SSHKEY = '/a b/o''k\"$x'` + "\n# floe env box | Out-String | Invoke-Expression\n",
	} {
		if got, err := Exports(shell, "floe env box", variables); err != nil || got != want {
			t.Errorf("%s:\n%s%v\nwant\n%s", shell, got, err, want)
		}
	}
	if _, err := Exports("/bin/tcsh", "", variables); fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "fish") {
		t.Errorf("a shell that nobody knows: %v", err)
	}
	// The archive has no PowerShell.
	root := archivetest.Tools(t, "checks-shells", "bash", "dash", "zsh", "fish")
	for _, shell := range []string{"bash", "dash", "zsh", "fish"} {
		set, _ := Exports(shell, "x", variables)
		unset, _ := Unsets(shell, "x", variables)
		program := root.Direct(shell)
		cmd := exec.CommandContext(t.Context(), program[0], append(program[1:], "-c", set+`printf '%s|' "$DOCKER_HOST" "$CONTAINER_SSHKEY"`+"\n"+unset+`printf '%s|' "$DOCKER_HOST"`)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
		out, err := cmd.Output() // fish misses files of its own, which it tells as an error
		if want := variables[0].Value + "|" + variables[1].Value + "||"; err != nil || string(out) != want {
			t.Errorf("%s says %q, %v; want %q", shell, out, err, want)
		}
	}
}
