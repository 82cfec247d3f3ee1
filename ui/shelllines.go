package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// shellLines breaks a command line so that, copied as it stands, a POSIX shell
// takes it as one: between words, or within one that is longer than a line.
// Quotes in it are single ones, as steps.ShellWord writes them.
func shellLines(line string, width int) (lines []string) {
	width = max(width, 20)
	text := strings.TrimLeft(line, " ")
	now := line[:len(line)-len(text)]
	for i, word := range shellWords(text) {
		switch {
		case i == 0:
			now += word
		case word == `\`: // it is continued anyway
			now += " " + word
		case ansi.StringWidth(now+" "+word+continued) <= width:
			now += " " + word
		default:
			lines, now = append(lines, now+continued), "  "+word
			if ansi.StringWidth(now+continued) > width {
				now = word
			}
		}
		for ansi.StringWidth(now+continued) > width {
			var head string
			head, now = cutWord(now, width)
			lines = append(lines, head)
		}
	}
	return append(lines, now)
}

// continued ends a line whose command goes on.
const continued = ` \`

// quoting is where in a shell's word a reader is.
type quoting struct{ quoted, escaped bool }

// read takes the next character.
func (q *quoting) read(r rune) {
	switch {
	case q.escaped:
		q.escaped = false
	case r == '\'':
		q.quoted = !q.quoted
	case r == '\\' && !q.quoted:
		q.escaped = true
	}
}

// shellWords splits at the spaces outside of quotes.
func shellWords(line string) []string {
	var q quoting
	return strings.FieldsFunc(line, func(r rune) bool {
		q.read(r)
		return r == ' ' && !q.quoted
	})
}

// cutWord cuts within a word: quotes end before the cut and begin anew behind it.
func cutWord(line string, width int) (head, rest string) {
	head = ansi.Truncate(line, width-len(`'\`), "")
	var q quoting
	for _, r := range head {
		q.read(r)
	}
	if q.escaped { // what is escaped stays with its backslash
		head = head[:len(head)-1]
	}
	rest = line[len(head):]
	if q.quoted {
		return head + `'\`, "'" + rest
	}
	return head + `\`, rest
}
