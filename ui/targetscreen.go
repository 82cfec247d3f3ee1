package ui

import (
	"context"
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// targetScreen asks for the disk that the image goes to. Disks come and go
// while it is shown. The cursor stays with a disk, not on a row, and stands on
// none until it is moved.
type targetScreen struct {
	house   House
	ctx     context.Context
	need    int64 // bytes
	stop    context.CancelFunc
	changes <-chan struct{}
	disks   []Disk
	loaded  bool
	err     error
	at      string // key of the disk at the cursor; "": none
	data    Data   // what the person chose; "": nothing yet
}

// disksMsg brings the disks that are there now.
type disksMsg struct {
	disks []Disk
	err   error
	over  bool // no more will come
}

func newTargetScreen(ctx context.Context, house House, need int64) *targetScreen {
	t := &targetScreen{house: house, need: need}
	t.ctx, t.stop = context.WithCancel(ctx)
	return t
}

func (t *targetScreen) init() tea.Cmd {
	t.changes = t.house.DiskChanges(t.ctx)
	return t.wait()
}

// wait waits for the next change.
func (t *targetScreen) wait() tea.Cmd {
	changes, house, ctx, need := t.changes, t.house, t.ctx, t.need
	return func() tea.Msg {
		if _, ok := <-changes; !ok {
			return disksMsg{over: true}
		}
		list, err := house.Disks(ctx, need)
		return disksMsg{disks: list, err: err}
	}
}

func (t *targetScreen) row() int {
	for i, d := range t.disks {
		if d.Key == t.at {
			return i
		}
	}
	return -1
}

// choice is what becomes of the rest of a disk.
func (t *targetScreen) choice(d Disk) Data {
	if slices.Contains(d.choices(), t.data) {
		return t.data
	}
	return d.choices()[0]
}

func (t *targetScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	switch msg := msg.(type) {
	case disksMsg:
		return t.take(msg)
	case tea.KeyPressMsg:
		return t.press(msg), nil
	}
	return nil, nil
}

func (t *targetScreen) take(msg disksMsg) (intent, tea.Cmd) {
	if msg.over {
		return nil, nil
	}
	t.disks, t.err, t.loaded = msg.disks, msg.err, true
	if t.at != "" && t.row() < 0 {
		t.at, t.data = "", ""
		return sayIntent{Warn, "The disk at the cursor was pulled out."}, t.wait()
	}
	return nil, t.wait()
}

func (t *targetScreen) press(msg tea.KeyPressMsg) intent {
	k := newKeyMap(unicodeGlyphs)
	row := t.row()
	switch {
	case is(msg, k.Back):
		t.stop()
		return doneIntent{}
	case is(msg, k.Next) && row < 0:
		return sayIntent{Note, "Move to a disk first. Nothing is chosen by itself here."}
	case is(msg, k.Next) && t.disks[row].Refused != "":
		return sayIntent{Warn, "This one is never written: " + t.disks[row].Refused}
	case is(msg, k.Next):
		t.stop()
		return chooseIntent{t.disks[row], t.choice(t.disks[row])}
	case is(msg, k.Toggle) && row >= 0:
		t.data = t.disks[row].after(t.choice(t.disks[row]))
		return nil
	}
	c := cursor{row}
	if len(t.disks) > 0 && c.move(msg, len(t.disks)) {
		if t.disks[c.at].Key != t.at {
			t.data = ""
		}
		t.at = t.disks[c.at].Key
	}
	return nil
}

func (t *targetScreen) view(f frame) picture {
	lines := f.paragraphs("Which disk does the image go to?", f.Title.Render)
	if f.describe {
		lines = append(lines, f.paragraphs("Plug the stick in now, or pull it out and in to see which one it is. Nothing is erased before you have typed its name.", f.Muted.Render)...)
	}
	lines = append(lines, "")
	switch {
	case t.err != nil:
		return picture{lines: append(lines, f.errorLines(t.err, "", f.height-len(lines))...)}
	case !t.loaded:
		return picture{lines: append(lines, f.spinner()+" "+f.Muted.Render("looking"))}
	case len(t.disks) == 0:
		return picture{lines: append(lines, f.Muted.Render("There is no disk. One that is plugged in appears here."))}
	}
	blocks := make([]block, len(t.disks))
	for i, d := range t.disks {
		blocks[i] = f.disk(d, d.Key == t.at, t.choice(d))
	}
	return picture{lines: append(lines, f.window(blocks, max(0, t.row()), f.height-len(lines))...)}
}

// disk draws a disk: what it is, what is on it, and, at the cursor, what
// becomes of the rest of it.
func (f frame) disk(d Disk, here bool, data Data) block {
	name := f.Text
	switch {
	case d.Refused != "":
		name = f.Muted
	case here:
		name = f.Strong
	}
	b := f.hung(here, f.pointed(here, name.Render(clean(d.Name))+"  "), clean(d.Facts), f.Muted.Render)
	under := func(head, text string, style lipgloss.Style) {
		b = append(b, f.hung(here, "    "+head, text, style.Render)...)
	}
	path := f.Muted.Render(d.Path + "  ")
	switch {
	case d.Refused != "":
		under(path+f.Warn.Render(f.Glyphs.Warn+" never written: "), clean(d.Refused), f.Muted)
		return b
	case len(d.Mounts) > 0:
		under(path, clean(d.Holds)+", mounted on "+clean(d.Mounts[0]), f.Muted)
	default:
		under(path, clean(d.Holds), f.Muted)
	}
	if d.Unusual != "" {
		under(f.Warn.Render(f.Glyphs.Warn+" "), clean(d.Unusual), f.Warn)
	}
	if here {
		then := f.Ice.Render(f.Glyphs.Arrow) + " " + f.Text.Render(d.words(data))
		if long := then + f.Muted.Render(" (space changes it)"); ansi.StringWidth(long)+4 <= f.width { // the keys say so too
			then = long
		}
		b = append(b, f.fit("    "+then, f.width))
	}
	return b
}

func (t *targetScreen) keys(k keyMap) []key.Binding {
	if len(t.disks) == 0 {
		return []key.Binding{k.Back}
	}
	return []key.Binding{k.Up, as(k.Next, "choose"), as(k.Toggle, "data partition"), k.Back}
}

func (t *targetScreen) help() []string {
	return []string{"Disks that carry the running system are listed with the reason why they are never written.",
		"A data partition is where containers and their images live on; without one they are gone when the machine is switched off. " +
			"A newer image can be written later, and the data partition kept.",
		"On the command line: floe disks, floe write IMAGE --to DISK."}
}

func (t *targetScreen) typing() bool { return false }
func (t *targetScreen) busy() bool   { return !t.loaded }
