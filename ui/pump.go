package ui

import (
	"sync"
	"time"

	"floe/internal/report"
)

// Beat is the pace of everything that is shown live: ten times a second.
const Beat = 100 * time.Millisecond

// logRing is how many of a stage's latest log lines are kept for the display.
// The whole log is on disk, written by the room that made it.
const logRing = 200

// Pump takes events as fast as they come and hands them on in batches, one a
// beat. Within a batch the order is that of arrival, a stage's progress is only
// its latest, and of its log lines only the latest logRing are kept; Started,
// Done and Failed are never lost. Emit never waits for the receiver.
//
// It knows nothing of what the events mean or how they are drawn.
type Pump struct {
	deliver func([]report.Event)

	mu     sync.Mutex
	queue  []entry
	last   map[string]int // stage → index in queue of its latest progress
	logs   map[string]int // stage → number of its log lines in queue
	dead   int            // entries of queue that were superseded
	closed bool

	stop chan struct{}
	done chan struct{}
}

type entry struct {
	event report.Event
	dead  bool // superseded by a later event
}

// NewPump starts a pump that calls deliver, from one goroutine and never with
// an empty batch, at most once in every interval.
func NewPump(interval time.Duration, deliver func([]report.Event)) *Pump {
	p := newPump(deliver)
	go func() {
		defer close(p.done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.flush()
			case <-p.stop:
				p.flush()
				return
			}
		}
	}()
	return p
}

func newPump(deliver func([]report.Event)) *Pump {
	return &Pump{
		deliver: deliver,
		last:    map[string]int{}, logs: map[string]int{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// Emit takes an event. After Close it drops it.
func (p *Pump) Emit(e report.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	switch e.Kind {
	case report.Progress:
		if i, ok := p.last[e.Stage]; ok {
			p.kill(i)
		}
		p.last[e.Stage] = len(p.queue)
	case report.Log:
		if p.logs[e.Stage]++; p.logs[e.Stage] > logRing {
			p.killOldestLog(e.Stage)
		}
	}
	p.queue = append(p.queue, entry{event: e})
	if p.dead > logRing && p.dead > len(p.queue)/2 {
		p.compact()
	}
}

func (p *Pump) kill(i int) {
	p.queue[i].dead = true
	p.queue[i].event = report.Event{Stage: p.queue[i].event.Stage}
	p.dead++
}

func (p *Pump) killOldestLog(stage string) {
	for i := range p.queue {
		if q := &p.queue[i]; !q.dead && q.event.Kind == report.Log && q.event.Stage == stage {
			p.kill(i)
			p.logs[stage]--
			return
		}
	}
}

// compact drops superseded entries, so that a slow receiver costs bounded
// memory.
func (p *Pump) compact() {
	kept := make([]entry, 0, len(p.queue)-p.dead)
	for _, q := range p.queue {
		if q.dead {
			continue
		}
		if q.event.Kind == report.Progress {
			p.last[q.event.Stage] = len(kept)
		}
		kept = append(kept, q)
	}
	p.queue, p.dead = kept, 0
}

func (p *Pump) flush() {
	p.mu.Lock()
	p.compact()
	batch := make([]report.Event, len(p.queue))
	for i, q := range p.queue {
		batch[i] = q.event
	}
	p.queue = nil
	clear(p.last)
	clear(p.logs)
	p.mu.Unlock()
	if len(batch) > 0 {
		p.deliver(batch)
	}
}

// Close hands over what is left and stops the pump. It may be called again.
func (p *Pump) Close() {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if !again {
		close(p.stop)
	}
	<-p.done
}
