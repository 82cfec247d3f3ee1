package ui

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"floe/steps"
)

// keys asks for ssh keys, by the numbers of a list that can be added to.
func (a *asker) keys(step steps.Step) error {
	list := newKeysScreen(a.ctx, a.house, step.Values(a.flow.Plan()))
	list.take(keysMsg{keys: a.house.Keys(a.ctx), found: true})
	for {
		a.keyList(list)
		text, err := a.line("Numbers, with commas between [as marked]:", step.Title, "--"+step.Key+" "+step.Value, func() {
			for _, l := range list.help() {
				a.tell(l)
			}
		})
		if err != nil {
			return err
		}
		if _, err := steps.ReadKeys([]byte(text)); err == nil { // pasted right here
			said, _ := list.pasted(text)
			a.tell(said.(sayIntent).text)
			continue
		}
		rows, err := pick(list.rows, text)
		switch {
		case err != nil:
			a.tell("Not like this: " + err.Error())
			continue
		case len(rows) == 1 && rows[0].opens != noWay:
			if err := a.more(list, rows[0].opens); err != nil && !errors.Is(err, errBack) {
				return err
			}
			continue
		case len(rows) > 0:
			if refused := choose(list, rows); refused != "" {
				a.tell("Not like this: " + refused)
				continue
			}
		}
		switch want := list.answer().(type) {
		case sayIntent:
			a.tell(want.text)
		case answerIntent:
			if err := a.flow.Answer(want.values...); err != nil {
				a.tell("Not like this: " + reason(err))
				continue
			}
			return nil
		}
	}
}

// keyList writes the list; what is chosen now has a mark.
func (a *asker) keyList(list *keysScreen) {
	for i, r := range list.rows {
		mark := " "
		if r.opens == noWay && list.chosen[r.value] {
			mark = "*"
		}
		switch {
		case r.title != "":
			a.say("%s %d. %s: %s", mark, i+1, r.title, r.about)
		case r.key.Fingerprint == "":
			a.say("%s %d. %s", mark, i+1, clean(r.value))
		default:
			a.say("%s %d. %s", mark, i+1, strings.TrimSpace(fmt.Sprintf("%s %d bits, %s, %s %s", r.key.Type, r.key.Bits, r.key.Fingerprint, clean(r.key.From), clean(r.key.Comment))))
			if r.key.Weak != "" {
				a.say("     weak: %s", r.key.Weak)
			}
		}
	}
	a.say("  * marks what is chosen.")
}

// pick reads numbers of rows.
func pick(rows []keyRow, text string) (picked []keyRow, err error) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > len(rows) {
			return nil, fmt.Errorf("%q is no number from 1 to %d", word, len(rows))
		}
		picked = append(picked, rows[n-1])
	}
	if len(picked) > 1 && slices.ContainsFunc(picked, func(r keyRow) bool { return r.opens != noWay || r.exclude }) {
		return nil, errors.New("keys go together with keys only; the others stand alone")
	}
	return picked, nil
}

// choose takes rows instead of what was chosen before.
func choose(list *keysScreen, rows []keyRow) (refused string) {
	for _, r := range rows {
		if r.key.Weak != "" {
			return r.key.Weak
		}
	}
	clear(list.chosen)
	for _, r := range rows {
		list.chosen[r.value] = true
	}
	return ""
}

// more asks for what one more key needs, and adds it.
func (a *asker) more(list *keysScreen, w way) error {
	list.form = newKeyForm(w, a.house.Services())
	defer func() { list.form = nil }()
	prompt := "The line of a .pub file:"
	switch w {
	case wayNew:
		prompt = "File [" + list.form.input.Value() + "]:"
	case wayImport:
		for i, s := range list.form.services {
			a.say("  %d. %s", i+1, s)
		}
		n, err := a.number("Number [1]:", "import ssh keys", len(list.form.services), 1)
		if err != nil {
			return err
		}
		list.form.service = n - 1
		prompt = "User name:"
	}
	text, err := a.line(prompt, "ssh key", "--ssh-key KEY", func() { a.tell("back goes to the list of keys.") })
	if err != nil {
		return err
	}
	if strings.HasPrefix(text, "-----BEGIN") {
		if err := a.swallow(text, "ssh key", "--ssh-key KEY"); err != nil {
			return err
		}
	}
	if text != "" {
		list.form.input.SetValue(text)
	}
	said, cmd := list.submit()
	if cmd != nil && list.form != nil && list.form.waiting {
		said = list.take(cmd().(keysMsg))
	}
	if say, ok := said.(sayIntent); ok {
		a.tell(say.text)
	}
	return nil
}

// swallow reads on to the end of a key that was pasted where none of its lines is to be
// taken for an answer. PuTTY's format ends otherwise than the others.
func (a *asker) swallow(line, about, flag string) error {
	end := "-----END"
	switch {
	case strings.Contains(line, "PuTTY-User-Key-File"):
		end = "Private-MAC"
	case !strings.Contains(line, "-----BEGIN"):
		return nil // no key, only its words
	}
	for !strings.Contains(line, end) {
		var err error
		if line, err = a.next(about, flag); err != nil {
			return err
		}
	}
	return nil
}
