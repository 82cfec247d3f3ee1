package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/adrg/xdg"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
)

// journal writes down what a build of the wizard's has come to, an event a
// line, so that the next floe can tell even if this one is killed. It is for a
// person to read: what is finished, the store knows by itself.
//
// Beside it goes the log: every word of every stage.
type journal struct {
	mu   sync.Mutex
	file *os.File // nil: it cannot be written, which is no reason not to build
	log  *os.File // likewise
	kept string   // where the log is; "": nowhere
}

// entry is a line of a journal.
type entry struct {
	Time  time.Time `json:"time"`
	Plan  string    `json:"plan,omitempty"`  // in the first line: what is built
	Stage string    `json:"stage,omitempty"` // it is done
	End   string    `json:"end,omitempty"`   // in the last line: "built" or "failed"
}

// journalPath is where the journal of the latest build is.
func journalPath() string { return filepath.Join(xdg.StateHome, "floe", "last-build.jsonl") }

// logPath is where the log of the latest build is.
func logPath() string { return filepath.Join(xdg.StateHome, "floe", "last-build.log") }

// fingerprint tells plans apart.
func fingerprint(plan *steps.Plan) string {
	var b bytes.Buffer
	if _, err := plan.WriteTo(&b); err != nil {
		return ""
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// startJournal begins the journal of a build, in the place of the one before.
func startJournal(plan *steps.Plan) *journal {
	j := &journal{}
	if err := os.MkdirAll(filepath.Dir(journalPath()), 0o700); err != nil {
		return j
	}
	if f, err := os.OpenFile(journalPath(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600); err == nil {
		j.file = f
	}
	if f, err := os.OpenFile(logPath(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err == nil {
		j.log, j.kept = f, logPath()
	}
	j.write(entry{Plan: fingerprint(plan)})
	return j
}

// write adds a line, whole or not at all.
func (j *journal) write(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return
	}
	e.Time = time.Now()
	if line, err := json.Marshal(e); err == nil {
		_, _ = j.file.Write(append(line, '\n'))
	}
}

// note adds a stage's word to the log.
func (j *journal) note(e report.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.log != nil && e.Kind != report.Progress {
		word := map[report.Kind]string{report.Started: "started: ", report.Done: "done: ", report.Failed: "failed: "}[e.Kind]
		fmt.Fprintf(j.log, "%s %s: %s%s\n", e.Time.Format("15:04:05"), e.Stage, word, e.Text)
	}
}

// beside notes the stages that a build finishes on their way to a sink.
func (j *journal) beside(sink report.Sink) report.Sink {
	return report.Func(func(e report.Event) {
		if e.Kind == report.Done && !e.Cached {
			j.write(entry{Stage: e.Stage})
		}
		j.note(e)
		sink.Emit(e)
	})
}

// end notes how the build ended. One that the person stopped has not ended:
// it can be gone on with.
func (j *journal) end(err error) {
	switch {
	case err == nil:
		j.write(entry{End: "built"})
	case fault.Code(err) != int(fault.Cancelled):
		j.write(entry{End: "failed"})
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		_ = j.file.Close()
	}
	if j.log != nil {
		_ = j.log.Close()
	}
	j.file, j.log = nil, nil
}

// longest is the stage that a person asks about: it takes nearly all the time.
const longest = "kernel"

// fetching is what a person does not ask about: it is never the last of a build.
const fetching = "fetch"

// called is a stage in a person's words.
func called(stage string) string {
	switch stage {
	case "root":
		return "tools"
	case "boot":
		return "boot loader"
	case "package":
		return "a package"
	}
	return stage
}

// lastBuild says what the latest build of a plan has come to, and when: "built",
// "failed", "kernel done". It says nothing if another plan was built since.
func lastBuild(plan *steps.Plan) (what string, at time.Time) {
	f, err := os.Open(journalPath())
	if err != nil {
		return "", at
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for first := true; lines.Scan(); first = false {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			break // cut off by the end of its writer
		}
		stage, _, _ := strings.Cut(e.Stage, "/")
		switch {
		case first && e.Plan != fingerprint(plan):
			return "", at
		case e.End != "":
			return e.End, e.Time
		case stage != "" && stage != fetching && what != longest+" done":
			what, at = called(stage)+" done", e.Time
		}
	}
	return what, at
}

// clock writes a moment as briefly as it can be understood.
func clock(at, now time.Time) string {
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format("2 Jan 15:04")
}
