package ui

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"floe/internal/report"
)

// Options say how progress is shown.
type Options struct {
	Mode     Mode      // the zero value is Auto
	Out      io.Writer // JSON lines go here; nil is os.Stdout
	Err      io.Writer // the live display and plain lines go here; nil is os.Stderr
	Env      []string  // nil is os.Environ()
	Stopping Stopping
	// Terminal describes Err; nil detects it, its background included.
	Terminal *Terminal
}

func (o Options) filled() Options {
	if o.Mode == "" {
		o.Mode = Auto
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Terminal == nil {
		t := Detect(o.Err, o.Env)
		if f, ok := o.Err.(*os.File); ok && o.Mode == Auto {
			t = t.AskBackground(os.Stdin, f, o.Env)
		}
		o.Terminal = &t
	}
	return o
}

// Progress shows what is emitted into the Sink it returns, until the function
// it returns is called. That function shows what is still to be shown, leaves
// the terminal as it was and may be called again; defer it, so that it runs in
// a panic too, and call it before printing anything else and before os.Exit.
//
// Standard output stays free for results: only JSON lines go there.
//
// Of a failed stage the display shows its name and its last log lines, not the
// error: the command prints that, once, with [Error].
//
// Progress never reads the keyboard, so that ctrl+c stays a signal. When ctx is
// cancelled the display says that the run is stopping and goes on until closed.
// The live display also catches signals, beside whoever else does: the first
// SIGINT, SIGTERM or SIGHUP is left to the one who cancels ctx; a second one,
// or a first one by which ctx is not cancelled within a second, ends the
// process by that signal once the terminal is clean. A panic in another
// goroutine than the one that deferred the closing ends the process at once;
// nothing can be cleaned then.
func Progress(ctx context.Context, o Options) (report.Sink, func()) {
	o = o.filled()
	switch {
	case o.Mode == JSON:
		return jsonLines(o.Out), func() {}
	case o.Mode == Auto && o.Terminal.TTY && !o.Terminal.Lines:
		return startLive(ctx, o)
	}
	return startPlain(ctx, o.Err, o.Stopping)
}

// jsonLines writes each event as one line. Writing to a reader that has gone
// away fails silently: the build matters more.
func jsonLines(w io.Writer) report.Sink {
	var mu sync.Mutex
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return report.Func(func(e report.Event) {
		mu.Lock()
		defer mu.Unlock()
		_ = enc.Encode(e)
	})
}

// startPlain runs the plain mode: events are written as they come, and a slow
// clock notices silence.
func startPlain(ctx context.Context, w io.Writer, stopping Stopping) (report.Sink, func()) {
	p := newPlain(w, stopping)
	forget := context.AfterFunc(ctx, p.stop)
	tick := time.NewTicker(time.Second)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case now := <-tick.C:
				p.tick(now)
			case <-quit:
				return
			}
		}
	}()
	var once sync.Once
	return p, func() {
		once.Do(func() {
			forget()
			tick.Stop()
			close(quit)
			<-done
			p.close()
		})
	}
}
