package steps

import "floe/internal/bootcode"

// BootWords gives the boot codes word by word, as they are handed to the boot
// loader: without the quotes that keep a value with spaces together.
func (p *Plan) BootWords() []string {
	words, err := bootcode.Parse(p.BootCodes)
	if err != nil {
		return nil // the plan was checked: only a hand-made one gets here
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Arg()
	}
	return list
}

// Hints tells of what is probably not meant, though it is possible: words that
// look like a boot code but are none.
func (p *Plan) Hints() []string { return bootcode.Hints(p.BootCodes) }
