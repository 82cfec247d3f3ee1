package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"floe/steps"
	"floe/steps/keysource"
)

// keysScreen asks for ssh keys: a list to choose from, and ways to get more.
type keysScreen struct {
	ctx    context.Context
	house  House
	rows   []keyRow
	chosen map[string]bool // by the value in the plan
	filter string
	form   *keyForm // a way to get more, while it is open
	search *keyForm // the filter, while it is typed
	wait   bool     // the keys of this machine are being looked for
	cursor
}

// keyRow is a line of the list.
type keyRow struct {
	value   string // in the plan
	key     keysource.Key
	title   string // of a row that is no key
	about   string
	opens   way // the form that it opens
	exclude bool
}

// way is a way to get more keys.
type way int

// The ways.
const (
	noWay way = iota
	wayImport
	wayPaste
	wayNew
	wayFilter
)

// keysMsg brings keys; found are those of this machine.
type keysMsg struct {
	keys  []keysource.Key
	found bool
	take  bool     // select them: the person made or pasted them
	asked *keyForm // that they were asked for in
	err   error
	say   string
}

func newKeysScreen(ctx context.Context, house House, now []string) *keysScreen {
	s := &keysScreen{ctx: ctx, house: house, chosen: map[string]bool{}, wait: true}
	for _, v := range now {
		s.chosen[v] = true
	}
	s.rows = []keyRow{{value: steps.OwnKey, title: "floe's own key", about: "made at first use; 'floe ssh' logs in with it"}}
	for _, v := range now {
		if v == steps.OwnKey || v == steps.NoKey {
			continue
		}
		row := keyRow{value: v, key: keysource.Key{Value: v, From: v}}
		if keys, err := steps.ReadKeys([]byte(v)); err == nil {
			row.key = keysource.Key{PublicKey: keys[0], Value: v, From: "answered before"}
		}
		s.rows = append(s.rows, row)
	}
	s.rows = append(s.rows,
		keyRow{title: "Import", about: "from " + orList(house.Services()) + ", by user name", opens: wayImport},
		keyRow{title: "Paste", about: "a public key's line", opens: wayPaste},
		keyRow{title: "Make a new key", about: "ed25519, in a new file", opens: wayNew},
		keyRow{value: steps.NoKey, title: "No key", about: "console only: nobody can log in over ssh", exclude: true})
	return s
}

// orList joins names: "a, b or c".
func orList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func (s *keysScreen) init() tea.Cmd {
	return func() tea.Msg { return keysMsg{keys: s.house.Keys(s.ctx), found: true} }
}

func (s *keysScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	switch msg := msg.(type) {
	case keysMsg:
		return s.take(msg), nil
	case tea.PasteMsg:
		if s.open() == nil || s.form != nil && s.form.way == wayPaste && strings.Contains(strings.TrimSpace(msg.Content), "\n") {
			return s.pasted(msg.Content) // a field would make one line of several keys
		}
	case tea.KeyPressMsg:
		switch {
		case s.form != nil:
			return s.updateForm(msg)
		case s.search != nil:
			return s.updateSearch(msg)
		}
		return s.press(msg), nil
	}
	if form := s.open(); form != nil {
		return nil, form.forward(msg)
	}
	return nil, nil
}

func (s *keysScreen) open() *keyForm {
	if s.form != nil {
		return s.form
	}
	return s.search
}

func (s *keysScreen) press(msg tea.KeyPressMsg) intent {
	k := newKeyMap(unicodeGlyphs)
	shown := s.shown()
	switch {
	case is(msg, k.Back) && s.filter != "":
		s.filter, s.at = "", 0
	case is(msg, k.Back):
		return backIntent{}
	case is(msg, k.Filter):
		s.search = newKeyForm(wayFilter, nil)
	case s.move(msg, len(shown)):
	case len(shown) == 0:
	case is(msg, k.Next, k.Toggle) && shown[s.at].opens != noWay:
		s.form = newKeyForm(shown[s.at].opens, s.house.Services())
	case is(msg, k.Toggle):
		return s.toggle(shown[s.at])
	case is(msg, k.Next):
		return s.answer()
	}
	return nil
}

// toggle selects a row or takes that back. "No key" goes with no other.
func (s *keysScreen) toggle(row keyRow) intent {
	if row.key.Weak != "" {
		return sayIntent{Warn, row.key.Weak}
	}
	if s.chosen[row.value] {
		delete(s.chosen, row.value)
		return nil
	}
	if row.exclude {
		clear(s.chosen)
	}
	delete(s.chosen, steps.NoKey)
	s.chosen[row.value] = true
	return nil
}

// answer gives the chosen keys, in the order of the list.
func (s *keysScreen) answer() intent {
	var values []string
	for _, r := range s.rows {
		if r.value != "" && s.chosen[r.value] {
			values = append(values, r.value)
		}
	}
	if len(values) == 0 {
		return sayIntent{Warn, "Nobody could log in. Select a key with space, or 'No key' if the console is enough."}
	}
	return answerIntent{values}
}

// take adds keys to the list, behind those that are there. The cursor stays on
// its row, except that it goes to keys which were just asked for.
func (s *keysScreen) take(msg keysMsg) intent {
	if msg.found {
		s.wait = false
	}
	if msg.asked != nil && msg.asked != s.form {
		return s.late(msg)
	}
	if msg.err != nil {
		if s.form != nil {
			s.form.waiting = false
		}
		return sayIntent{Fail, reason(msg.err)}
	}
	here := s.here()
	if !msg.found {
		s.form, s.filter = nil, ""
		if len(msg.keys) > 0 {
			here = keyRow{value: msg.keys[0].Value}.id()
		}
	}
	for _, k := range msg.keys {
		s.add(k)
		if msg.take && k.Weak == "" {
			delete(s.chosen, steps.NoKey)
			s.chosen[k.Value] = true
		}
	}
	s.point(here)
	if msg.say != "" {
		return sayIntent{OK, msg.say}
	}
	return nil
}

// late takes what comes after its form was left. Nobody waits for it any more: an import is
// dropped, and of a key that was made it is only seen that it is there.
func (s *keysScreen) late(msg keysMsg) intent {
	if !msg.take || msg.err != nil {
		return nil
	}
	here := s.here()
	for _, k := range msg.keys {
		s.add(k)
	}
	s.point(here)
	return nil
}

// here names the row at the cursor, and point goes to the row of a name, if it is shown.
func (s *keysScreen) here() string {
	if shown := s.shown(); s.at < len(shown) {
		return shown[s.at].id()
	}
	return ""
}

func (s *keysScreen) point(id string) {
	if i := slices.IndexFunc(s.shown(), func(r keyRow) bool { return r.id() == id }); i >= 0 {
		s.at = i
	}
}

// add puts a key behind the others, unless it is there; then what is known of
// it by now is filled in.
func (s *keysScreen) add(k keysource.Key) {
	for i, r := range s.rows {
		if r.opens == noWay && r.value == k.Value {
			s.rows[i].key = k
			return
		}
	}
	at := slices.IndexFunc(s.rows, func(r keyRow) bool { return r.opens != noWay })
	s.rows = slices.Insert(s.rows, at, keyRow{value: k.Value, key: k})
}

// id tells rows apart.
func (r keyRow) id() string { return r.value + "\x00" + r.title }

// shown are the rows that the filter leaves.
func (s *keysScreen) shown() []keyRow {
	if s.filter == "" {
		return s.rows
	}
	return slices.DeleteFunc(slices.Clone(s.rows), func(r keyRow) bool {
		all := strings.ToLower(strings.Join([]string{r.title, r.about, r.key.Line, r.key.From, r.key.Fingerprint, r.key.Type}, " "))
		return !strings.Contains(all, strings.ToLower(s.filter))
	})
}

func (s *keysScreen) wipe() {
	if form := s.open(); form != nil {
		form.wipe()
	}
}

func (s *keysScreen) typing() bool { return s.open() != nil }
func (s *keysScreen) busy() bool   { return s.wait || s.form != nil && s.form.waiting }

func (s *keysScreen) keys(k keyMap) []key.Binding {
	switch {
	case s.form != nil:
		return s.form.keys(k)
	case s.search != nil:
		return []key.Binding{as(k.Next, "keep the filter"), as(k.Back, "all keys")}
	}
	if shown := s.shown(); s.at < len(shown) && shown[s.at].opens != noWay {
		return []key.Binding{k.Up, as(k.Next, "open"), k.Back, k.Filter}
	}
	return []key.Binding{k.Up, k.Toggle, k.Next, k.Back, k.Filter}
}

func (s *keysScreen) help() []string {
	return []string{"Only public keys go into the image. Compare fingerprints (SHA256:...) with 'ssh-keygen -lf FILE' before you trust a key from the network.",
		"Without floe's own key, 'floe ssh' needs a key of yours in the ssh agent."}
}

func (s *keysScreen) view(f frame) picture {
	step, _ := stepOf("ssh-key")
	if s.form != nil {
		return s.form.view(f)
	}
	lines := f.paragraphs(step.Ask, f.Title.Render)
	if f.describe {
		lines = append(lines, f.Muted.Render("Space selects; any number of keys."))
	}
	var pic picture
	switch {
	case s.search != nil:
		line, x := f.field(s.search.input, f.width-10)
		lines = append(lines, f.Ice.Render("/")+" "+line)
		pic.cursor = &point{x + 2, len(lines) - 1}
	case s.filter != "":
		lines = append(lines, f.filtered(s.filter))
	case s.wait:
		lines = append(lines, f.spinner()+" "+f.Muted.Render("looking for keys"))
	default:
		lines = append(lines, "")
	}
	shown := s.shown()
	blocks := make([]block, len(shown))
	for i, r := range shown {
		blocks[i] = s.row(f, r, i == s.at)
		if i > 0 && r.opens != noWay && shown[i-1].opens == noWay && f.describe {
			blocks[i] = append(block{""}, blocks[i]...)
		}
	}
	if len(shown) == 0 {
		blocks = []block{{f.Muted.Render("  nothing matches the filter")}}
	}
	pic.lines = append(lines, f.window(blocks, s.at, f.height-len(lines))...)
	return pic
}

// row draws a line of the list; of a key, its fingerprint below it.
func (s *keysScreen) row(f frame, r keyRow, here bool) block {
	style := f.Text
	if here {
		style = f.Strong
	}
	box := "    "
	if r.opens == noWay {
		box = "[ ] "
		if s.chosen[r.value] {
			box = f.OK.Render("[x]") + " "
		}
	}
	if r.title != "" {
		width := 16
		if r.opens != noWay {
			box, width = "", 20
		}
		return f.hung(here, f.pointed(here, box+style.Render(pad(r.title, width))+"  "), r.about, f.Muted.Render)
	}
	name := clean(r.key.Comment)
	if name == "" {
		name = "no comment"
	}
	about := r.key.Type
	if r.key.Bits > 0 {
		about += fmt.Sprintf(" %d", r.key.Bits)
	}
	if r.key.Fingerprint == "" { // nothing is known yet, or any more
		name, about = clean(r.value), "in the plan"
	}
	about = pad(about, 13) + clean(r.key.From)
	b := f.hung(false, f.pointed(here, box+style.Render(pad(name, s.nameWidth()))+"  "), about, f.Muted.Render)
	if here && ansi.StringWidth(name)+ansi.StringWidth(about) > f.width-8 {
		b = append(f.hung(true, f.pointed(true, box), name, style.Render), f.hung(true, "      ", about, f.Muted.Render)...)
	}
	if r.key.Fingerprint != "" {
		b = append(b, f.fit("      "+f.Muted.Render(r.key.Fingerprint), f.width))
	}
	if r.key.Weak != "" {
		b = append(b, f.hung(here, "      "+f.Warn.Render(f.Glyphs.Warn+" weak: "), r.key.Weak, f.Muted.Render)...)
	}
	return b
}

// nameWidth is how wide the column of names is.
func (s *keysScreen) nameWidth() int {
	w := 14
	for _, r := range s.rows {
		w = max(w, ansi.StringWidth(clean(r.key.Comment)))
	}
	return min(w, 24)
}

// stepOf finds a step by its key.
func stepOf(key string) (steps.Step, bool) {
	all := steps.All()
	i := slices.IndexFunc(all, func(s steps.Step) bool { return s.Key == key })
	if i < 0 {
		return steps.Step{}, false
	}
	return all[i], true
}
