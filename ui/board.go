package ui

import (
	"context"
	"strings"
	"time"

	"floe/internal/report"
)

// quietAfter is how long a stage may say nothing before the display says so.
const quietAfter = time.Minute

// Ending is how a stage ended.
type Ending int

// The endings.
const (
	EndedDone    Ending = iota
	EndedKept           // its result was there already
	EndedFailed         // it is the reason why the run fails
	EndedStopped        // it was interrupted: by the person, or as another stage had failed
)

// Outcome is a stage that has ended.
type Outcome struct {
	ID, Title string
	Text      string // its summary, or the error in one line
	Ending    Ending
	Elapsed   time.Duration
	Log       []string // if it failed, its last lines
}

// Board holds what a build has come to: which stages run, how far they are,
// what they said last. It is a plain value driven by events and by the time it
// is told; it reads no clock and writes nowhere. The inline display, the plain
// mode and the wizard's build screen all show a Board.
type Board struct {
	running  []*stage // in the order in which they started
	start    time.Time
	now      time.Time
	stopping bool
	stops    Stopping
	reached  bool // the stage from which on it means something else
}

type stage struct {
	id, title string
	started   time.Time
	heard     time.Time // of its latest event
	log       ring
	jobs      int // that go on at a time; 0: not told
	estimate
}

// Stopping is what it means to stop a run, in words. The zero value is that of a
// run whose finished stages are kept.
type Stopping struct {
	Before string // as long as the stage From has not started
	From   string // its name
	After  string
}

// keptStages is what stopping a build means.
const keptStages = "finished stages are kept"

// NewBoard returns an empty Board, of a run whose finished stages are kept.
func NewBoard() *Board { return newBoard(Stopping{}) }

// newBoard is a Board of a run that may mean something else when it is stopped.
func newBoard(s Stopping) *Board { return &Board{stops: s} }

// means says what it would mean to stop now.
func (b *Board) means() string {
	switch {
	case b.stops == Stopping{}:
		return keptStages
	case b.reached:
		return b.stops.After
	}
	return b.stops.Before
}

// Apply takes events in their order and returns the stages that ended with
// them.
func (b *Board) Apply(events []report.Event) (ended []Outcome) {
	for _, e := range events {
		b.Tick(e.Time)
		b.reached = b.reached || e.Stage == b.stops.From
		switch e.Kind {
		case report.Started:
			b.drop(e.Stage)
			b.begin(e, clean(e.Text))
		case report.Progress:
			s := b.stage(e)
			s.heard = e.Time
			s.jobs = max(s.jobs, e.Jobs)
			s.add(e.Time, e.Done, e.Total, e.Unit)
			s.tick(e.Time)
		case report.Log:
			s := b.stage(e)
			s.heard = e.Time
			s.log.add(clean(e.Text))
		case report.Done, report.Failed:
			ended = append(ended, b.outcome(e))
			b.drop(e.Stage)
		}
	}
	return ended
}

// Tick tells the time. It never goes backwards.
func (b *Board) Tick(now time.Time) {
	if b.start.IsZero() {
		b.start = now
	}
	if !now.After(b.now) {
		return
	}
	b.now = now
	for _, s := range b.running {
		s.tick(now)
	}
}

// Stop tells that the run was cancelled: what ends from now on was stopped,
// not broken.
func (b *Board) Stop() { b.stopping = true }

// Stopped gives the stages that still run, as outcomes, and forgets them: for
// the end of a run in which they never told theirs.
func (b *Board) Stopped() (ended []Outcome) {
	for _, s := range b.running {
		ended = append(ended, Outcome{ID: s.id, Title: s.title, Ending: EndedStopped, Elapsed: b.now.Sub(s.started)})
	}
	b.running = nil
	return ended
}

// stage finds the stage of an event, or begins it, should its Started be
// missing.
func (b *Board) stage(e report.Event) *stage {
	for _, s := range b.running {
		if s.id == e.Stage {
			return s
		}
	}
	return b.begin(e, e.Stage)
}

func (b *Board) begin(e report.Event, title string) *stage {
	s := &stage{id: e.Stage, title: title, started: e.Time, heard: e.Time}
	b.running = append(b.running, s)
	return s
}

func (b *Board) drop(id string) {
	for i, s := range b.running {
		if s.id == id {
			b.running = append(b.running[:i], b.running[i+1:]...)
			return
		}
	}
}

func (b *Board) outcome(e report.Event) Outcome {
	s := b.stage(e)
	o := Outcome{ID: s.id, Title: s.title, Text: cleanLines(e.Text)[0], Elapsed: e.Elapsed}
	if o.Elapsed == 0 {
		o.Elapsed = e.Time.Sub(s.started)
	}
	switch {
	case e.Kind == report.Done && e.Cached:
		if o.Ending = EndedKept; o.Text == "kept" {
			o.Text = "" // the ending says so
		}
	case e.Kind == report.Done:
		o.Ending = EndedDone
	case b.stopping || strings.Contains(e.Text, context.Canceled.Error()):
		o.Ending = EndedStopped
	default:
		o.Ending, o.Log = EndedFailed, s.log.lines()
	}
	return o
}

// ring keeps the latest logRing lines.
type ring struct {
	buf  []string
	next int // index of the oldest line once buf is full
}

func (r *ring) add(line string) {
	if len(r.buf) < logRing {
		r.buf = append(r.buf, line)
		return
	}
	r.buf[r.next] = line
	r.next = (r.next + 1) % logRing
}

func (r *ring) lines() []string {
	return append(append([]string{}, r.buf[r.next:]...), r.buf[:r.next]...)
}

func (r *ring) latest() string {
	if len(r.buf) == 0 {
		return ""
	}
	return r.buf[(r.next+len(r.buf)-1)%len(r.buf)]
}
