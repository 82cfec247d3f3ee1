package ui

import (
	"context"
	"time"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// eraseScreen shows what will be lost, and has the person type the disk's
// name. The disk is looked at again before: minutes may have gone by. Keys
// that were typed ahead are swallowed, until none has come for a moment.
type eraseScreen struct {
	ctx    context.Context
	house  House
	order  WriteOrder
	input  textinput.Model
	steady time.Duration // without a key, before keys count
	quiet  int           // number of the latest wait for that
	ready  bool
	looked bool
	err    string // why it cannot be written any more
	asking bool   // the person is being asked for a password
}

// steadyFor is how long the screen must have stood still.
const steadyFor = 500 * time.Millisecond

type (
	// quietMsg tells that nothing was typed since a wait began.
	quietMsg struct{ quiet int }
	// againMsg brings the disk as it is now.
	againMsg struct {
		disk Disk
		err  string
	}
)

func newEraseScreen(ctx context.Context, house House, order WriteOrder, steady time.Duration) *eraseScreen {
	return &eraseScreen{ctx: ctx, house: house, order: order, input: newInput(), steady: steady}
}

func (e *eraseScreen) init() tea.Cmd { return tea.Batch(e.look(), e.wait()) }

// look sees the disk again.
func (e *eraseScreen) look() tea.Cmd {
	house, ctx, order := e.house, e.ctx, e.order
	return func() tea.Msg {
		disk, why := order.again(ctx, house)
		return againMsg{disk, why}
	}
}

func (e *eraseScreen) wait() tea.Cmd {
	e.quiet++
	n := e.quiet
	return tea.Tick(e.steady, func(time.Time) tea.Msg { return quietMsg{n} })
}

func (e *eraseScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	switch msg := msg.(type) {
	case quietMsg:
		e.ready = e.ready || msg.quiet == e.quiet
		return nil, nil
	case againMsg:
		e.looked, e.err = true, msg.err
		if msg.err == "" {
			e.order.Disk = msg.disk
		}
		return nil, nil
	case tea.PasteMsg:
		return sayIntent{Note, "Type it: that is what makes sure that you mean it."}, nil
	case tea.KeyPressMsg:
		return e.press(msg)
	}
	var cmd tea.Cmd
	e.input, cmd = e.input.Update(msg)
	return nil, cmd
}

func (e *eraseScreen) press(msg tea.KeyPressMsg) (intent, tea.Cmd) {
	k := newKeyMap(unicodeGlyphs)
	switch {
	case e.asking:
		return nil, nil
	case is(msg, k.Back):
		return targetIntent{}, nil
	case e.err != "" || !e.looked:
		if is(msg, k.Next) && e.looked {
			return targetIntent{}, nil
		}
		return nil, nil
	case !e.ready:
		return nil, e.wait()
	case is(msg, k.Next):
		if !e.order.Disk.confirms(e.input.Value()) {
			return sayIntent{Warn, "That is not its name. Nothing was erased."}, nil
		}
		e.asking = true
		return eraseIntent{e.order}, nil
	}
	var cmd tea.Cmd
	e.input, cmd = e.input.Update(msg)
	return nil, cmd
}

func (e *eraseScreen) view(f frame) picture {
	d := e.order.Disk
	lines := f.paragraphs(e.order.warning(), f.Fail.Render)
	lines = append(lines, "")
	lines = append(lines, f.fit(f.Strong.Render(clean(d.Name))+"  "+f.Muted.Render(clean(d.Facts)), f.width), f.fit(f.Muted.Render(d.Path), f.width))
	if e.err != "" {
		lines = append(append(lines, ""), f.paragraphs(f.Glyphs.Fail+" It is left alone: "+e.err+".", f.Fail.Render)...)
		return picture{lines: append(lines, "", f.Muted.Render("enter goes back to the disks"))}
	}
	for _, careful := range e.order.careful() {
		lines = append(lines, f.paragraphs(f.Glyphs.Warn+" "+clean(careful), f.Warn.Render)...)
	}
	var lost []string
	for _, r := range e.order.loss() {
		style := f.Text
		if r.Level == OK {
			style = f.OK
		}
		lost = append(lost, f.fit("  "+f.Muted.Render(pad(r.Key, 11))+style.Render(clean(r.Value)), f.width))
	}
	ask := f.confirmation(d.Confirm)
	if room := f.height - len(lines) - len(ask) - 4; len(lost) > room && room > 0 {
		hidden := len(lost) - room + 1
		lost = append(lost[:room-1], f.more(f.Glyphs.Down, hidden))
	}
	lines = append(append(append(lines, ""), lost...), "")
	lines = append(lines, ask...)
	switch {
	case !e.looked:
		return picture{lines: append(lines, f.spinner()+" "+f.Muted.Render("looking at the disk again"))}
	case e.asking:
		return picture{lines: append(lines, f.spinner()+" "+f.Muted.Render("asking for the right to write"))}
	}
	line, x := f.field(e.input, max(1, f.width-4))
	return picture{lines: append(lines, f.Ice.Render(f.Glyphs.Pointer)+" "+line), cursor: &point{x: 2 + x, y: len(lines)}}
}

// confirmation asks for a name, which is shown whole: it has to be typed.
func (f frame) confirmation(name string) []string {
	const ask = "Type its name to erase it:"
	if line := f.Text.Render(ask) + " " + f.Warm.Render(name); ansi.StringWidth(line) <= f.width {
		return []string{line}
	}
	return append([]string{f.Text.Render(ask)}, f.paragraphs(name, f.Warm.Render)...)
}

func (e *eraseScreen) keys(k keyMap) []key.Binding {
	switch {
	case e.asking:
		return nil
	case !e.looked:
		return []key.Binding{as(k.Back, "to the disks")}
	case e.err != "":
		return []key.Binding{as(k.Next, "to the disks"), k.Back}
	}
	return []key.Binding{as(k.Next, "erase and write"), as(k.Back, "to the disks")}
}

func (e *eraseScreen) help() []string {
	return []string{"The disk is erased only if what you type is its name. It was looked at again just now, and will be once more, after it has been opened for nobody else to use.",
		"Writing to a disk takes root: you may be asked for your password next, once."}
}

func (e *eraseScreen) typing() bool { return true }
func (e *eraseScreen) busy() bool   { return !e.looked || e.asking }
