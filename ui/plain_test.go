package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"floe/internal/report"
)

// TestPlain drives the plain mode with events that carry their own times: every
// ten percent or fifteen seconds a line, whichever comes first.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	p := newPlain(&out, Stopping{})
	emit := func(events ...report.Event) {
		for _, e := range events {
			p.Emit(e)
		}
	}
	kept := at(1, "archive", report.Done, "3 suites")
	kept.Cached = true
	emit(at(0, "archive", report.Started, "Signed archive"), kept)
	emit(at(1, "fetch", report.Started, "Packages"))
	for i := range int64(101) { // 100 s of even progress: a line every 10 %
		emit(progress(1+float64(i)/10, "fetch", i*1_300_000, 130_000_000, report.Bytes))
	}
	emit(at(12, "fetch", report.Done, "111 packages, 130 MB"))
	emit(at(20, "kernel", report.Started, "Linux\x1b[31m 6.12"))
	for i := range int64(300) { // slow: a line every 15 s, then the estimate
		emit(progress(20+float64(i)/2, "kernel", i, 2960, report.Objects), at(20+float64(i)/2, "kernel", report.Log, fmt.Sprintf("  CC  %d.o", i)))
	}
	emit(at(171, "count", report.Started, "Without a total"), progress(172, "count", 5, 0, report.Files), progress(190, "count", 900, 0, report.Files))
	p.tick(noon.Add(230 * time.Second)) // the kernel has been silent for a minute
	p.tick(noon.Add(231 * time.Second))
	p.tick(noon.Add(291 * time.Second))
	emit(at(300, "kernel", report.Log, "a.c:1:2: error: \x1b[1mno\x1b[0m"), at(300, "kernel", report.Failed, "compile the kernel: status 2"))
	p.stop()
	emit(at(301, "count", report.Failed, "signal: killed"), at(301, "left", report.Started, "Left over"))
	p.close()
	emit(at(302, "late", report.Started, "too late"))
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("escape sequences in plain lines:\n%q", out.String())
	}
	golden(t, "plain", out.String())
}

func TestPlainProgressWhole(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	sink, end := Progress(ctx, Options{Err: &out, Env: []string{"TERM=xterm"}})
	stage := report.Start(sink, "a", "A stage")
	cancel()
	time.Sleep(50 * time.Millisecond)
	_ = stage.Fail(context.Canceled)
	end()
	end()
	want := []string{"start  A stage", "stop   stopping; finished stages are kept", "stop   A stage"}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q", i, line)
		}
	}
}

func TestJSON(t *testing.T) {
	var out, err bytes.Buffer
	sink, end := Progress(t.Context(), Options{Mode: JSON, Out: &out, Err: &err, Env: []string{"TERM=xterm"}})
	events := kernelBuild()
	events = append(events, at(80, "kernel/amd64", report.Failed, "a <b> & \"c\" ü"))
	events[len(events)-1].Elapsed = 70 * time.Second
	for _, e := range events {
		sink.Emit(e)
	}
	end()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(events) {
		t.Fatalf("%d lines for %d events", len(lines), len(events))
	}
	for i, line := range lines {
		var got report.Event
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if got != events[i] {
			t.Errorf("line %d: %+v, not %+v", i, got, events[i])
		}
	}
	if !strings.Contains(out.String(), `a <b> & \"c\" ü`) {
		t.Error("text is escaped as if for a web page")
	}
	if err.Len() > 0 {
		t.Errorf("standard error has %q", err.String())
	}
}

func TestMode(t *testing.T) {
	m := Auto
	for _, name := range []string{"plain", "json", "auto"} {
		if err := m.Set(name); err != nil || m.String() != name {
			t.Errorf("%s: %v, %s", name, err, m)
		}
	}
	if err := m.Set("fancy"); err == nil || m != Auto {
		t.Errorf("fancy is taken: %v", m)
	}
}
