package grub

import (
	"errors"
	"strings"
)

// ReadLine gives the words of the kernel's command line from a menu that Menu
// has written: those of the usual entry. It reads no other GRUB script.
func ReadLine(menu []byte) ([]string, error) {
	for line := range strings.Lines(string(menu)) {
		if rest, ok := strings.CutPrefix(line, "\tlinux /boot/vmlinuz"); ok {
			return unquoteWords(strings.TrimSuffix(strings.TrimSpace(rest), ` "$@"`))
		}
	}
	return nil, errors.New("the boot menu has no entry that boots Floe")
}

// unquoteWords splits what quote has made of several words.
func unquoteWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c != '\'':
			word.WriteByte(c)
		case c == '\'':
			quoted, begun = !quoted, true
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			begun = true
		case c == ' ':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	if quoted {
		return nil, errors.New("a quote in the boot menu is never closed")
	}
	return words, nil
}
