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

// codesScreen asks for boot codes: the table of them, each to be taken or
// dropped and with a field for its value where it takes one, and below it a
// free line for whatever the kernel knows besides. The line is what counts: it
// holds all the words, and the table shows what is in it.
type codesScreen struct {
	house  House
	flow   *steps.Flow
	step   steps.Step
	part   codesPart
	line   textinput.Model
	value  codeValue
	search textinput.Model
	cursor // of the table
}

// codesPart is the part of the screen that keys go to.
type codesPart int

// The parts.
const (
	codesTable codesPart = iota
	codesValue           // the field of the code at the cursor
	codesLine
	codesFilter
)

// codeValue is the value of a code while it is being typed.
type codeValue struct {
	input  textinput.Model
	words  []bootcode.Word // of the whole line
	at     int             // which of them the value is of
	before string          // the line before
}

func newCodesScreen(house House, flow *steps.Flow, step steps.Step) *codesScreen {
	c := &codesScreen{house: house, flow: flow, step: step, line: newInput(), search: newInput()}
	c.line.SetValue(strings.Join(step.Values(flow.Plan()), " "))
	return c
}

// text is the line of codes as it is by now.
func (c *codesScreen) text() string { return strings.TrimSpace(c.line.Value()) }

func (c *codesScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		if _, pasted := msg.(tea.PasteMsg); pasted && c.part == codesTable {
			c.toLine()
		}
		return nil, c.typed(msg)
	}
	k := newKeyMap(unicodeGlyphs)
	switch c.part {
	case codesValue:
		return c.pressValue(press, k)
	case codesFilter:
		return c.pressFilter(press, k)
	case codesLine:
		return c.pressLine(press, k)
	}
	return c.pressTable(press, k)
}

// typed hands a message to the field that is open.
func (c *codesScreen) typed(msg tea.Msg) (cmd tea.Cmd) {
	switch c.part {
	case codesValue:
		c.value.input, cmd = c.value.input.Update(msg)
		c.write()
	case codesLine:
		c.line, cmd = c.line.Update(msg)
		c.follow()
	case codesFilter:
		c.search, cmd = c.search.Update(msg)
		c.at = 0
	}
	return cmd
}

func (c *codesScreen) pressTable(press tea.KeyPressMsg, k keyMap) (intent, tea.Cmd) {
	rows := c.rows()
	switch {
	case is(press, k.Back) && c.search.Value() != "":
		c.search.Reset()
		c.at = 0
	case is(press, k.Back):
		return backIntent{}, nil
	case is(press, k.Next):
		return answerIntent{[]string{c.text()}}, nil
	case is(press, k.Filter):
		c.part = codesFilter
	case is(press, k.TabBack):
		c.toLine()
	case is(press, k.Tab):
		if len(rows) > 0 && rows[c.at].Form != nil {
			return c.open(rows[c.at], false), nil
		}
		c.toLine()
	case is(press, k.Down) && c.at >= len(rows)-1:
		c.toLine()
	case len(rows) == 0:
	case is(press, k.Toggle):
		return c.toggle(rows[c.at]), nil
	default:
		c.move(press, len(rows))
	}
	return nil, nil
}

func (c *codesScreen) pressValue(press tea.KeyPressMsg, k keyMap) (intent, tea.Cmd) {
	switch {
	case is(press, k.Back):
		c.line.SetValue(c.value.before)
		c.part = codesTable
	case is(press, k.Next, k.TabBack), press.String() == "up", press.String() == "down":
		c.close()
	case is(press, k.Tab):
		c.close()
		c.toLine()
	default:
		return nil, c.typed(press)
	}
	return nil, nil
}

func (c *codesScreen) pressFilter(press tea.KeyPressMsg, k keyMap) (intent, tea.Cmd) {
	switch {
	case is(press, k.Back):
		c.search.Reset()
		c.part, c.at = codesTable, 0
	case is(press, k.Next, k.Tab):
		c.part = codesTable
	default:
		return nil, c.typed(press)
	}
	return nil, nil
}

func (c *codesScreen) pressLine(press tea.KeyPressMsg, k keyMap) (intent, tea.Cmd) {
	switch {
	case is(press, k.Back):
		return backIntent{}, nil
	case is(press, k.Next):
		return answerIntent{[]string{c.text()}}, nil
	case is(press, k.Tab, k.TabBack), press.String() == "up":
		c.part = codesTable
	default:
		return nil, c.typed(press)
	}
	return nil, nil
}

// toLine goes to the free line, where the next word can be typed.
func (c *codesScreen) toLine() {
	c.part = codesLine
	text := c.text()
	if _, err := bootcode.Parse(text); err == nil && text != "" {
		text += " "
	}
	c.line.SetValue(text)
	c.line.CursorEnd()
}

// rows are the codes that the filter leaves.
func (c *codesScreen) rows() []bootcode.Code {
	word := strings.ToLower(strings.TrimSpace(c.search.Value()))
	return slices.DeleteFunc(bootcode.All(), func(code bootcode.Code) bool {
		return !strings.Contains(strings.ToLower(code.String()+" "+code.Help), word)
	})
}

// around gives the line before the word at its cursor, that word up to the
// cursor, and what is behind the cursor.
func (c *codesScreen) around() (before, word, after string) {
	text := []rune(c.line.Value())
	at := min(c.line.Position(), len(text))
	head := string(text[:at])
	start := strings.LastIndexByte(head, ' ') + 1
	if strings.Count(head, `"`)%2 != 0 { // inside of quotes
		start = strings.LastIndexByte(head[:strings.LastIndexByte(head, '"')], ' ') + 1
	}
	return head[:start], head[start:], string(text[at:])
}

// wordKey is the name of a word that may not be whole yet.
func wordKey(word string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(word, `"`), "=")
	return name
}

// follow puts the table's cursor on the code that is being typed in the line,
// or that was probably meant.
func (c *codesScreen) follow() {
	_, word, _ := c.around()
	name := wordKey(word)
	if name == "" {
		return
	}
	c.search.Reset()
	all := bootcode.All()
	at := slices.IndexFunc(all, func(code bootcode.Code) bool { return code.Key == name })
	if at < 0 {
		at = slices.IndexFunc(all, func(code bootcode.Code) bool { return strings.HasPrefix(code.Key, name) })
	}
	if near := bootcode.Nearest(name); at < 0 && near != "" {
		at = slices.IndexFunc(all, func(code bootcode.Code) bool { return code.Key == near })
	}
	if at >= 0 {
		c.at = at
	}
}

// chosen gives the line's words of a code; none if it has none of them.
func (c *codesScreen) chosen(code bootcode.Code) []bootcode.Word {
	words, err := bootcode.Parse(c.text())
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(words, func(w bootcode.Word) bool { return w.Key != code.Key })
}

// toggle takes a code or drops it. One that counts each time is taken once more.
func (c *codesScreen) toggle(code bootcode.Code) intent {
	if code.Form != nil && (code.Repeat || len(c.chosen(code)) == 0) {
		return c.open(code, true)
	}
	words, err := bootcode.Parse(c.text())
	if err != nil {
		return c.mend(err)
	}
	kept := slices.DeleteFunc(slices.Clone(words), func(w bootcode.Word) bool { return w.Key == code.Key })
	if len(kept) == len(words) {
		kept = append(kept, bootcode.Word{Key: code.Key})
	}
	c.line.SetValue(bootcode.Join(kept))
	return nil
}

// mend goes to the line, in which something is so wrong that its words cannot
// be told apart.
func (c *codesScreen) mend(err error) intent {
	c.toLine()
	return sayIntent{Warn, "The line has to be mended first: " + err.Error()}
}

// open opens the field of a code: of its last word in the line, or of a new one.
func (c *codesScreen) open(code bootcode.Code, anew bool) intent {
	words, err := bootcode.Parse(c.text())
	if err != nil {
		return c.mend(err)
	}
	v := codeValue{input: newInput(), words: words, at: -1, before: c.line.Value()}
	for i, w := range words {
		if w.Key == code.Key && !anew {
			v.at = i
		}
	}
	if v.at < 0 {
		v.at = len(words)
		v.words = append(v.words, bootcode.Word{Key: code.Key, HasValue: true})
	}
	v.input.SetValue(v.words[v.at].Value)
	v.input.CursorEnd()
	c.value, c.part = v, codesValue
	c.write()
	return nil
}

// write writes the value into the line as it is typed.
func (c *codesScreen) write() {
	w := &c.value.words[c.value.at]
	w.Value, w.HasValue = strings.Trim(strings.TrimSpace(c.value.input.Value()), `"`), true
	c.line.SetValue(bootcode.Join(c.value.words))
}

// others are the words of the line beside it.
func (v codeValue) others() []bootcode.Word {
	return slices.Delete(slices.Clone(v.words), v.at, v.at+1)
}

// close ends the typing of a value. Without one the code is dropped.
func (c *codesScreen) close() {
	c.part = codesTable
	if v := c.value; v.words[v.at].Value == "" {
		c.line.SetValue(bootcode.Join(v.others()))
	}
}

// wipe empties the field that is open.
func (c *codesScreen) wipe() {
	switch c.part {
	case codesValue:
		c.value.input.Reset()
		c.write()
	case codesFilter:
		c.search.Reset()
	case codesLine:
		c.line.Reset()
	case codesTable:
		if steps.IsPrivate(c.text()) { // it was typed as a value
			c.line.Reset()
		}
	}
}

func (c *codesScreen) keys(k keyMap) []key.Binding {
	switch c.part {
	case codesValue:
		return []key.Binding{as(k.Next, "take it"), as(k.Tab, "to the line"), as(k.Back, "as it was")}
	case codesLine:
		return []key.Binding{k.Next, as(k.Tab, "to the table"), k.Back}
	case codesFilter:
		return []key.Binding{as(k.Next, "keep the filter"), as(k.Back, "all codes")}
	}
	return []key.Binding{k.Up, k.Toggle, k.Next, k.Tab, k.Back, k.Filter}
}

func (c *codesScreen) help() []string {
	return []string{"Tab goes from a code to its value, from there to the line, and back. A code without a value that wants one is dropped. One that may be there several times is taken once more with space.",
		"Words of the line that are no boot codes go to the kernel as they are. There a value with spaces stands in double quotes: docker=\"--debug --mtu=1400\".",
		"At the boot menu, F2, F3 and F4 show this table, and Tab adds codes for one boot."}
}

func (c *codesScreen) typing() bool { return c.part != codesTable }
func (c *codesScreen) busy() bool   { return false }
