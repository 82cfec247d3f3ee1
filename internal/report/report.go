// Package report carries what happens during a build from the rooms that
// do the work to whoever listens: a stage started, made progress, said a line,
// ended well or failed.
//
// It does not render, store or count anything. Stages only ever see a Sink,
// so that they know nothing of the screen.
package report

import (
	"bytes"
	"sync"
	"time"
)

// Kind says what an Event tells.
type Kind string

// The kinds of events, in the order in which a stage emits them. Every stage
// that starts ends with exactly one of Done and Failed.
const (
	Started  Kind = "started"  // Text is the stage's title
	Progress Kind = "progress" // Done, Total and Unit are set
	Log      Kind = "log"      // Text is one line, without its newline
	Done     Kind = "done"     // Text is a short summary; Cached says that nothing had to be done
	Failed   Kind = "failed"   // Text is the error
)

// Unit is what Progress counts.
type Unit string

// The units that stages count in.
const (
	Bytes    Unit = "bytes"
	Objects  Unit = "objects" // compiled files
	Packages Unit = "packages"
	Files    Unit = "files"
)

// Event is one thing that happened. Its JSON form is one line of
// "--progress json".
type Event struct {
	Time    time.Time     `json:"time"`
	Stage   string        `json:"stage"` // stable identifier, such as "kernel/amd64"
	Kind    Kind          `json:"kind"`
	Text    string        `json:"text,omitempty"`
	Done    int64         `json:"done,omitempty"`
	Total   int64         `json:"total,omitempty"` // 0: not known
	Unit    Unit          `json:"unit,omitempty"`
	Jobs    int           `json:"jobs,omitempty"` // how many go on at a time; 0: not told
	Cached  bool          `json:"cached,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns,omitempty"` // since the stage started; with Done and Failed
}

// Sink takes events. Implementations are called from several goroutines.
type Sink interface{ Emit(Event) }

// Func makes a Sink of a function.
type Func func(Event)

// Emit calls the function.
func (f Func) Emit(e Event) { f(e) }

// Discard is a Sink that drops every event.
var Discard Sink = Func(func(Event) {})

// Stage is the handle by which one stage tells its story.
type Stage struct {
	id    string
	to    Sink
	start time.Time
	jobs  int
}

// Start emits Started and returns the stage's handle.
func Start(to Sink, id, title string) *Stage {
	s := &Stage{id: id, to: to, start: time.Now()}
	s.emit(Event{Kind: Started, Text: title})
	return s
}

func (s *Stage) emit(e Event) {
	e.Time, e.Stage = time.Now(), s.id
	if e.Kind == Done || e.Kind == Failed {
		e.Elapsed = e.Time.Sub(s.start)
	}
	s.to.Emit(e)
}

// Progress tells how far the stage is. A total of 0 means not known.
func (s *Stage) Progress(done, total int64, unit Unit) {
	s.emit(Event{Kind: Progress, Done: done, Total: total, Unit: unit, Jobs: s.jobs})
}

// Jobs says how many of what the stage counts go on at a time, from its next
// progress on. It is said before the work begins.
func (s *Stage) Jobs(n int) { s.jobs = n }

// Log tells one line, without its newline.
func (s *Stage) Log(line string) { s.emit(Event{Kind: Log, Text: line}) }

// Done ends the stage well.
func (s *Stage) Done(summary string) { s.emit(Event{Kind: Done, Text: summary}) }

// Cached ends the stage well: its result was there already.
func (s *Stage) Cached(summary string) { s.emit(Event{Kind: Done, Text: summary, Cached: true}) }

// Fail ends the stage with err and returns err, so that a caller can write
// "return stage.Fail(err)".
func (s *Stage) Fail(err error) error {
	s.emit(Event{Kind: Failed, Text: err.Error()})
	return err
}

// Lines returns a writer that hands each complete line written to it to fn.
// Close hands over a last line that had no newline.
func Lines(fn func(line string)) *LineWriter { return &LineWriter{fn: fn} }

// LineWriter splits what is written to it into lines. It is safe for use by
// several goroutines.
type LineWriter struct {
	mu  sync.Mutex
	buf []byte
	fn  func(string)
}

// Write takes any piece of text; it never fails.
func (w *LineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p...)
	for {
		i := bytes.IndexByte(w.buf, '\n')
		if i < 0 {
			return len(p), nil
		}
		w.fn(string(bytes.TrimSuffix(w.buf[:i], []byte("\r"))))
		w.buf = w.buf[i+1:]
	}
}

// Close hands over what is left.
func (w *LineWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf) > 0 {
		w.fn(string(w.buf))
		w.buf = nil
	}
	return nil
}
