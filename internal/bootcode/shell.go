package bootcode

import (
	"fmt"
	"strings"
)

// ShellFile is the booted system's parser, in the project's own folder. What
// stands between its two marks is the text that Shell gives.
const ShellFile = "assets/rootfs/etc/floe/bootcodes.sh"

const (
	shellBegin = "# --- from the table of boot codes: go generate ./internal/bootcode ---\n"
	shellEnd   = "# --- end of the table ---\n"
)

// Shell gives the parser with the table's part made anew.
func Shell(script string) (string, error) {
	before, rest, ok := strings.Cut(script, shellBegin)
	_, after, ok2 := strings.Cut(rest, shellEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("%s has lost the marks around the table's part", ShellFile)
	}
	return before + shellBegin + shellTable() + shellEnd + after, nil
}

// shellTable writes the functions that know the codes.
func shellTable() string {
	var b strings.Builder
	b.WriteString("# bootcode_set KEY VALUE HAS_VALUE: 0 if KEY is a boot code in its right form, else 1.\n" +
		"bootcode_set() {\n\tcase $3$1 in\n")
	for _, c := range own() {
		b.WriteString("\t" + shellCase(c) + " ;;\n")
	}
	b.WriteString("\t=BOOT_IMAGE) bc_grub=1 ;; # GRUB's note about itself: it quotes with backslashes\n" +
		"\t*) return 1 ;;\n\tesac\n}\n\n" +
		"# bootcodes_clear sets every variable to what it is without a code.\n" +
		"bootcodes_clear() {\n")
	writeWrapped(&b, clears())
	b.WriteString("}\n\n# bootcode_wrong KEY: says how a code that bootcode_set did not take is wrong.\n" +
		"bootcode_wrong() {\n\tcase $1 in\n")
	for _, valued := range []bool{false, true} {
		var keys []string
		for _, c := range own() {
			if (c.Form != nil) == valued {
				keys = append(keys, c.Key)
			}
		}
		says := "$1 takes no value"
		if valued {
			says = "$1= wants a value"
		}
		fmt.Fprintf(&b, "\t%s) echo \"boot code %s\" ;;\n", strings.Join(keys, " | "), says)
	}
	b.WriteString("\t*) return 1 ;;\n\tesac\n}\n")
	return b.String()
}

// own lists the codes that the booted system reads.
func own() []Code {
	var list []Code
	for _, c := range All() {
		if !c.Kernel {
			list = append(list, c)
		}
	}
	return list
}

func shellCase(c Code) string {
	v := c.Variable()
	switch {
	case c.Repeat:
		return fmt.Sprintf("=%s) %s=\"$%s${%s:+$bc_newline}$2\"", c.Key, v, v, v)
	case c.Form != nil:
		return fmt.Sprintf("=%s) %s=$2", c.Key, v)
	case c.shellName != "":
		return fmt.Sprintf("-%s) %s=$1", c.Key, v)
	}
	return fmt.Sprintf("-%s) %s=1", c.Key, v)
}

// clears lists an assignment for each variable.
func clears() []string {
	var list []string
	seen := map[string]bool{}
	for _, c := range own() {
		if v := c.Variable(); !seen[v] {
			seen[v] = true
			start := c.shellStart
			if start == "" {
				start = "''"
			}
			list = append(list, v+"="+start)
		}
	}
	return list
}

// writeWrapped writes words on indented lines.
func writeWrapped(b *strings.Builder, words []string) {
	line := "\t"
	for _, w := range words {
		if len(line)+len(w) > 100 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "\t"
		}
		line += w + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
