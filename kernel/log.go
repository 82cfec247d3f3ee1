package kernel

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"floe/internal/report"
)

// counter follows a build by what make says: a line for every file that is
// made, such as "  CC      init/main.o".
type counter struct {
	done, total int
	plain       int // objects compiled without the precompiled headers after all
	tell        func(done, total int64, unit report.Unit)
}

// objectLine matches what counts as an object: compiled, assembled, archived
// and linked files, of the kernel and of the programs that its build needs.
// Each takes a line whatever the number of jobs, so that two builds of one
// configuration count the same.
var objectLine = regexp.MustCompile(`^  (CC|AS|AR|LD|HOSTCC|HOSTLD) +[^ \[]`)

// plainLine is what the patch kbuild-precompiled-headers lets make say of an
// object that does not get along with those headers.
const plainLine = "  PLAIN "

func (c *counter) line(s string) {
	if strings.HasPrefix(s, plainLine) {
		c.plain++
	}
	if !objectLine.MatchString(s) {
		return
	}
	c.done++
	c.total = max(c.total, c.done) // never more than everything
	c.tell(int64(c.done), int64(c.total), report.Objects)
}

// finish tells that all is done, also if there was less than expected.
func (c *counter) finish() { c.tell(int64(c.done), int64(c.done), report.Objects) }

// Excerpt is a line of a log with the lines around it.
type Excerpt struct {
	Number        int    // of the line, from 1; 0: none was found
	Line          string // the line itself
	Before, After []string
}

// around is how many lines an Excerpt has before and after its line.
const around = 5

// errorLine matches, best first, the lines that tell why a build failed:
// compilers, then linkers and shells, then make itself, which names only the
// file it could not make.
var errorLine = []*regexp.Regexp{
	regexp.MustCompile(`: (fatal )?error: |^error: | error: `),
	regexp.MustCompile(`undefined reference to|multiple definition of|: not found$|No such file or directory|No space left on device|Killed`),
	regexp.MustCompile(`^(make(\[\d+\])?: )?\*\*\* |No rule to make target`),
}

// FirstError finds the line of a log that best tells why a build failed: the
// first one with a compiler's error, or else the first of a lesser kind.
func FirstError(log io.Reader) (Excerpt, error) {
	found := make([]Excerpt, len(errorLine))
	var last []string
	sc := bufio.NewScanner(log)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		for i, re := range errorLine {
			f := &found[i]
			switch {
			case f.Number == 0 && re.MatchString(line):
				*f = Excerpt{Number: n, Line: line, Before: append([]string(nil), last...)}
			case f.Number != 0 && len(f.After) < around:
				f.After = append(f.After, line)
			}
		}
		last = append(last, line)
		last = last[max(0, len(last)-around):]
	}
	for _, f := range found {
		if f.Number != 0 {
			return f, sc.Err()
		}
	}
	return Excerpt{}, sc.Err()
}

// String gives the lines, the one that matters marked.
func (e Excerpt) String() string {
	var b strings.Builder
	n := e.Number - len(e.Before)
	write := func(mark string, lines ...string) {
		for _, l := range lines {
			fmt.Fprintf(&b, "%s %5d  %s\n", mark, n, l)
			n++
		}
	}
	write(" ", e.Before...)
	write(">", e.Line)
	write(" ", e.After...)
	return strings.TrimSuffix(b.String(), "\n")
}

// LogError is the error of a command whose log tells more.
type LogError struct {
	Excerpt Excerpt
	Err     error // of the command
}

// Error gives the first error of the log with the lines around it, or, if the
// log has none, how the command ended.
func (e *LogError) Error() string {
	if e.Excerpt.Number == 0 {
		return e.Err.Error()
	}
	return e.Excerpt.Line + "\n" + e.Excerpt.String()
}

// Unwrap gives the error of the command.
func (e *LogError) Unwrap() error { return e.Err }
