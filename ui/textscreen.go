package ui

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"floe/steps"
)

// textScreen asks for a line of text, and shows live what that leads to: what
// is wrong with it, what an amount of memory is good for, what is at a path.
type textScreen struct {
	ctx   context.Context
	house House
	flow  *steps.Flow
	step  steps.Step
	input textinput.Model

	looking bool // a path is being looked at
	beats   int  // when that began to be shown; -1: not yet
	entered bool // what the look brings decides whether the way goes on
	note    sayIntent
}

// lookedMsg is what there is to say of a path.
type lookedMsg struct {
	path string
	note sayIntent
}

func newTextScreen(ctx context.Context, house House, flow *steps.Flow, step steps.Step) *textScreen {
	t := &textScreen{ctx: ctx, house: house, flow: flow, step: step, input: newInput()}
	t.input.SetValue(strings.Join(step.Values(flow.Plan()), " "))
	t.input.CursorEnd()
	return t
}

// newInput makes a text field. The terminal's own cursor stands in it, which
// screen readers follow.
func newInput() textinput.Model {
	in := textinput.New()
	in.Prompt = ""
	in.SetVirtualCursor(false)
	in.Focus()
	return in
}

func (t *textScreen) init() tea.Cmd { return t.look() }

// look has a path looked at, one at a time.
func (t *textScreen) look() tea.Cmd {
	if t.step.Kind != steps.Path || t.looking {
		return nil
	}
	t.looking, t.beats = true, -1
	path := t.value()
	where := path
	if plan, err := t.flow.With(t.step.Key, []string{path}); err == nil {
		where = t.step.Show(plan)
	}
	return func() tea.Msg {
		level, text := t.house.LookAt(t.ctx, where)
		return lookedMsg{path, sayIntent{level, text}}
	}
}

// goOn goes on after another look at a path that could not be taken, or says why it does
// not.
func (t *textScreen) goOn() intent {
	switch {
	case !t.entered:
		return nil
	case t.note.level == Fail:
		t.entered = false
		return sayIntent{Warn, "The image cannot go there. Name a file in a folder that you may write to."}
	}
	return answerIntent{[]string{t.value()}}
}

func (t *textScreen) value() string { return strings.TrimSpace(t.input.Value()) }

func (t *textScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	switch msg := msg.(type) {
	case lookedMsg:
		t.looking = false
		if msg.path != t.value() {
			return nil, t.look()
		}
		t.note = msg.note
		return t.goOn(), nil
	case tea.KeyPressMsg:
		k := newKeyMap(unicodeGlyphs)
		switch {
		case is(msg, k.Back):
			return backIntent{}, nil
		case is(msg, k.Next) && t.note.level == Fail && !t.looking && t.flow.Check(t.step.Key, []string{t.value()}) == nil:
			t.entered = true // it would fail only once the person is gone, unless it is mended by now
			return nil, t.look()
		case is(msg, k.Next):
			return answerIntent{[]string{t.value()}}, nil
		case t.step.Kind == steps.Size && msg.String() == "up":
			t.resize(1)
			return nil, nil
		case t.step.Kind == steps.Size && msg.String() == "down":
			t.resize(-1)
			return nil, nil
		}
	}
	before := t.input.Value()
	var cmd tea.Cmd
	t.input, cmd = t.input.Update(msg)
	if t.input.Value() != before {
		t.entered = false
		return nil, tea.Batch(cmd, t.look())
	}
	return nil, cmd
}

// sizes are the amounts of memory that the arrow keys offer, in MiB.
var sizes = [...]int{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}

// resize goes to the next larger or smaller of the usual sizes.
func (t *textScreen) resize(by int) {
	plan, err := t.flow.With(t.step.Key, []string{t.value()})
	now := sizes[3]
	if err == nil {
		now = plan.Memory
	}
	next := now
	for _, s := range sizes {
		if by > 0 && s > now {
			next = s
			break
		}
		if by < 0 && s < now {
			next = s
		}
	}
	t.input.SetValue(strconv.Itoa(next))
	t.input.CursorEnd()
}

// wipe empties the field.
func (t *textScreen) wipe() { t.input.Reset() }

func (t *textScreen) view(f frame) picture {
	lines := f.question(t.step)
	line, x := f.field(t.input, f.width-4)
	lines = append(lines, f.Ice.Render(f.Glyphs.Pointer)+" "+line, "")
	pic := picture{cursor: &point{x + 2, len(lines) - 2}}
	pic.lines = append(lines, t.effect(f)...)
	if len(pic.lines) > f.height {
		pic.lines = append(pic.lines[:f.height-1], f.more(f.Glyphs.Down, len(pic.lines)-f.height+1))
	}
	return pic
}

// field draws a text field, scrolled so that its cursor shows, and tells where
// that is.
func (f frame) field(in textinput.Model, width int) (line string, x int) {
	in.SetStyles(textinput.Styles{Focused: textinput.StyleState{Text: f.Strong, Placeholder: f.Muted, Prompt: f.Ice}})
	in.SetWidth(width)
	in.SetCursor(in.Position())
	if c := in.Cursor(); c != nil {
		x = c.X
	}
	return strings.TrimRight(in.View(), " "), x
}

// effect says what the text leads to.
func (t *textScreen) effect(f frame) []string {
	plan, err := t.flow.With(t.step.Key, []string{t.value()})
	if err != nil {
		return f.paragraphs(f.Glyphs.Fail+" "+reason(err), f.Fail.Render)
	}
	switch t.step.Kind {
	case steps.Size:
		return memoryLines(f, plan)
	case steps.Path:
		if t.looking && t.beats < 0 {
			t.beats = f.spin
		}
		switch {
		case t.looking && f.spin > t.beats: // it takes longer than a beat
			return []string{f.spinner() + " " + f.Muted.Render("looking")}
		case t.note.text != "":
			glyph, _, style := f.level(t.note.level)
			return f.paragraphs(strings.TrimLeft(glyph+" ", " ")+t.note.text, style.Render)
		}
	}
	return nil
}

// memoryLines say what is left for containers, around the size that is chosen.
func memoryLines(f frame, plan *steps.Plan) []string {
	chosen := plan.Memory
	head := "  " + pad("memory", 12)
	if _, known := plan.Left(); known {
		head += "stays for containers"
	}
	lines := []string{f.Muted.Render(strings.TrimRight(head, " "))}
	told := false
	row := func(mib int) {
		text := fmt.Sprintf("%d MiB", mib)
		if left, known := plan.LeftOf(mib); known {
			text = pad(text, 12) + fmt.Sprintf("about %d MiB", left)
		}
		if mib == chosen {
			told = true
			lines = append(lines, f.pointed(true, f.Strong.Render(text)))
			return
		}
		lines = append(lines, f.pointed(false, f.Muted.Render(text)))
	}
	for _, s := range sizes {
		if s > chosen && !told {
			row(chosen)
		}
		row(s)
	}
	if !told {
		row(chosen)
	}
	blocks, at := make([]block, len(lines)-1), 0
	for i, l := range lines[1:] {
		blocks[i] = block{l}
		if strings.Contains(l, f.Glyphs.Pointer) {
			at = i
		}
	}
	lines = append(lines[:1:1], f.window(blocks, at, 7)...)
	if warning := plan.Scarce(); warning != "" {
		lines = append(lines, "")
		lines = append(lines, f.paragraphs(f.Glyphs.Warn+" "+warning, f.Warn.Render)...)
	}
	return lines
}

func (t *textScreen) keys(k keyMap) []key.Binding {
	if t.step.Kind == steps.Size {
		return []key.Binding{k.Next, k.Back, as(k.Up, "more, less")}
	}
	return []key.Binding{k.Next, k.Back}
}

func (t *textScreen) typing() bool { return true }
func (t *textScreen) busy() bool   { return t.looking }
