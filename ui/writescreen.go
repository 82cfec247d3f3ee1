package ui

import (
	"context"
	"errors"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
	"floe/internal/report"
)

// The messages of writing a disk.
type (
	writerMsg struct {
		order WriteOrder
		write WriteFunc
		err   error
	}
	writeEventsMsg []report.Event
	writtenMsg     struct {
		written Written
		err     error
	}
)

// writeScreen shows a disk being written, from its first event to its result.
// It is a buildScreen but for its words.
type writeScreen struct {
	*buildScreen
	fixed   bool // the image is for a board
	keeps   bool // the data partition stays
	written Written
}

// StopWriting is what it means to stop writing a disk: nothing, until it loses what
// it held.
func StopWriting(data Data) Stopping {
	s := Stopping{Before: "the disk is still as it was", From: "write/blank", After: "the disk will not boot"}
	if data == KeepData {
		s.After += ", but keeps its data partition"
	}
	return s
}

func newWriteScreen(order WriteOrder, cancel context.CancelFunc) *writeScreen {
	w := &writeScreen{buildScreen: newBuildScreen(clean(order.Disk.Name+", "+order.Disk.Path), cancel, false), fixed: order.Fixed, keeps: order.Data == KeepData}
	w.board = newBoard(StopWriting(order.Data))
	return w
}

// base is the part that builds have too; nil if nothing was ever written.
func (w *writeScreen) base() *buildScreen {
	if w == nil {
		return nil
	}
	return w.buildScreen
}

func (w *writeScreen) title() string {
	return map[buildState]string{buildRunning: "Writing", buildStopping: "Stopping", buildStopped: "Stopped",
		buildFailed: "Writing failed", buildDone: "Written"}[w.state]
}

// finish takes the result.
func (w *writeScreen) finish(written Written, err error) {
	w.ended = append(w.ended, w.board.Stopped()...)
	w.err, w.written, w.at = err, written, 0
	again := option{"Choose a disk and write again", targetIntent{}}
	image := option{"Back to the image", doneIntent{}}
	switch {
	case err == nil:
		w.state = buildDone
		w.actions = []option{{"Leave", leaveIntent{}}, {"Write another one", targetIntent{}}, image}
		return
	case w.state == buildStopping || fault.Code(err) == int(fault.Cancelled):
		w.state = buildStopped
	default:
		w.state = buildFailed
		w.noteError(err)
	}
	w.actions = []option{again, image, {"Leave", leaveIntent{}}}
}

func (w *writeScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, nil
	}
	k := newKeyMap(unicodeGlyphs)
	switch {
	case w.active() && is(press, k.Back) && w.state == buildRunning:
		return askIntent{w.stopDialog()}, nil
	case w.active():
	case is(press, k.Back):
		return doneIntent{}, nil
	case is(press, k.Next):
		return w.actions[w.at].want, nil
	default:
		w.move(press, len(w.actions))
	}
	return nil, nil
}

// stopDialog asks whether to stop. What that means may change while it asks.
func (w *writeScreen) stopDialog() *dialog {
	d := newDialog("Stop writing?", "", option{"Keep writing", nil}, option{"Stop", stopWriteIntent{}})
	d.now = w.harm
	return d
}

// leaveDialog asks whether to leave while it is being stopped.
func (w *writeScreen) leaveDialog() *dialog {
	d := newDialog("Leave before the writing has stopped?", "", option{"Wait", nil}, option{"Leave", leaveIntent{}})
	d.now = func() string { return "It is being stopped; that takes a moment. " + w.harm() }
	return d
}

// harm says what has become of the disk so far.
func (w *writeScreen) harm() string {
	switch {
	case !w.board.reached:
		return "Nothing on the disk was changed so far."
	case w.keeps:
		return "The disk has lost all that was on it but its data partition, and will not boot until it is written again."
	}
	return "The disk has lost what was on it already, and will not boot until it is written again."
}

func (w *writeScreen) keys(k keyMap) []key.Binding {
	if w.active() {
		return w.buildScreen.keys(k)
	}
	return []key.Binding{k.Up, as(k.Next, "choose"), k.Log, as(k.Back, "to the image")}
}

func (w *writeScreen) view(f frame) picture {
	if w.active() {
		return w.buildScreen.view(f)
	}
	var lines []string
	switch w.state {
	case buildDone:
		lines = append(f.paragraphs(f.Glyphs.OK+" It was read back and is all as in the image. It is safe to remove.", f.OK.Render), "")
		for _, r := range w.written.Rows {
			style := f.Text
			if r.Level == Warn {
				style = f.Warn
			}
			lines = append(lines, f.fit(f.Muted.Render(pad(clean(r.Key), 11))+style.Render(clean(r.Value))+f.Muted.Render("  "+clean(r.Note)), f.width))
		}
		lines = append(lines, "")
		lines = append(lines, f.paragraphs(w.booting(), f.Muted.Render)...)
	case buildFailed:
		lines = w.failure(f)
	default:
		lines = append(f.stages(w.ended, f.height-len(w.actions)-4), "")
		hint := fault.Hint(w.err)
		if hint == "" {
			hint = w.harm()
		}
		lines = append(lines, f.paragraphs(hint, f.Warn.Render)...)
	}
	return picture{lines: f.withActions(lines, w.actions, w.at)}
}

// help of a disk that is being written is what takes long; of one that was, how it is booted.
func (w *writeScreen) help() []string {
	switch {
	case w.state == buildDone: // which a small screen has no room for
		return []string{w.booting()}
	case !w.active():
		return nil
	}
	return []string{"Sticks pause while they tidy up, worn ones for longer. Then what was written is flushed, and read back to be compared.",
		"The first MiB is written last: a disk that was not finished does not boot, rather than half."}
}

// booting says how the disk is booted.
func (w *writeScreen) booting() string {
	if w.fixed {
		return "To boot it: put it into the board, and switch that on."
	}
	return "To boot it: plug it in, switch the machine on, and press the key for its boot menu (F12, F11, F8 or Esc on most)."
}

// writing tells that a disk is being written.
func (m *wizard) writing() bool { return m.write != nil && m.write.active() }

// toTarget shows the disks. A disk that is chosen before anything is built is
// kept for after the build.
func (m *wizard) toTarget() tea.Cmd {
	need := m.flow.Plan().ImageSize()
	if m.build != nil && m.build.state == buildDone {
		need = m.build.built.Size
	}
	t := newTargetScreen(m.ctx, m.house, need)
	m.screen, m.message = t, sayIntent{}
	return t.init()
}

// choose takes a disk. Without an image, one is built first.
func (m *wizard) choose(c chooseIntent) tea.Cmd {
	m.target = &c
	if m.build == nil || m.build.state != buildDone {
		return m.startBuild(false)
	}
	return m.toErase()
}

// toErase asks before anything is lost.
func (m *wizard) toErase() tea.Cmd {
	e := newEraseScreen(m.ctx, m.house, WriteOrder{Image: m.build.built.Path, Size: m.build.built.Size, Disk: m.target.disk, Data: m.target.data, Fixed: m.build.built.Fixed}, m.steady)
	m.screen, m.message = e, sayIntent{}
	return e.init()
}

// authorize gets what may write, and lends the terminal for it if the person
// will be asked.
func (m *wizard) authorize(order WriteOrder) tea.Cmd {
	house, ctx := m.house, m.ctx
	var write WriteFunc
	get := func() (err error) { write, err = house.Writer(ctx); return err }
	if !house.WriterAsks() {
		return func() tea.Msg { err := get(); return writerMsg{order, write, err} }
	}
	return tea.Exec(m.keeper.lent(get), func(err error) tea.Msg { return writerMsg{order, write, err} })
}

// startWrite writes in the background; its events come through a pump.
func (m *wizard) startWrite(msg writerMsg) tea.Cmd {
	if msg.err == nil && msg.write == nil {
		msg.err = errors.New("nothing may write")
	}
	if msg.err != nil {
		m.message = sayIntent{Fail, "Nothing was erased: " + reason(msg.err)}
		if fault.Code(msg.err) == int(fault.Cancelled) { // which the person knows
			m.message = sayIntent{Note, "Nothing was erased."}
		}
		if e, ok := m.screen.(*eraseScreen); ok {
			e.asking = false
		}
		return nil
	}
	ctx, cancel := context.WithCancel(m.ctx)
	m.write = newWriteScreen(msg.order, cancel)
	m.screen, m.message = m.write, sayIntent{}
	ended, send := m.write.over, m.send
	return func() tea.Msg {
		defer close(ended)
		defer cancel()
		pump := NewPump(Beat, func(batch []report.Event) { send(writeEventsMsg(batch)) })
		written, err := msg.write(ctx, msg.order, pump)
		pump.Close()
		return writtenMsg{written, err}
	}
}

// stopWrite cancels a write that is under way.
func (m *wizard) stopWrite() {
	if m.writing() {
		m.write.state = buildStopping
		m.write.board.Stop()
		m.write.cancel()
	}
}

// wroteEvent takes what writing tells.
func (m *wizard) wroteEvent(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case writerMsg:
		return m.startWrite(msg)
	case writeEventsMsg:
		if m.write != nil {
			m.write.apply(msg)
		}
	case writtenMsg:
		if m.write != nil {
			m.write.finish(msg.written, msg.err)
			m.dialog = nil
		}
	}
	return nil
}
