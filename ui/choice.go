package ui

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/dustin/go-humanize"

	"floe/steps"
)

// choiceScreen asks for one of several answers.
type choiceScreen struct {
	step steps.Step
	cursor
}

func newChoiceScreen(step steps.Step, now []string) *choiceScreen {
	c := &choiceScreen{step: step}
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

func (c *choiceScreen) view(f frame) picture {
	lines := f.question(c.step)
	blocks := make([]block, len(c.step.Choices))
	for i, choice := range c.step.Choices {
		blocks[i] = f.choice(choice, i == c.at)
	}
	return picture{lines: append(lines, f.window(blocks, c.at, f.height-len(lines))...)}
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
	cost := ""
	if c.Image > 0 {
		cost = "image +" + humanize.Bytes(uint64(c.Image))
	}
	if c.Memory > 0 {
		cost += fmt.Sprintf("  memory +%d MiB", c.Memory)
	}
	b := block{f.pointed(here, style.Render(pad(c.Title, 14))+"  "+f.Muted.Render(cost))}
	switch {
	case c.Refused != "":
		return append(b, f.fit("    "+f.Warn.Render(f.Glyphs.Warn+" not here: ")+f.Muted.Render(c.Refused), f.width))
	case f.describe:
		return append(b, f.fit("    "+f.Muted.Render(c.Help), f.width))
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
