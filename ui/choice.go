package ui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"floe/steps"
)

// choiceScreen asks for one of several answers.
type choiceScreen struct {
	step steps.Step
	with func(value string) (*steps.Plan, error) // the plan that an answer would make
	cursor
}

func newChoiceScreen(flow *steps.Flow, step steps.Step) *choiceScreen {
	step.Choices = flow.Choices(step)
	c := &choiceScreen{step: step, with: func(value string) (*steps.Plan, error) { return flow.With(step.Key, []string{value}) }}
	now := step.Values(flow.Plan())
	for i, choice := range step.Choices {
		if len(now) == 1 && choice.Value == now[0] {
			c.at = i
		}
	}
	return c
}

func (c *choiceScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, nil
	}
	k := newKeyMap(unicodeGlyphs)
	switch {
	case is(press, k.Back):
		return backIntent{}, nil
	case is(press, k.Next):
		choice := c.step.Choices[c.at]
		if choice.Refused != "" {
			return sayIntent{Warn, choice.Refused}, nil
		}
		return answerIntent{[]string{choice.Value}}, nil
	}
	c.move(press, len(c.step.Choices))
	return nil, nil
}

// value is the answer at the cursor.
func (c *choiceScreen) value() string { return c.step.Choices[c.at].Value }

func (c *choiceScreen) view(f frame) picture {
	lines := f.question(c.step)
	figures := c.figures(f)
	room := f.height - len(lines) - len(figures)
	list := f
	drawn := c.step.Drawn && f.describe && f.width >= artFrom
	if drawn {
		list.width -= besideArt
	}
	rows := list.window(c.blocks(list, room), c.at, room)
	if drawn {
		for i, l := range strings.Split(strings.TrimRight(f.Mascot(c.value()), "\n"), "\n") {
			if i == len(rows) {
				rows = append(rows, "")
			}
			rows[i] = pad(rows[i], list.width+besideArt-artWidth) + l
		}
	}
	return picture{lines: append(append(lines, rows...), figures...)}
}

// blocks draws the answers, each with what it is for: below its name, or beside
// it where rows are few; where neither has room, only the one at the cursor has it.
func (c *choiceScreen) blocks(f frame, room int) []block {
	draw := func(below func(i int) bool) (list []block, rows int) {
		for i, choice := range c.step.Choices {
			b := f.choice(choice, i == c.at, below(i))
			list, rows = append(list, b), rows+len(b)
		}
		return list, rows
	}
	if beside, ok := c.beside(f); ok && !f.describe {
		return beside
	}
	all, rows := draw(func(int) bool { return true })
	if rows > room {
		all, _ = draw(func(i int) bool { return i == c.at })
	}
	return all
}

// beside draws the answers with what they are for beside them; ok is false
// where that does not fit.
func (c *choiceScreen) beside(f frame) (list []block, ok bool) {
	for i, choice := range c.step.Choices {
		line := f.choice(choice, i == c.at, false)[0]
		if len(costs(choice)) > 0 {
			line += "  "
		}
		line += f.Muted.Render(choice.Help)
		if choice.Refused != "" || ansi.StringWidth(line) > f.width {
			return nil, false
		}
		list = append(list, block{line})
	}
	return list, true
}

// figures say what the answer at the cursor comes to, where that differs
// between the answers and is known.
func (c *choiceScreen) figures(f frame) []string {
	plan, err := c.with(c.value())
	if err != nil || !c.step.Costs() {
		return nil
	}
	text := figures(plan)
	if text == "" {
		return nil
	}
	return append([]string{""}, f.paragraphs(f.Glyphs.Arrow+" "+text, f.Warm.Render)...)
}

// figures say what a plan comes to, as far as that is known.
func figures(plan *steps.Plan) string {
	var words []string
	if size := plan.ImageSize(); size > 0 {
		words = append(words, "image about "+humanize.Bytes(uint64(size)))
	}
	if left, known := plan.Left(); known && plan.Tries() {
		words = append(words, fmt.Sprintf("%d of %d MiB stay for containers", left, plan.Memory))
	}
	return strings.Join(words, "; ")
}

// costs says what an answer adds, as far as that is known.
func costs(c steps.Choice) (words []string) {
	if c.Image > 0 {
		words = append(words, "image +"+humanize.Bytes(uint64(c.Image)))
	}
	if c.Memory > 0 {
		words = append(words, fmt.Sprintf("memory +%d MiB", c.Memory))
	}
	return words
}

// choice draws one answer: its name, what it costs, and below that why it is
// not possible or what it is for.
func (f frame) choice(c steps.Choice, here, below bool) block {
	style := f.Text
	switch {
	case c.Refused != "":
		style = f.Muted
	case here:
		style = f.Strong
	}
	cost := strings.Join(costs(c), "  ")
	head := f.pointed(here, style.Render(pad(c.Title, 12))+"  "+f.Muted.Render(cost))
	if c.Refused != "" {
		b := block{head}
		for i, l := range wrap(c.Refused, f.width-5-len(notHere)) {
			mark := f.Warn.Render(f.Glyphs.Warn + notHere)
			if i > 0 {
				mark = strings.Repeat(" ", 1+len(notHere))
			}
			b = append(b, f.fit("    "+mark+f.Muted.Render(l), f.width))
		}
		return b
	}
	b := block{head}
	if below {
		for _, l := range wrap(c.Help, f.width-4) {
			b = append(b, "    "+f.Muted.Render(l))
		}
	}
	return b
}

// notHere stands before the reason why an answer is not possible.
const notHere = " not here: "

// question draws what a step asks, and what that means where there is room.
func (f frame) question(step steps.Step) []string {
	lines := f.paragraphs(step.Ask, f.Title.Render)
	if f.describe {
		lines = append(lines, f.paragraphs(step.Help, f.Muted.Render)...)
	}
	return append(lines, "")
}

func (c *choiceScreen) keys(k keyMap) []key.Binding {
	return []key.Binding{k.Up, k.Next, k.Back}
}

func (c *choiceScreen) typing() bool { return false }
func (c *choiceScreen) busy() bool   { return false }
