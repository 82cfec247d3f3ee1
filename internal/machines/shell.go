package machines

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"floe/internal/fault"
)

// Variable is a variable of the environment.
type Variable struct{ Name, Value string }

// dialect is how a shell is told variables.
type dialect struct {
	names      []string // of programs
	set, unset string   // formats, for the name and the value
	quote      func(string) string
	eval       string // a line that takes floe's output in; for the command
}

func dialects() []dialect {
	return []dialect{
		{[]string{"bash", "zsh", "sh", "dash", "ksh", "ash"}, "export %s=%s\n", "unset %s\n", quotePOSIX, `eval "$(%s)"`},
		{[]string{"fish"}, "set -gx %s %s;\n", "set -e %s;\n", quoteFish, "%s | source"},
		{[]string{"powershell", "pwsh"}, "$Env:%s = %s\n", "Remove-Item Env:%s -ErrorAction SilentlyContinue\n", quotePowerShell, "%s | Out-String | Invoke-Expression"},
	}
}

// Shells are the names of shells that Exports knows.
func Shells() []string {
	var names []string
	for _, d := range dialects() {
		names = append(names, d.names...)
	}
	return names
}

// dialectOf finds a shell by its name or its path, $SHELL for one.
func dialectOf(shell string) (dialect, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(shell), "-"), ".exe")
	for _, d := range dialects() {
		if slices.Contains(d.names, name) {
			return d, nil
		}
	}
	return dialect{}, fault.New(fault.Usage, "write for shell", shell, errors.New("floe does not know it"),
		"--shell takes one of: "+strings.Join(Shells(), ", "))
}

// Exports are the lines by which a shell sets the variables, and in a comment
// at the end how it takes them in from the command that prints them.
func Exports(shell, command string, variables []Variable) (string, error) {
	return lines(shell, command, variables, func(d dialect, v Variable) string {
		return fmt.Sprintf(d.set, v.Name, d.quote(v.Value))
	})
}

// Unsets are the lines by which a shell forgets them.
func Unsets(shell, command string, variables []Variable) (string, error) {
	return lines(shell, command, variables, func(d dialect, v Variable) string { return fmt.Sprintf(d.unset, v.Name) })
}

func lines(shell, command string, variables []Variable, line func(dialect, Variable) string) (string, error) {
	d, err := dialectOf(shell)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, v := range variables {
		b.WriteString(line(d, v))
	}
	fmt.Fprintf(&b, "# "+d.eval+"\n", command)
	return b.String(), nil
}

func quotePOSIX(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func quotePowerShell(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
