package steps

import (
	"slices"
	"strings"
)

// Command is the command line, as a shell takes it, that builds the same plan.
// Answers that are the defaults are left out.
func (p *Plan) Command() string {
	words := []string{"floe", "build"}
	for _, s := range All() {
		values := s.get(p)
		if slices.Equal(values, s.defaults(p)) {
			continue
		}
		for _, v := range values {
			words = append(words, "--"+s.Key, ShellWord(v))
		}
	}
	return strings.Join(words, " ")
}

// defaults gives what the step's answer is if nobody answers.
func (s Step) defaults(p *Plan) []string {
	if s.preset != nil {
		return []string{s.preset(p)}
	}
	return []string{s.Default}
}

// ShellWord writes a word so that a POSIX shell reads it back as it is. A
// leading ~/ stays outside of the quotes, where the shell expands it.
func ShellWord(word string) string {
	if rest, ok := strings.CutPrefix(word, "~/"); ok && rest != "" {
		return "~/" + ShellWord(rest)
	}
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%_+=:,./-", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !safe(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
