package ui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"floe/internal/bootcode"
	"floe/steps"
)

// codesScreen asks for boot codes: a line to type them on, and below it the
// table of those that go with the word at the cursor, each to be taken into the
// line or dropped from it. Any other word is the kernel's, and stays.
type codesScreen struct {
	house House
	flow  *steps.Flow
	step  steps.Step
	input textinput.Model
	cursor
}

func newCodesScreen(house House, flow *steps.Flow, step steps.Step) *codesScreen {
	c := &codesScreen{house: house, flow: flow, step: step, input: newInput()}
	c.input.SetValue(strings.Join(step.Values(flow.Plan()), " "))
	c.input.CursorEnd()
	return c
}

func (c *codesScreen) value() string { return strings.TrimSpace(c.input.Value()) }

func (c *codesScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if ok {
		k := newKeyMap(unicodeGlyphs)
		switch {
		case is(press, k.Back):
			return backIntent{}, nil
		case is(press, k.Next):
			return answerIntent{[]string{c.value()}}, nil
		case is(press, k.Tab):
			return c.take(), nil
		case slices.Contains([]string{"up", "down", "pgup", "pgdown"}, press.String()):
			c.move(press, len(c.rows()))
			return nil, nil
		}
	}
	before := c.input.Value()
	var cmd tea.Cmd
	c.input, cmd = c.input.Update(msg)
	if c.input.Value() != before {
		c.at = 0
	}
	return nil, cmd
}

// around gives the line before the word at the cursor, that word up to the
// cursor, and what is behind the cursor.
func (c *codesScreen) around() (before, word, after string) {
	text := []rune(c.input.Value())
	at := min(c.input.Position(), len(text))
	head := string(text[:at])
	start := strings.LastIndexByte(head, ' ') + 1
	if strings.Count(head, `"`)%2 != 0 { // inside of quotes
		start = strings.LastIndexByte(head[:strings.LastIndexByte(head, '"')], ' ') + 1
	}
	return head[:start], head[start:], string(text[at:])
}

// rows are the codes that go with the word at the cursor: all of them between
// words, the one whose value is being typed, those in which the word appears,
// or the one that it was probably meant to be.
func (c *codesScreen) rows() []bootcode.Code {
	_, word, _ := c.around()
	word, _, valued := strings.Cut(strings.TrimLeft(word, `"`), "=")
	if word == "" {
		return bootcode.All()
	}
	if code, ok := bootcode.Find(word); ok && valued {
		return []bootcode.Code{code}
	}
	word = strings.ToLower(word)
	var first, then []bootcode.Code
	for _, code := range bootcode.All() {
		switch {
		case strings.HasPrefix(code.Key, word):
			first = append(first, code)
		case !valued && strings.Contains(code.Key+" "+strings.ToLower(code.Help), word):
			then = append(then, code)
		}
	}
	if near, ok := bootcode.Find(bootcode.Nearest(word)); ok && len(first) == 0 {
		first = append(first, near)
		then = slices.DeleteFunc(then, func(c bootcode.Code) bool { return c.Key == near.Key })
	}
	return append(first, then...)
}

// chosen gives the line's words of a code; none if it has none of them.
func (c *codesScreen) chosen(code bootcode.Code) (words []bootcode.Word) {
	all, err := bootcode.Parse(c.value())
	if err != nil {
		return nil
	}
	for _, w := range all {
		if w.Key == code.Key {
			words = append(words, w)
		}
	}
	return words
}

// take puts the code at the cursor of the list into the line, in place of the
// word that is being typed, or takes it out if it is there.
func (c *codesScreen) take() intent {
	rows := c.rows()
	if len(rows) == 0 {
		return sayIntent{Warn, "No boot code is like that; what is typed goes to the kernel."}
	}
	code := rows[min(c.at, len(rows)-1)]
	before, word, after := c.around()
	if there := c.chosen(code); len(there) > 0 && (word == "" || strings.TrimRight(word, "=") == code.Key) && !code.Repeat {
		words, _ := bootcode.Parse(c.value())
		words = slices.DeleteFunc(words, func(w bootcode.Word) bool { return w.Key == code.Key })
		c.set(bootcode.Join(words), " ")
		return nil
	}
	text := code.Key
	switch {
	case code.Form != nil:
		text += "="
		if after != "" && after[0] != ' ' {
			after = " " + after
		}
	case after == "" || after[0] != ' ':
		text += " "
	}
	if before != "" && !strings.HasSuffix(before, " ") {
		before += " "
	}
	c.input.SetValue(before + text + after)
	c.input.SetCursor(len([]rune(before + text)))
	c.keepAt(code)
	return nil
}

// set replaces the line; the next word can be typed at its end.
func (c *codesScreen) set(line, space string) {
	if line != "" {
		line += space
	}
	c.input.SetValue(line)
	c.input.CursorEnd()
}

// keepAt leaves the list's cursor on a code, though the list has changed.
func (c *codesScreen) keepAt(code bootcode.Code) {
	c.at = max(0, slices.IndexFunc(c.rows(), func(r bootcode.Code) bool { return r.Key == code.Key }))
}

// wipe empties the field.
func (c *codesScreen) wipe() { c.input.Reset() }

func (c *codesScreen) view(f frame) picture {
	lines := f.paragraphs(c.step.Ask, f.Title.Render)
	if f.describe {
		lines = append(lines, f.paragraphs("None is fine. Type them, or choose below and take with tab.", f.Muted.Render)...)
	}
	lines = append(lines, "")
	line, x := f.field(c.input, f.width-4)
	lines = append(lines, f.Ice.Render(f.Glyphs.Pointer)+" "+line, "")
	pic := picture{cursor: &point{x + 2, len(lines) - 2}}
	lines = append(append(lines, f.atMost(c.effect(f), f.height-len(lines)-leastCodes)...), "")
	rows := c.rows()
	blocks := make([]block, 0, len(rows))
	for i, code := range rows {
		b := c.row(f, code, i == c.at)
		if len(rows) == len(bootcode.All()) && (i == 0 || rows[i-1].Page != code.Page) {
			b = append(block{f.Muted.Render("  " + string(code.Page))}, b...)
		}
		blocks = append(blocks, b)
	}
	if len(rows) == 0 {
		blocks = []block{{f.Muted.Render("  no boot code is like that")}}
	}
	pic.lines = append(lines, f.window(blocks, c.at, f.height-len(lines))...)
	return pic
}

// leastCodes is how many rows the table and the blank above it get at least.
const leastCodes = 5

// codeColumn is how wide the names of codes are, with their values.
const codeColumn = 21

// row draws a code: whether it is in the line, its value there, its help. The
// one at the cursor shows all of its help.
func (c *codesScreen) row(f frame, code bootcode.Code, here bool) block {
	style, box, name := f.Ice, "[ ] ", code.String()
	if there := c.chosen(code); len(there) > 0 {
		box, name = f.OK.Render("[x]")+" ", there[len(there)-1].String()
	}
	if here {
		style = f.Strong
	}
	if r := []rune(clean(name)); len(r) > codeColumn {
		name = string(r[:codeColumn-len([]rune(f.Glyphs.Ellipsis))]) + f.Glyphs.Ellipsis
	}
	first := f.pointed(here, box+style.Render(pad(clean(name), codeColumn))+" ")
	indent := 2 + 4 + codeColumn + 1
	help := []string{clean(code.Help)}
	if here {
		help = wrap(help[0], max(10, f.width-indent))
	}
	b := block{f.fit(first+f.Muted.Render(help[0]), f.width)}
	for _, line := range help[1:] {
		b = append(b, f.fit(strings.Repeat(" ", indent)+f.Muted.Render(line), f.width))
	}
	return b
}

// effect tells what the line leads to: the boot line, and what is wrong with it
// or odd. Of the word that is still being typed only what is wanted is told.
func (c *codesScreen) effect(f frame) []string {
	before, word, after := c.around()
	plan, err := c.flow.With(c.step.Key, []string{c.value()})
	if err == nil {
		lines := []string{f.Muted.Render("The boot line will be")}
		lines = append(lines, limit(f.paragraphs(c.house.BootLine(plan), f.Text.Render), 3, f)...)
		for _, hint := range unique(plan.Hints()) {
			lines = append(lines, f.paragraphs(f.Glyphs.Warn+" "+hint, f.Warn.Render)...)
		}
		return lines
	}
	if code, ok := bootcode.Find(strings.TrimRight(strings.SplitN(word, "=", 2)[0], `"`)); ok && code.Form != nil {
		if _, rest := c.flow.With(c.step.Key, []string{strings.TrimSpace(before + " " + after)}); rest == nil {
			text := code.Key + " wants " + code.Form.Means + "; for example " + code.Example
			return f.paragraphs(text, f.Muted.Render)
		}
	}
	return f.paragraphs(f.Glyphs.Fail+" "+reason(err), f.Fail.Render)
}

// unique leaves out what was said before.
func unique(list []string) (once []string) {
	for _, s := range list {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// limit keeps the first lines and the last one.
func limit(lines []string, n int, f frame) []string {
	if len(lines) <= n {
		return lines
	}
	return append(slices.Clone(lines[:n-1]), f.Muted.Render(f.Glyphs.Ellipsis))
}

func (c *codesScreen) keys(k keyMap) []key.Binding {
	return []key.Binding{as(k.Up, "choose"), as(k.Tab, "take or drop"), k.Next, k.Back}
}

func (c *codesScreen) help() []string {
	return []string{"A value with spaces stands in double quotes: docker=\"--debug --mtu=1400\".",
		"Words that are no boot codes go to the kernel as they are.",
		"At the boot menu, F2, F3 and F4 show this table, and Tab adds codes for one boot."}
}

func (c *codesScreen) typing() bool { return true }
func (c *codesScreen) busy() bool   { return false }
