package ui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
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
	blocks := make([]block, len(c.step.Choices))
	for i, choice := range c.step.Choices {
		blocks[i] = list.choice(choice, i == c.at)
	}
	rows := list.window(blocks, c.at, room)
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

// figures say what the answer at the cursor comes to, where that differs
// between the answers.
func (c *choiceScreen) figures(f frame) []string {
	plan, err := c.with(c.value())
	if err != nil || !costly(c.step) {
		return nil
	}
	return []string{"", f.fit(f.Warm.Render(f.Glyphs.Arrow+" "+figures(plan)), f.width)}
}

// costly tells that a step's answers differ in what they cost.
func costly(step steps.Step) bool {
	return slices.ContainsFunc(step.Choices, func(c steps.Choice) bool { return len(costs(c)) > 0 })
}

// figures say what a plan comes to.
func figures(plan *steps.Plan) string {
	return fmt.Sprintf("image about %s; %d of %d MiB stay for containers", humanize.Bytes(uint64(plan.ImageSize())), plan.Left(), plan.Memory)
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

// choice draws one answer: its name, what it costs, what it is for or why it
// is not possible.
func (f frame) choice(c steps.Choice, here bool) block {
	style := f.Text
	switch {
	case c.Refused != "":
		style = f.Muted
	case here:
		style = f.Strong
	}
	cost := strings.Join(costs(c), "  ")
	b := block{f.pointed(here, style.Render(pad(c.Title, 12))+"  "+f.Muted.Render(cost))}
	switch {
	case c.Refused != "":
		return append(b, f.fit("    "+f.Warn.Render(f.Glyphs.Warn+" not here: ")+f.Muted.Render(c.Refused), f.width))
	case f.describe:
		for _, l := range wrap(c.Help, f.width-4) {
			b = append(b, "    "+f.Muted.Render(l))
		}
		return b
	}
	if cost != "" {
		b[0] += "  "
	}
	b[0] = f.fit(b[0]+f.Muted.Render(c.Help), f.width)
	return b
}

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
