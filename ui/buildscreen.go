package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"floe/internal/fault"
	"floe/internal/report"
)

// buildState is how a build stands.
type buildState int

// The states.
const (
	buildRunning buildState = iota
	buildStopping
	buildStopped
	buildFailed
	buildDone
)

// buildLog is how many lines of all stages' logs are kept for the screen.
const buildLog = 5000

// buildScreen shows a build, from its first event to its result.
type buildScreen struct {
	plan    string // what is built, in a few words
	board   *Board
	ended   []Outcome
	log     []string
	titles  map[string]string // of stages, by id
	state   buildState
	cancel  context.CancelFunc
	over    chan struct{} // closed once nothing goes on any more
	try     bool          // boot it once it is built
	err     error
	built   Built
	actions []option
	cursor
}

func newBuildScreen(plan string, cancel context.CancelFunc, try bool) *buildScreen {
	return &buildScreen{plan: plan, board: NewBoard(), titles: map[string]string{}, over: make(chan struct{}), cancel: cancel, try: try}
}

func (b *buildScreen) title() string {
	return map[buildState]string{buildRunning: "Building", buildStopping: "Stopping", buildStopped: "Stopped",
		buildFailed: "The build failed", buildDone: "Done"}[b.state]
}

// active tells that the build has not ended yet.
func (b *buildScreen) active() bool { return b.state == buildRunning || b.state == buildStopping }

func (b *buildScreen) tick(now time.Time) {
	if b.active() {
		b.board.Tick(now)
	}
}

// apply takes events.
func (b *buildScreen) apply(events []report.Event) {
	for _, e := range events {
		switch e.Kind {
		case report.Started:
			b.titles[e.Stage] = clean(e.Text)
			b.note(e, "started")
		case report.Log:
			b.note(e, e.Text)
		case report.Done:
			b.note(e, "done "+e.Text)
		case report.Failed:
			b.note(e, "failed: "+e.Text)
		}
	}
	b.ended = append(b.ended, b.board.Apply(events)...)
}

// note adds a line to the log.
func (b *buildScreen) note(e report.Event, text string) {
	for _, l := range cleanLines(text) {
		b.log = append(b.log, e.Stage+": "+l)
	}
	if extra := len(b.log) - buildLog; extra > buildLog/10 {
		b.log = append([]string{}, b.log[extra:]...)
	}
}

// noteError ends the log with the whole of an error, for which the screen may
// have no room.
func (b *buildScreen) noteError(err error) {
	what, rows := anatomy(err)
	b.note(report.Event{Stage: "error"}, what)
	for _, r := range rows {
		b.note(report.Event{Stage: r.Key}, r.Value)
	}
}

func (b *buildScreen) logLines() []string {
	if len(b.log) == 0 {
		return []string{"Nothing has been said yet."}
	}
	return append([]string{}, b.log...)
}

// end takes the result.
func (b *buildScreen) end(built Built, err error) {
	b.ended = append(b.ended, b.board.Stopped()...)
	b.err, b.built, b.at = err, built, 0
	switch {
	case err == nil:
		b.state = buildDone
		b.actions = []option{{"Write it to a " + medium(built.Fixed), targetIntent{}}, {"Build another", reviewIntent{}}, {"Leave", leaveIntent{}}}
		if !built.Fixed {
			b.actions = append([]option{{"Try it out in QEMU", tryIntent{}}}, b.actions...)
		}
	case b.state == buildStopping || fault.Code(err) == int(fault.Cancelled):
		b.state = buildStopped
		b.actions = []option{{"Go on building", retryIntent{}}, {"Back to the answers", reviewIntent{}}, {"Leave", leaveIntent{}}}
	default:
		b.state = buildFailed
		b.noteError(err)
		b.actions = []option{{"Try again", retryIntent{}}, {"Change the answers", reviewIntent{}}, {"Leave", leaveIntent{}}}
	}
}

func (b *buildScreen) update(msg tea.Msg) (intent, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, nil
	}
	k := newKeyMap(unicodeGlyphs)
	if b.active() {
		if is(press, k.Back) && b.state == buildRunning {
			return askIntent{newDialog("Stop the build?", "Finished stages are kept; building again goes on from there.",
				option{"Keep building", nil}, option{"Stop the build", cancelIntent{}})}, nil
		}
		return nil, nil
	}
	switch {
	case is(press, k.Back):
		return reviewIntent{}, nil
	case is(press, k.Next):
		return b.actions[b.at].want, nil
	}
	b.move(press, len(b.actions))
	return nil, nil
}

func (b *buildScreen) view(f frame) picture {
	if b.active() {
		return picture{lines: b.progress(f)}
	}
	var lines []string
	switch b.state {
	case buildDone:
		lines = b.result(f)
	case buildFailed:
		lines = b.failure(f)
	default:
		lines = append(f.stages(b.ended, f.height-len(b.actions)-4), "")
		lines = append(lines, f.paragraphs("What was finished is kept: building again goes on from there.", f.Text.Render)...)
	}
	return picture{lines: f.withActions(lines, b.actions, b.at)}
}

// tried puts the cursor on what comes after trying an image out.
func (b *buildScreen) tried() {
	b.at = max(b.at, slices.IndexFunc(b.actions, func(a option) bool { return a.want == targetIntent{} }))
}

// withActions puts what can be done below what there is to say.
func (f frame) withActions(lines []string, actions []option, at int) []string {
	room := f.height - len(actions) - 1
	if len(lines) > room {
		hidden := len(lines) - room + 1
		lines = append(lines[:max(0, room-1)], f.more(f.Glyphs.Down, hidden))
	}
	lines = append(lines, "")
	for i, a := range actions {
		style := f.Text
		if i == at {
			style = f.Act
		}
		lines = append(lines, f.pointed(i == at, style.Render(a.text)))
	}
	return lines
}

// progress draws what has ended above what runs.
func (b *buildScreen) progress(f frame) []string {
	running := b.board.fill(f.Styles, f.width, max(3, f.height-min(len(b.ended), f.height/2)-3))
	lines := f.stages(b.ended, f.height-len(running)-3)
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	if hidden := len(running) - (f.height - len(lines) - 2); hidden > 0 {
		running = append(running[:max(0, len(running)-hidden-1)], f.more(f.Glyphs.Down, hidden+1))
	}
	lines = append(lines, running...)
	if len(lines) == 0 {
		lines = append(lines, f.spinner()+" "+f.Muted.Render("beginning"))
	}
	for len(lines) < f.height-1 {
		lines = append(lines, "")
	}
	foot := f.Muted.Render(b.plan)
	if b.state == buildStopping {
		foot = f.Warn.Render("stopping") + f.Muted.Render("; "+b.board.means())
	}
	return append(lines, f.ends(foot, f.Muted.Render(span(b.board.now.Sub(b.board.start))), f.width))
}

// stages draws ended stages, the latest of them if there is no room for all.
func (f frame) stages(ended []Outcome, height int) []string {
	var lines []string
	for _, o := range ended {
		o.Log = nil
		lines = append(lines, strings.TrimPrefix(o.View(f.Styles, f.width+2)[0], margin(f.width+2)))
	}
	if hidden := len(lines) - max(1, height); hidden > 0 {
		lines = lines[hidden:]
		lines[0] = f.more(f.Glyphs.Up, hidden+1)
	}
	return lines
}

// failure says what happened, what the log says about it, and what to do.
func (b *buildScreen) failure(f frame) []string {
	most := f.height - len(b.actions) - 1
	lines := f.errorLines(b.err, b.built.Log, most)
	for _, o := range b.ended {
		if o.Ending != EndedFailed || len(o.Log) == 0 {
			continue
		}
		room := most - len(lines) - 3
		if room < 3 { // what went wrong first comes first then, unless the error says so
			log, first := excerpt(o.Log, 1)
			line := log[max(0, first)]
			if strings.Contains(b.err.Error(), line) {
				return lines
			}
			said := f.Muted.Render(pad("  said", 9)) + f.Text.Render(line)
			return slices.Insert(f.errorLines(b.err, b.built.Log, most-1), 1, f.fit(said, f.width))
		}
		log, first := excerpt(o.Log, room)
		lines = append(lines, "", f.Muted.Render("From the log of '"+o.Title+"'; l shows all of it:"))
		for i, l := range log {
			style := f.Muted
			if i == first {
				style = f.Text
			}
			lines = append(lines, f.fit(f.Deep.Render(f.Glyphs.Edge)+" "+style.Render(l), f.width))
		}
		break
	}
	return lines
}

// result says what was built and what to type.
func (b *buildScreen) result(f frame) []string {
	var lines []string
	keys := 6 // "sha256", whose value then fits on a line
	row := func(key, value string) {
		head := f.Muted.Render(pad(clean(key), keys+2))
		for _, l := range wrap(value, f.width-keys-2) {
			lines = append(lines, head+f.Text.Render(l))
			head = strings.Repeat(" ", keys+2)
		}
	}
	row("image", b.built.Path)
	row("size", amount(b.built.Size, report.Bytes)+f.Muted.Render(fmt.Sprintf(" (%s bytes)", amount(b.built.Size, ""))))
	row("sha256", b.built.SHA256)
	lines = append(append(lines, ""), f.commands(b.built.Next)...)
	if f.describe && len(b.built.Parts) > 0 {
		lines = append(lines, "")
		for _, p := range b.built.Parts {
			keys = max(keys, ansi.StringWidth(clean(p.Key)))
		}
		for _, p := range b.built.Parts {
			row(p.Key, clean(p.Value))
		}
	}
	if room := f.height - len(b.actions) - 1; len(lines) > room {
		lines = f.atMost(lines, room)
		lines[len(lines)-1] += f.Muted.Render("; ? shows all")
	}
	return lines
}

// commands says what to type, each command whole, with what it does behind it
// or, where that has no room, above it.
func (f frame) commands(list []Command) (lines []string) {
	column := 0
	for _, c := range list {
		if w := ansi.StringWidth(c.Line); w <= f.width/2 {
			column = max(column, w)
		}
	}
	for _, c := range list {
		what := clean(c.What)
		if ansi.StringWidth(c.Line) <= column && column+2+ansi.StringWidth(what) <= f.width {
			lines = append(lines, f.Warm.Render(pad(c.Line, column))+"  "+f.Muted.Render(what))
			continue
		}
		if f.describe {
			lines = append(lines, f.fit(f.Muted.Render(what), f.width))
		}
		for _, l := range shellLines(c.Line, f.width) {
			lines = append(lines, f.Warm.Render(l))
		}
	}
	return lines
}

func (b *buildScreen) keys(k keyMap) []key.Binding {
	switch b.state {
	case buildRunning:
		return []key.Binding{k.Log, as(k.Back, "stop")}
	case buildStopping:
		return []key.Binding{k.Log}
	}
	return []key.Binding{k.Up, as(k.Next, "choose"), k.Log, as(k.Back, "to the answers")}
}

// help of a finished image is what to type, which the screen may not have room for.
func (b *buildScreen) help() []string {
	if b.state != buildDone || len(b.built.Next) == 0 {
		return nil
	}
	lines := []string{"What to type next"}
	for _, c := range b.built.Next {
		lines = append(lines, "  "+c.What+":", "    "+c.Line)
	}
	if len(b.built.Parts) > 0 {
		lines = append(lines, "", "What is in the image")
	}
	for _, p := range b.built.Parts {
		lines = append(lines, "  "+p.Key+": "+p.Value)
	}
	return lines
}

func (b *buildScreen) typing() bool { return false }
func (b *buildScreen) busy() bool   { return b.active() }
