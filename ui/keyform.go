package ui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"floe/steps"
	"floe/steps/keysource"
)

// keyForm is a way to get one more key: a field, and for imports a service.
type keyForm struct {
	way      way
	services []string
	service  int
	input    textinput.Model
	waiting  bool
}

func newKeyForm(w way, services []string) *keyForm {
	form := &keyForm{way: w, services: services, input: newInput()}
	if w == wayNew {
		form.input.SetValue("~/.ssh/id_ed25519_floe")
		form.input.CursorEnd()
	}
	return form
}

func (k *keyForm) wipe() { k.input.Reset() }

func (k *keyForm) forward(msg tea.Msg) (cmd tea.Cmd) {
	k.input, cmd = k.input.Update(msg)
	return cmd
}

// updateSearch takes a key press in the filter.
func (s *keysScreen) updateSearch(msg tea.KeyPressMsg) (intent, tea.Cmd) {
	m := newKeyMap(unicodeGlyphs)
	switch {
	case is(msg, m.Back):
		s.search, s.filter, s.at = nil, "", 0
		return nil, nil
	case is(msg, m.Next):
		s.search = nil
		return nil, nil
	}
	cmd := s.search.forward(msg)
	s.filter, s.at = strings.TrimSpace(s.search.input.Value()), 0
	return nil, cmd
}

// updateForm takes a key press in a form.
func (s *keysScreen) updateForm(msg tea.KeyPressMsg) (intent, tea.Cmd) {
	k, form := newKeyMap(unicodeGlyphs), s.form
	switch {
	case is(msg, k.Back):
		s.form = nil
		return nil, nil
	case form.waiting:
		return nil, nil
	case form.way == wayImport && is(msg, k.Tab):
		form.service = (form.service + 1) % len(form.services)
		return nil, nil
	case form.way == wayImport && is(msg, k.TabBack):
		form.service = (form.service + len(form.services) - 1) % len(form.services)
		return nil, nil
	case is(msg, k.Next):
		return s.submit()
	}
	return nil, form.forward(msg)
}

// submit does what the form is for.
func (s *keysScreen) submit() (intent, tea.Cmd) {
	form := s.form
	text := strings.TrimSpace(form.input.Value())
	if text == "" {
		return sayIntent{Warn, "Something has to be typed first; esc goes back."}, nil
	}
	switch form.way {
	case wayPaste:
		return s.pasted(text)
	case wayImport:
		form.waiting = true
		service := form.services[form.service]
		return nil, func() tea.Msg {
			keys, err := s.house.Import(s.ctx, service, text)
			say := fmt.Sprintf("%d keys of %s at %s. Compare the fingerprints before you select.", len(keys), text, service)
			return keysMsg{asked: form, keys: keys, err: err, say: strings.Replace(say, "1 keys", "1 key", 1)}
		}
	}
	form.waiting = true
	return nil, func() tea.Msg {
		made, err := s.house.NewKey(s.ctx, text)
		return keysMsg{asked: form, keys: []keysource.Key{made}, err: err, take: true, say: "Made and selected. The private half is beside it, readable by you only."}
	}
}

// pasted reads what is in the paste field.
func (s *keysScreen) pasted(text string) (intent, tea.Cmd) {
	keys, err := steps.ReadKeys([]byte(text))
	if err != nil {
		if steps.IsPrivate(text) {
			return privateIntent{}, nil
		}
		return sayIntent{Fail, strings.TrimPrefix(err.Error(), "line 1 ") + ": a line such as 'ssh-ed25519 AAAA... me@home' is wanted"}, nil
	}
	msg := keysMsg{take: true, say: "Taken and selected."}
	for _, k := range keys {
		msg.keys = append(msg.keys, keysource.Key{PublicKey: k, Value: k.Line, From: "pasted"})
		if k.Weak != "" {
			msg.say = "Taken, but not selected: it is weak."
		}
	}
	return s.take(msg), nil
}

func (k *keyForm) keys(m keyMap) []key.Binding {
	if k.waiting {
		return []key.Binding{as(m.Back, "stop waiting")}
	}
	next := map[way]string{wayImport: "fetch", wayPaste: "take it", wayNew: "make it"}[k.way]
	list := []key.Binding{as(m.Next, next), as(m.Back, "back to the list")}
	if k.way == wayImport {
		list = append(list, as(m.Tab, "other service"))
	}
	return list
}

func (k *keyForm) view(f frame) picture {
	titles := map[way][2]string{
		wayImport: {"Import public keys", "Whoever has the account there can change what is published: compare the fingerprints before you choose."},
		wayPaste:  {"Paste a public key", "The one line of a .pub file: ssh-ed25519 AAAA... comment."},
		wayNew:    {"Make a new key", "The private half goes to this file, readable by you only and without a passphrase; the public half beside it with .pub. No file is overwritten."},
	}
	lines := f.paragraphs(titles[k.way][0], f.Title.Render)
	lines = append(append(lines, f.paragraphs(titles[k.way][1], f.Muted.Render)...), "")
	label := map[way]string{wayImport: "User", wayPaste: "Key", wayNew: "File"}[k.way]
	if k.way == wayImport {
		var names []string
		for i, n := range k.services {
			if i == k.service {
				names = append(names, f.Ice.Render("("+n+")"))
			} else {
				names = append(names, f.Muted.Render(" "+n+" "))
			}
		}
		lines = append(lines, f.Muted.Render(pad("From", 6))+strings.Join(names, " "))
	}
	line, x := f.field(k.input, f.width-8)
	lines = append(lines, f.Muted.Render(pad(label, 6))+line, "")
	pic := picture{cursor: &point{x + 6, len(lines) - 2}}
	if k.waiting {
		lines = append(lines, f.spinner()+" "+f.Muted.Render("asking; esc stops waiting"))
		pic.cursor = nil
	}
	pic.lines = lines
	return pic
}
