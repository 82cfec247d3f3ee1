package ui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"floe/steps"
)

// reviewScreen shows every answer on a line, to change it, and what can be
// done with them.
type reviewScreen struct {
	plan    *steps.Plan
	steps   []steps.Step
	actions []option
	cursor
}

func newReview(flow *steps.Flow) *reviewScreen {
	r := &reviewScreen{plan: flow.Plan(), steps: flow.Applying(), actions: []option{{"Build", buildIntent{}}}}
	if r.plan.Tries() {
		r.actions = append(r.actions, option{"Build, try it out in QEMU, then ask before writing", buildIntent{try: true}})
	}
	r.actions = append(r.actions, option{"Build, then write it to a " + medium(!r.plan.Tries()), newTargetIntent{}})
	r.at = len(r.steps) // on "Build"
	return r
}

func (r *reviewScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, nil
	}
	k := newKeyMap(unicodeGlyphs)
	onStep := r.at < len(r.steps)
	switch {
	case is(press, k.Back):
		return backIntent{}, nil
	case is(press, k.Save):
		return saveIntent{}, nil
	case is(press, k.Edit) && !onStep:
		return sayIntent{Note, "Move to an answer first; e edits it."}, nil
	case is(press, k.Next, k.Edit) && onStep:
		return editIntent{r.steps[r.at].Key}, nil
	case is(press, k.Next):
		return r.actions[r.at-len(r.steps)].want, nil
	}
	r.move(press, len(r.steps)+len(r.actions))
	return nil, nil
}

func (r *reviewScreen) view(f frame) picture {
	var lines []string
	if f.describe {
		lines = append(lines, f.Title.Render("This is what will be built."), "")
	}
	blocks := make([]block, 0, len(r.steps)+len(r.actions))
	for i, step := range r.steps {
		here := i == r.at
		title, value := f.Muted, f.Text
		if here {
			title, value = f.Ice, f.Strong
		}
		head := f.pointed(here, title.Render(pad(step.Title, 14))+"  ")
		blocks = append(blocks, f.hung(here, head, clean(step.Show(r.plan)), value.Render))
	}
	for i, a := range r.actions {
		here := len(r.steps)+i == r.at
		style := f.Text
		if here {
			style = f.Act
		}
		b := block{f.pointed(here, style.Render(a.text))}
		if i == 0 {
			b = append(block{""}, b...)
		}
		blocks = append(blocks, b)
	}
	return picture{lines: append(lines, f.window(blocks, r.at, f.height-len(lines))...)}
}

func (r *reviewScreen) keys(k keyMap) []key.Binding {
	next := "build"
	if r.at < len(r.steps) {
		next = "edit"
	}
	return []key.Binding{k.Up, as(k.Next, next), k.Edit, k.Save, k.Back}
}

func (r *reviewScreen) help() []string {
	return []string{"e on an answer edits it and comes back here. s saves all answers as floe.toml, for 'floe build' and for other machines.",
		"Keys that are named by a file are read when the image is built."}
}

func (r *reviewScreen) typing() bool { return false }
func (r *reviewScreen) busy() bool   { return false }
