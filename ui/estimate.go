package ui

import (
	"math"
	"time"

	"floe/internal/report"
)

const (
	estimateAfter = 30 * time.Second // of data, before a time left is shown
	rateWindow    = 5 * time.Second  // over which a rate is averaged
)

// estimate tells from a stage's progress how fast it is and how long it will
// take. The time left never grows: where the work turns out to be a little
// slower it stands still, and where it would be out by half it is not shown,
// until it is right again.
type estimate struct {
	done, total int64
	unit        report.Unit

	began     time.Time     // of this count
	from      int64         // done at began
	last      time.Time     // of the latest progress
	rate      float64       // per second, averaged over rateWindow
	left      time.Duration // the least so far; 0: none yet
	leftKnown bool          // left is near enough to the truth to be shown
}

// add takes a progress event. Another unit, or less done than before, begins a
// new count.
func (e *estimate) add(t time.Time, done, total int64, unit report.Unit) {
	if e.began.IsZero() || unit != e.unit || done < e.done {
		*e = estimate{began: t, from: done, last: t, unit: unit}
	} else if dt := t.Sub(e.last).Seconds(); dt > 0 {
		weight := 1 - math.Exp(-dt/rateWindow.Seconds())
		if e.rate == 0 {
			weight = 1
		}
		e.rate += weight * (float64(done-e.done)/dt - e.rate)
		e.last = t
	}
	e.done, e.total = done, total
}

// tick brings the time left up to date.
func (e *estimate) tick(now time.Time) {
	spent := now.Sub(e.began)
	if e.began.IsZero() || e.total <= 0 || e.done > e.total {
		e.leftKnown = false
		return
	}
	if spent < estimateAfter || e.done <= e.from {
		return
	}
	perUnit := float64(spent) / float64(e.done-e.from)
	left := time.Duration(perUnit * float64(e.total-e.done))
	if e.left == 0 || left < e.left {
		e.left = left
	}
	e.leftKnown = left <= e.left*3/2
}

// fraction is the share done, from 0 to 1; ok is false if the total is not
// known.
func (e *estimate) fraction() (f float64, ok bool) {
	if e.total <= 0 {
		return 0, false
	}
	return min(1, max(0, float64(e.done)/float64(e.total))), true
}

// percent is the share done, rounded down, so that 100 means all of it.
func (e *estimate) percent() int {
	f, _ := e.fraction()
	return int(f * 100)
}
