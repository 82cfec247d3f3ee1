package bootcode

import (
	"fmt"
	"strings"
)

// Word is a word of the kernel's command line. Bare words have no value;
// "key=" has an empty one.
type Word struct {
	Key, Value string
	HasValue   bool
}

// Parse splits a line into words as the kernel does (next_arg in lib/cmdline.c
// of its source): at white space outside of double quotes, which may stand
// around a value or around a whole word and are taken off there.
//
// A line that would reach the kernel otherwise than it was meant is an error:
// characters other than printable ASCII, a quote that is never closed or that
// stands somewhere else.
func Parse(line string) ([]Word, error) {
	for _, r := range line {
		if r < ' ' || r > '~' {
			return nil, fmt.Errorf("the character %q cannot stand on a boot line", r)
		}
	}
	var words []Word
	rest := strings.TrimLeft(line, " ")
	for rest != "" {
		raw := rest[:wordEnd(rest)]
		rest = strings.TrimLeft(rest[len(raw):], " ")
		w, err := parseWord(raw)
		if err != nil {
			return nil, err
		}
		words = append(words, w)
	}
	return words, nil
}

// wordEnd gives the length of the word that a line begins with.
func wordEnd(line string) int {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ' ' && !quoted:
			return i
		}
	}
	return len(line)
}

func parseWord(raw string) (Word, error) {
	if strings.Count(raw, `"`)%2 != 0 {
		return Word{}, fmt.Errorf("the quote in %s is never closed", raw)
	}
	if strings.Count(raw, `"`) > 2 {
		return Word{}, errQuote(raw)
	}
	text := raw
	if inner, ok := unquote(raw); ok {
		text = inner
	}
	key, value, has := strings.Cut(text, "=")
	if inner, ok := unquote(value); ok && text == raw {
		value = inner
	}
	switch {
	case strings.Contains(key+value, `"`):
		return Word{}, errQuote(raw)
	case key == "":
		return Word{}, fmt.Errorf("%s has no name before the =", raw)
	case strings.Contains(key, " "):
		return Word{}, fmt.Errorf("%s has a space in its name", raw)
	}
	return Word{key, value, has}, nil
}

func errQuote(raw string) error {
	return fmt.Errorf(`%s has a quote inside; quotes go around a whole value: key="two words"`, raw)
}

func unquote(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1], true
	}
	return s, false
}

// Arg gives the word as one argument for a boot loader, without quotes.
func (w Word) Arg() string {
	if !w.HasValue {
		return w.Key
	}
	return w.Key + "=" + w.Value
}

// String gives the word as it is typed, with quotes where they are needed.
func (w Word) String() string {
	if strings.Contains(w.Value, " ") {
		return w.Key + `="` + w.Value + `"`
	}
	return w.Arg()
}

// Quote gives an argument for a boot loader as it is typed.
func Quote(arg string) string {
	key, value, has := strings.Cut(arg, "=")
	return Word{key, value, has}.String()
}

// Join gives the line of some words.
func Join(words []Word) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.String()
	}
	return strings.Join(list, " ")
}

// Value gives what the words of a boot line say of a code, as the booted system
// takes it: the last one counts, and without one the default.
func Value(args []string, key string) string {
	code, _ := Find(key)
	value := code.Default
	for _, arg := range args {
		if k, v, has := strings.Cut(arg, "="); has && k == key {
			value = v
		}
	}
	return value
}

// Check finds what is wrong with a line: what does not reach the system as it
// was typed, codes without their value and codes with a wrong one. A word that
// is no boot code is the kernel's; see Hints.
func Check(line string) error {
	words, err := Parse(line)
	if err != nil {
		return err
	}
	for _, w := range words {
		if err := w.check(); err != nil {
			return err
		}
	}
	return nil
}

func (w Word) check() error {
	code, known := Find(w.Key)
	switch {
	case (!known || code.Kernel) && strings.ContainsAny(w.Arg(), `'\`):
		// GRUB puts a backslash before these. The system takes it off its own
		// codes again, the kernel does not.
		return fmt.Errorf("%s: a ' or a \\ does not get through the boot loader to the kernel", w)
	case !known:
		return nil
	case code.Form == nil && w.HasValue:
		return fmt.Errorf("%s takes no value", w.Key)
	case code.Form != nil && !w.HasValue:
		return fmt.Errorf("%s wants a value: %s", w.Key, code.Form.Means)
	}
	if err := code.Check(w.Value); err != nil {
		return fmt.Errorf("%s: %w", w, err)
	}
	return nil
}
