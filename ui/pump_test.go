package ui

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"floe/internal/report"
)

// collect makes a pump that is flushed by hand.
func collect() (*Pump, func() []report.Event) {
	var got []report.Event
	p := newPump(func(batch []report.Event) { got = append(got, batch...) })
	return p, func() []report.Event {
		got = nil
		p.flush()
		return got
	}
}

func TestPumpCoalesces(t *testing.T) {
	p, flush := collect()
	for i := range int64(1000) {
		p.Emit(report.Event{Stage: "a", Kind: report.Progress, Done: i})
		p.Emit(report.Event{Stage: "b", Kind: report.Progress, Done: -i})
		p.Emit(report.Event{Stage: "a", Kind: report.Log, Text: fmt.Sprint(i)})
	}
	got := flush()
	if len(got) != logRing+2 {
		t.Fatalf("%d events, not the latest progress of two stages and %d lines", len(got), logRing)
	}
	want, progress := 1000-logRing, map[string]int64{}
	for _, e := range got {
		if e.Kind == report.Progress {
			progress[e.Stage] = e.Done
			continue
		}
		if e.Text != fmt.Sprint(want) {
			t.Fatalf("line %q, not %d: lines are lost or out of order", e.Text, want)
		}
		want++
	}
	if progress["a"] != 999 || progress["b"] != -999 {
		t.Errorf("progress is not the latest: %v", progress)
	}
	if again := flush(); again != nil {
		t.Errorf("events are told twice: %v", again)
	}
}

// TestPumpBoundsMemory: a receiver that hangs for an hour costs no more than a
// few thousand entries.
func TestPumpBoundsMemory(t *testing.T) {
	p, _ := collect()
	for i := range int64(200_000) {
		p.Emit(report.Event{Stage: "a", Kind: report.Progress, Done: i})
		p.Emit(report.Event{Stage: "a", Kind: report.Log})
	}
	if n := len(p.queue); n > 4*logRing {
		t.Errorf("%d entries wait", n)
	}
}

// TestPumpKeepsWhatMatters: whatever is emitted, and whenever batches are
// taken, every Started, Done and Failed arrives, in order, with what belongs to
// a stage between its start and its end.
func TestPumpKeepsWhatMatters(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		var got []report.Event
		p := newPump(func(batch []report.Event) { got = append(got, batch...) })
		var want []report.Event
		for i := range 40 {
			id := fmt.Sprint(i % 7)
			emit := func(e report.Event) {
				e.Stage = id
				p.Emit(e)
				if e.Kind != report.Log && e.Kind != report.Progress {
					want = append(want, e)
				}
				if random.IntN(20) == 0 {
					p.flush()
				}
			}
			emit(report.Event{Kind: report.Started, Text: fmt.Sprint(i)})
			for range random.IntN(500) {
				emit(report.Event{Kind: []report.Kind{report.Log, report.Progress}[random.IntN(2)], Text: fmt.Sprint(i)})
			}
			emit(report.Event{Kind: []report.Kind{report.Done, report.Failed}[random.IntN(2)], Text: fmt.Sprint(i)})
		}
		p.flush()
		open := map[string]string{}
		for _, e := range got {
			switch e.Kind {
			case report.Started:
				open[e.Stage] = e.Text
			case report.Done, report.Failed:
				delete(open, e.Stage)
			default:
				if open[e.Stage] != e.Text {
					t.Fatalf("seed %d: %v of run %s is outside of it", seed, e.Kind, e.Text)
				}
				continue
			}
			if len(want) == 0 || want[0] != e {
				t.Fatalf("seed %d: %v, not %v", seed, e, want[0])
			}
			want = want[1:]
		}
		if len(want) > 0 {
			t.Fatalf("seed %d: lost %v", seed, want)
		}
	}
}

func TestPumpRuns(t *testing.T) {
	var mu sync.Mutex
	batches, events := 0, 0
	p := NewPump(20*time.Millisecond, func(b []report.Event) {
		mu.Lock()
		defer mu.Unlock()
		batches++
		events += len(b)
	})
	begun := time.Now()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				p.Emit(report.Event{Stage: "a", Kind: report.Done})
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	p.Close()
	p.Close()
	p.Emit(report.Event{Kind: report.Done})
	if events != 800 {
		t.Errorf("%d events arrived, not 800", events)
	}
	if most := int(time.Since(begun)/(20*time.Millisecond)) + 2; batches > most || batches < 2 {
		t.Errorf("%d batches, not 2 to %d", batches, most)
	}
}
