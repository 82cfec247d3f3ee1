package cli

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
)

// TestJournal: what the next floe tells of a build, however that ended.
func TestJournal(t *testing.T) {
	before := xdg.StateHome
	xdg.StateHome = t.TempDir()
	defer func() { xdg.StateHome = before }()
	plan, _, err := steps.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	done := func(stage string, cached bool) report.Event {
		return report.Event{Stage: stage, Kind: report.Done, Cached: cached}
	}
	for _, c := range []struct {
		events []report.Event
		end    error
		killed bool
		want   string
	}{
		{nil, nil, true, ""},
		{[]report.Event{done("archive", true)}, nil, true, ""},
		{[]report.Event{done("userland/amd64", false)}, nil, true, "userland done"},
		{[]report.Event{done("boot/amd64", false), done("fetch/kernel", false)}, nil, true, "boot loader done"},
		{[]report.Event{done("root/compiler", false)}, nil, true, "tools done"},
		{[]report.Event{done("package/docker", false)}, nil, true, "a package done"},
		{[]report.Event{done("kernel/amd64", false), done("userland/amd64", false)}, nil, true, "kernel done"},
		{[]report.Event{done("kernel/amd64", false)}, fault.New(fault.Cancelled, "build", "", context.Canceled, ""), false, "kernel done"},
		{[]report.Event{done("kernel/amd64", false)}, errors.New("disk full"), false, "failed"},
		{[]report.Event{done("kernel/amd64", false)}, nil, false, "built"},
	} {
		told := 0
		j := startJournal(plan)
		sink := j.beside(report.Func(func(report.Event) { told++ }))
		for _, e := range c.events {
			sink.Emit(e)
		}
		if !c.killed {
			j.end(c.end)
		}
		what, at := lastBuild(plan)
		if what != c.want || told != len(c.events) || c.want != "" && time.Since(at) > time.Minute {
			t.Errorf("%v: %q at %v, %d events passed on", c, what, at, told)
		}
	}
	// The log has all that was said.
	j := startJournal(plan)
	j.beside(report.Discard).Emit(report.Event{Stage: "kernel/amd64", Kind: report.Log, Text: "CC init/main.o"})
	j.end(nil)
	j.note(report.Event{Kind: report.Log, Text: "too late"})
	if log, err := os.ReadFile(logPath()); err != nil || !strings.HasSuffix(string(log), " kernel/amd64: CC init/main.o\n") {
		t.Errorf("%v: the log has %q", err, log)
	}
	// A line that was being written when its writer was killed counts for nothing.
	startJournal(plan).write(entry{Stage: "kernel/amd64"})
	text, err := os.ReadFile(journalPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journalPath(), append(text, []byte(`{"time":"2026-`)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if what, _ := lastBuild(plan); what != "kernel done" {
		t.Errorf("with half a line: %q", what)
	}
	other := *plan
	other.Hostname = "other"
	if what, _ := lastBuild(&other); what != "" {
		t.Errorf("another plan is told of: %q", what)
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	if got := clock(now.Add(-time.Minute), now); got != "00:59" {
		t.Error(got)
	}
	if got := clock(now.Add(-2*time.Hour), now); got != "1 Mar 23:00" {
		t.Error(got)
	}
}
