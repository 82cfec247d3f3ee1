package bootcode

import (
	"fmt"
	"strings"
)

// ManualFile is the manual page, in the project's own folder.
const ManualFile = "docs/bootcodes.md"

// pageWidth is the width of a text screen, and keyWidth that of a help page's
// first column.
const (
	pageWidth = 79
	keyWidth  = 22
)

// Screen gives a page as lines for a text screen of 80 columns and 25 lines:
// printable ASCII, at most 79 wide.
func Screen(p Page) []string {
	lines := []string{string(p), strings.Repeat("-", len(p))}
	for _, c := range On(p) {
		name := c.String()
		if len(name) > keyWidth-2 {
			// The full form is in the manual; here its beginning must do.
			name = c.Key + "=" + strings.SplitN(c.Form.Value, "[", 2)[0]
			if len(c.Form.Value) > len(name)-len(c.Key)-1 {
				name += ".."
			}
		}
		lines = append(lines, fmt.Sprintf("%-*s %s", keyWidth-1, name, c.Help))
	}
	return lines
}

// Manual gives the manual page, in Markdown.
func Manual() string {
	var b strings.Builder
	b.WriteString(manualHead)
	for _, p := range Pages() {
		fmt.Fprintf(&b, "\n## %s\n", p)
		for _, c := range On(p) {
			fmt.Fprintf(&b, "\n### `%s`\n\n%s.", c, sentence(c.Help))
			if c.Manual != "" {
				b.WriteString(" " + c.Manual)
			}
			b.WriteString("\n")
			if c.Form != nil {
				fmt.Fprintf(&b, "\n- value: %s\n", c.Form.Means)
				if c.Default != "" {
					fmt.Fprintf(&b, "- without it: %s\n", c.Default)
				}
				if c.Repeat {
					b.WriteString("- may be repeated\n")
				}
				fmt.Fprintf(&b, "- example: `%s`\n", c.Example)
			} else if c.Default != "" {
				fmt.Fprintf(&b, "\n- default: %s\n", c.Default)
			}
		}
	}
	b.WriteString(manualTail)
	return b.String()
}

// sentence begins with a capital letter, unless that is a program's name.
func sentence(s string) string {
	if strings.HasPrefix(s, "dockerd") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

const manualHead = `# Boot codes

<!-- Written from the table in internal/bootcode by "go generate ./internal/bootcode". -->

Boot codes are words on the kernel's command line that the booted Floe reads. They can be chosen in the wizard, stand in
` + "`floe.toml`" + ` as ` + "`boot-codes = \"...\"`" + ` or on the command line as ` + "`--boot-codes \"...\"`" + `: then they are the
image's own, and changing them costs a second and no build. ` + "`floe run --boot-codes \"...\"`" + ` adds codes for one boot in QEMU.

At the boot menu, F2, F3 and F4 show this list. Tab opens a prompt: type ` + "`floe`" + `, then the codes to add to the image's
own, then Enter. ` + "`e`" + ` edits the whole line of an entry.

Keys match exactly and in any order; of a code that is there twice the last one counts, unless it may be repeated. A value
with spaces stands in double quotes, as the kernel has it: ` + "`docker=\"--debug --mtu=1400\"`" + `. A word that is no boot code is
the kernel's; one that neither knows is named on the console. A code that cannot be honoured is told on the console and in
the kernel's log (` + "`sudo dmesg`" + `), and the boot goes on.
`

const manualTail = `
## Memory: noembed, embed and the default

Used memory (all of it, less what the kernel calls free) of the image without a runtime, 128 MiB, one emulated processor,
as ` + "`go run ./bench -roots -runs 3`" + ` measures it, medians: at the peak, from the first program's start on, and at rest,
20 s after the kernel's start. Runs differ by 0.4 MB at most.

| root | at the peak | at rest | pivot_root, and so containers |
| --- | --- | --- | --- |
| default: rootfs, bound on itself | 27.2 MB | 23.8 MB | yes |
| ` + "`noembed`" + `: a tmpfs of its own | 23.8 MB | 23.8 MB | yes |
| ` + "`embed`" + `: the kernel's rootfs | 27.2 MB | 23.9 MB | no |

At rest all three are the same: binding costs nothing. At the peak ` + "`noembed`" + ` needs no more than the others: it moves one
file at a time, so that only one is ever held twice. The largest file is the most that it can need beside the system, for a moment.
If that fails the files are brought back, the console and the log say NOEMBED FAILED, and the boot goes on as by default.
`
