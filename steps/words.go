package steps

import "strings"

// BootWords gives the boot codes word by word, split as the kernel splits its
// command line: at spaces outside of double quotes. The quotes stay.
func (p *Plan) BootWords() []string {
	quoted := false
	return strings.FieldsFunc(p.BootCodes, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}
