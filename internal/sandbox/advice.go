package sandbox

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// advices are what a person can do about a command that failed, by what it said.
var advices = []struct {
	says *regexp.Regexp
	do   string
}{
	{regexp.MustCompile(`No space left on device|Disk quota exceeded`),
		"The disk is full: 'floe prune' makes room, or FLOE_STORE names a folder on a larger disk. Then try again."},
	{regexp.MustCompile(`Killed signal|: Killed$|^Killed$|[Oo]ut of memory|virtual memory exhausted|Cannot allocate memory`),
		"Memory ran out: close other programs or add swap, and try again."},
	{regexp.MustCompile(`: not found$|No such file or directory`),
		"Something that the build needs is missing: with --toolchain host install it, or build with --toolchain sandbox."},
}

// again is what else can be done.
const again = "Try again: what was finished is kept. If it ends at the same line, the fault is in the sources or in floe."

// Advice is what a person can do about the end of the command. Of all that it said, line
// tells best why it ended; "" where none is known to.
func (e *ExitError) Advice(line string) string {
	said := []string{line}
	if line == "" {
		said = slices.Clone(e.Tail)
	}
	if e.Signal == syscall.SIGKILL {
		said = append(said, "Killed")
	}
	for _, a := range advices {
		for _, l := range said {
			if a.says.MatchString(strings.TrimSpace(l)) {
				return a.do
			}
		}
	}
	return again
}
