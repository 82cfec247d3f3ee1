package ui

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"floe/internal/report"
)

const (
	plainEvery = 15 * time.Second // at the latest, a line of progress comes
	plainStep  = 10               // percent, likewise
	plainLog   = 20               // of a failed stage's last lines are shown
)

// plain writes a build as lines: one at a stage's start and end, one every
// plainStep percent or plainEvery, one for every minute of silence. No escape
// sequence, nothing is ever overwritten; a screen reader or a log file takes it
// as it is.
type plain struct {
	mu     sync.Mutex
	w      io.Writer
	board  *Board
	told   map[string]*told
	closed bool
}

// told is what was last said about a running stage.
type told struct {
	at    time.Time
	step  int           // of plainStep percent
	quiet time.Duration // silence already spoken of
}

func newPlain(w io.Writer, stopping Stopping) *plain {
	return &plain{w: w, board: newBoard(stopping), told: map[string]*told{}}
}

// Emit writes the lines that an event calls for.
func (p *plain) Emit(e report.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	ended := p.board.Apply([]report.Event{e})
	switch e.Kind {
	case report.Started:
		p.told[e.Stage] = &told{at: e.Time}
		p.say("start", clean(e.Text))
	case report.Progress:
		p.progress(e)
	}
	for _, o := range ended {
		delete(p.told, o.ID)
		p.ended(o)
	}
}

func (p *plain) progress(e report.Event) {
	st := p.board.stage(e)
	t := p.told[e.Stage]
	if t == nil {
		t = &told{at: e.Time}
		p.told[e.Stage] = t
	}
	t.quiet = 0
	step := min(st.percent(), 99) / plainStep // the end has its own line
	if step <= t.step && e.Time.Sub(t.at) < plainEvery {
		return
	}
	t.at, t.step = e.Time, max(step, t.step)
	_, known := st.fraction()
	text := st.title + ": " + count(st.done, st.total, st.unit)
	if known && st.leftKnown {
		text += ", about " + rough(st.left) + " left"
	}
	if known {
		p.say(fmt.Sprintf("%3d %%", st.percent()), text)
	} else {
		p.say("...", text)
	}
}

// ended writes a stage's last line, and what it said last if it failed.
func (p *plain) ended(o Outcome) {
	word := map[Ending]string{EndedDone: "done", EndedKept: "kept", EndedFailed: "FAIL", EndedStopped: "stop"}[o.Ending]
	text := o.Title
	if o.Text != "" && (o.Ending == EndedDone || o.Ending == EndedKept) {
		text += ": " + o.Text
	}
	if o.Ending != EndedKept {
		text += " (" + span(o.Elapsed) + ")"
	}
	p.say(word, text)
	if o.Ending == EndedFailed {
		for _, l := range tail(o.Log, plainLog) {
			p.say("", "| "+l)
		}
	}
}

// tick notices stages that have been silent for another minute.
func (p *plain) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board.Tick(now)
	for _, st := range p.board.running {
		t := p.told[st.id]
		if t == nil || p.closed {
			continue
		}
		quiet := now.Sub(st.heard).Truncate(quietAfter)
		if quiet < quietAfter {
			t.quiet = 0
		} else if quiet > t.quiet {
			t.quiet = quiet
			p.say("...", fmt.Sprintf("%s: no output for %s", st.title, span(quiet)))
		}
	}
}

// stop tells that the run was cancelled.
func (p *plain) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.board.Stop()
	p.say("stop", "stopping; "+p.board.means())
}

func (p *plain) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.board.Stopped() {
		p.ended(o)
	}
	p.closed = true
}

func (p *plain) say(word, text string) {
	_, _ = fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf("%-6s %s", word, text), " "))
}
