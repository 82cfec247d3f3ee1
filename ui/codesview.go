package ui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"floe/internal/bootcode"
	"floe/steps"
)

const (
	leastCodes = 5  // rows that the table gets at least
	codeColumn = 21 // how wide the names of codes are, with their values
	codeIndent = 6  // what stands before them
)

func (c *codesScreen) view(f frame) picture {
	lines := f.paragraphs(c.step.Ask, f.Title.Render)
	if f.describe {
		lines = append(lines, f.paragraphs("None is fine. Words that are in no row can be typed in the line below.", f.Muted.Render)...)
	}
	head, headX := c.head(f)
	lines = append(lines, head)
	free, freeX := c.free(f)
	below := []string{"", free}
	below = append(below, f.atMost(c.effect(f), f.height-len(lines)-len(below)-leastCodes)...)
	table := c.table(f, f.height-len(lines)-len(below))
	for len(lines)+len(table)+len(below) < f.height { // the line stays where it is
		table = append(table, "")
	}
	pic := picture{lines: append(append(lines, table...), below...)}
	switch c.part {
	case codesFilter:
		pic.cursor = &point{headX, len(lines) - 1}
	case codesLine:
		pic.cursor = &point{freeX, len(lines) + len(table) + 1}
	case codesValue:
		pic.cursor = c.valueCursor(f, table, len(lines))
	}
	return pic
}

// head is the row above the table: the filter, if there is one.
func (c *codesScreen) head(f frame) (line string, x int) {
	switch filter := c.search.Value(); {
	case c.part == codesFilter:
		line, x = f.field(c.search, f.width-2)
		return f.Ice.Render("/") + " " + line, x + 2
	case filter != "":
		return f.filtered(filter), 0
	}
	return "", 0
}

// filtered says that a list does not show everything.
func (f frame) filtered(filter string) string {
	return f.Muted.Render("filter: ") + f.Strong.Render(filter) + f.Muted.Render("  esc shows all")
}

// lineLabel stands before the free line.
const lineLabel = "Line"

// free draws the free line, and tells where its cursor is.
func (c *codesScreen) free(f frame) (line string, x int) {
	width := f.width - 2 - codeIndent - 1
	line, x = f.field(c.line, width)
	label := f.Ice
	switch {
	case c.part == codesLine:
	case c.text() == "":
		label, line = f.Muted, f.Muted.Render("nothing yet; any words can be typed here")
	default: // from its beginning on
		label, line = f.Muted, f.fit(f.Text.Render(c.text()), width)
	}
	return f.pointed(c.part == codesLine, label.Render(pad(lineLabel, codeIndent))+line), 2 + codeIndent + x
}

// table draws the codes that the filter leaves, those around the cursor.
func (c *codesScreen) table(f frame, height int) []string {
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
	return f.window(blocks, c.at, height)
}

// row draws a code: whether it is in the line, its value there, its help. The
// one at the cursor shows all of its help, or its field.
func (c *codesScreen) row(f frame, code bootcode.Code, here bool) block {
	style, box, name := f.Ice, "[ ] ", code.String()
	there := c.chosen(code)
	if len(there) > 0 {
		box, name = f.OK.Render("[x]")+" ", there[len(there)-1].String()
	}
	pointed := here && c.part != codesLine
	if pointed {
		style = f.Strong
	}
	if here && c.part == codesValue {
		return c.valueRow(f, code)
	}
	if r := []rune(clean(name)); len(r) > codeColumn {
		name = string(r[:codeColumn-len([]rune(f.Glyphs.Ellipsis))]) + f.Glyphs.Ellipsis
	}
	first := f.pointed(pointed, box+style.Render(pad(clean(name), codeColumn))+" ")
	indent := codeIndent + codeColumn + 1
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

// valueRow draws the field of a code, and below it what is wanted there.
func (c *codesScreen) valueRow(f frame, code bootcode.Code) block {
	line, _ := f.field(c.value.input, c.valueWidth(f, code))
	b := block{f.pointed(true, f.OK.Render("[x]")+" "+f.Ice.Render(code.Key+"=")+line)}
	for _, l := range wrap(code.Form.Means+"; for example "+code.Example, f.width-codeIndent) {
		b = append(b, strings.Repeat(" ", codeIndent)+f.Muted.Render(l))
	}
	return b
}

func (c *codesScreen) valueWidth(f frame, code bootcode.Code) int {
	return f.width - codeIndent - len(code.Key) - 2
}

// valueCursor finds the field's cursor in the drawn table.
func (c *codesScreen) valueCursor(f frame, table []string, above int) *point {
	y := slices.IndexFunc(table, func(l string) bool { return strings.HasPrefix(ansi.Strip(l), f.Glyphs.Pointer) })
	if y < 0 {
		return nil
	}
	code, _ := bootcode.Find(c.value.words[c.value.at].Key)
	_, x := f.field(c.value.input, c.valueWidth(f, code))
	return &point{codeIndent + len(code.Key) + 1 + x, above + y}
}

// effect tells what the line leads to: the boot line, and what is wrong with it
// or odd. Of a word that is still being typed only what is wanted is told.
func (c *codesScreen) effect(f frame) []string {
	plan, err := c.flow.With(c.step.Key, []string{c.text()})
	if err != nil && c.part == codesValue { // whose field says what it wants
		if without, err := c.flow.With(c.step.Key, []string{bootcode.Join(c.value.others())}); err == nil {
			return c.bootLine(f, without)
		}
	}
	if err == nil {
		return c.bootLine(f, plan)
	}
	if code, ok := c.unfinished(); ok {
		return f.paragraphs(code.Key+" wants "+code.Form.Means+"; for example "+code.Example, f.Muted.Render)
	}
	return f.paragraphs(f.Glyphs.Fail+" "+reason(err), f.Fail.Render)
}

// bootLine tells the boot line of a plan, and what is odd about it.
func (c *codesScreen) bootLine(f frame, plan *steps.Plan) []string {
	lines := []string{f.Muted.Render("The boot line will be")}
	lines = append(lines, limit(f.paragraphs(c.house.BootLine(plan), f.Text.Render), 3, f)...)
	for _, hint := range unique(plan.Hints()) {
		lines = append(lines, f.paragraphs(f.Glyphs.Warn+" "+hint, f.Warn.Render)...)
	}
	return lines
}

// unfinished gives the code whose value is being typed in the line, if nothing
// else is wrong there.
func (c *codesScreen) unfinished() (bootcode.Code, bool) {
	before, word, after := c.around()
	code, ok := bootcode.Find(wordKey(word))
	return code, ok && code.Form != nil && c.part == codesLine && bootcode.Check(strings.TrimSpace(before+" "+after)) == nil
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
