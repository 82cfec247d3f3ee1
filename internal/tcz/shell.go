package tcz

import (
	"regexp"
	"slices"
	"strings"
)

// keywords stand before a command without being it.
var keywords = []string{"if", "elif", "then", "else", "while", "do", "!", "{"}

// commands splits a shell script into simple commands, and these into words
// (POSIX.1-2024, XCU 2.3 and 2.9.1), as far as that can be done without a shell:
// a command with a variable or a substitution in it is left out, and so is what
// a redirection leads to.
func commands(script string) [][]string {
	l, until := &lexer{}, ""
	for line := range strings.Lines(strings.ReplaceAll(script, "\\\n", " ")) {
		if until != "" {
			if strings.TrimSpace(line) == until {
				until = ""
			}
			continue
		}
		if at := hereDocument.FindStringSubmatchIndex(line); at != nil && l.quote == 0 {
			until, line = line[at[2]:at[3]], line[:strings.Index(line, "<<")]+"\n"
		}
		l.line(line)
	}
	return l.list
}

// hereDocument begins lines that are no commands, up to one with its word.
var hereDocument = regexp.MustCompile(`^[^#<(]*<<-?[ \t]*[\\'"]?([A-Za-z_]\w*)`)

// lexer is what was read of a script so far.
type lexer struct {
	list   [][]string
	words  []string // of the command that is being read
	word   strings.Builder
	in     bool // a word was begun; it may be empty, in quotes
	quote  rune // 0 outside of quotes
	esc    bool // the next one stands for itself
	opaque bool // the command holds what only a shell knows
}

func (l *lexer) line(line string) {
	var last rune
	for _, r := range line {
		before := last
		last = r
		switch {
		case l.esc:
			l.word.WriteRune(r)
			l.esc = false
		case r == '\\' && l.quote != '\'':
			l.esc, l.in = true, true
		case r == '&' && (before == '>' || before == '<') && l.quote == 0: // of one redirection to another
		case strings.ContainsRune("$`", r) && l.quote != '\'':
			l.opaque, l.in = true, true
		case r == l.quote:
			l.quote = 0
		case l.quote != 0:
			l.word.WriteRune(r)
		case r == '\'' || r == '"':
			l.quote, l.in = r, true
		case r == '#' && !l.in:
			l.endCommand()
			return
		case strings.ContainsRune("<>", r):
			l.redirect()
		case strings.ContainsRune(";&|()\n", r):
			l.endCommand()
		case r == ' ' || r == '\t':
			l.endWord()
		default:
			l.word.WriteRune(r)
			l.in = true
		}
	}
	if l.quote == 0 {
		l.endCommand()
	}
}

func (l *lexer) endWord() {
	if l.in {
		l.words = append(l.words, l.word.String())
	}
	l.word.Reset()
	l.in = false
}

// redirect ends the command: digits just before are a file's number.
func (l *lexer) redirect() {
	if strings.Trim(l.word.String(), "0123456789") == "" {
		l.word.Reset()
		l.in = false
	}
	l.endCommand()
	l.opaque = true // the file's name is no command
}

func (l *lexer) endCommand() {
	l.endWord()
	for len(l.words) > 0 && slices.Contains(keywords, l.words[0]) {
		l.words = l.words[1:]
	}
	if len(l.words) > 0 && !l.opaque {
		l.list = append(l.list, l.words)
	}
	l.words, l.opaque = nil, false
}
