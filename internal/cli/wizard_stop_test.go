package cli

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// slowArchive is one that has nothing and says so at once, and from a moment on takes
// every question and answers none: a build goes on then for as long as nobody stops it.
type slowArchive struct {
	silent atomic.Bool
	env    string // that has floe ask it
}

func newSlowArchive(t *testing.T, silent bool) *slowArchive {
	t.Helper()
	a, over := &slowArchive{}, make(chan struct{})
	a.silent.Store(silent)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.silent.Load() {
			http.NotFound(w, r)
			return
		}
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	a.env = "FLOE_MIRROR=" + server.URL
	return a
}

// building is the wizard on a terminal, with a build that goes on.
func building(t *testing.T) *console {
	t.Helper()
	c := openConsole(t, floe(t, []string{newSlowArchive(t, true).env}))
	c.sees("Start").keys("\r")
	for _, s := range screens {
		c.sees(s).keys("\r")
	}
	return c.sees(dashboard...)
}

// dashboard is what is seen of a build that waits for the archive.
var dashboard = []string{"Building", "Debian's signed release files", "floe, amd64"}

// TestWizardStopsABuildOnATerminal: ctrl+c asks while a build runs. Staying changes
// nothing, stopping leads to where the build can be gone on with, and leaving from there
// leaves the terminal as it was.
func TestWizardStopsABuildOnATerminal(t *testing.T) {
	t.Parallel()
	c := building(t)
	c.asks("Stop the build?", "❯ Keep building", dashboard...)
	c.keys("\x03").sees("Stop the build?").keys("j\r").sees("Stopped", "What was finished is kept", "❯ Go on building")
	c.stays("Stopped", "❯ Go on building")
	c.keys("\r").sees(dashboard...)
	c.keys("\x03").sees("Stop the build?").keys("\x03").sees("Stopped", "❯ Go on building") // twice: whoever presses it again means it
	c.keys("\x03").sees("Leave Floe?").keys("\x03")
	c.ends(130)
}

// TestWizardBuildOnSignals: a build that is under way ends with the wizard, and soon.
func TestWizardBuildOnSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		c := building(t)
		start := time.Now()
		_ = c.cmd.Process.Signal(sig)
		c.ends(130)
		if late := time.Since(start); late > 8*time.Second {
			t.Errorf("%v: the end takes %v", sig, late)
		}
	}
}

// TestPlainStops: ctrl+c ends plain mode, whatever it is at: its checks, a question, a
// build. Nothing asks there.
func TestPlainStops(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"TERM=dumb", "FLOE_PLAIN=1"} {
		c := openConsole(t, floe(t, []string{newSlowArchive(t, true).env, env}))
		c.sees("ok    sandbox").keys("\x03")
		c.ends(130)
		archive := newSlowArchive(t, false)
		c = openConsole(t, floe(t, []string{archive.env, env}))
		for _, question := range plainQuestions[:len(plainQuestions)-1] {
			c.sees(question).keys("\n")
		}
		c.sees("Review")
		archive.silent.Store(true)
		c.keys("build\n").sees("start  ", "Debian's signed release files").keys("\x03").sees("stopped")
		c.ends(130)
	}
	for n := range plainQuestions {
		c := openConsole(t, floe(t, []string{"FLOE_PLAIN=1"}))
		for _, question := range plainQuestions[:n] {
			c.sees(question).keys("\n")
		}
		c.sees(plainQuestions[n]).keys("\x03")
		c.ends(130)
	}
}
