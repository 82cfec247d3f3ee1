package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"floe/internal/report"
)

// noon is when the builds of these tests begin.
var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

// at gives an event at a number of seconds after noon.
func at(seconds float64, stage string, kind report.Kind, text string) report.Event {
	return report.Event{Time: noon.Add(time.Duration(seconds * float64(time.Second))), Stage: stage, Kind: kind, Text: text}
}

func progress(seconds float64, stage string, done, total int64, unit report.Unit) report.Event {
	e := at(seconds, stage, report.Progress, "")
	e.Done, e.Total, e.Unit = done, total, unit
	return e
}

// kernelBuild is a build under way at 12:01:10: one stage kept, one done, the
// kernel at 61 %, a download, a stage that has said nothing for a minute, and
// one with foreign text.
func kernelBuild() []report.Event {
	kept := at(1.5, "archive", report.Done, "3 suites of Debian 13, every signature right")
	kept.Cached = true
	return []report.Event{
		at(0, "archive", report.Started, "Check Debian's signed release files"), kept,
		at(2, "toolchain", report.Started, "Toolchain"),
		at(9.2, "toolchain", report.Done, "111 packages, 506 MB"),
		at(9.5, "iso", report.Started, "Silent stage"),
		at(10, "kernel/amd64", report.Started, "Linux 6.12.117, amd64"),
		progress(10, "kernel/amd64", 0, 2960, report.Objects),
		at(10, "wide", report.Started, "起動イメージ\x1b[2J\u202e"),
		at(11, "fetch", report.Started, "Fetch packages"),
		progress(60, "fetch", 0, 130_000_000, report.Bytes),
		progress(68, "fetch", 8_000_000, 130_000_000, report.Bytes),
		at(69, "wide", report.Log, "\x1b]0;title\a\tとても長い行とても長い行とても長い行とても長い行とても長い行"),
		progress(70, "wide", 312, 0, report.Files),
		progress(70, "kernel/amd64", 1804, 2960, report.Objects),
		at(70, "kernel/amd64", report.Log, "  CC      drivers/net/ethernet/intel/e1000e/netdev.o"),
	}
}

func TestBoardView(t *testing.T) {
	for _, state := range []struct {
		name   string
		height int
		change func(*Board)
	}{
		{"running", 16, func(*Board) {}},
		{"stopping", 16, (*Board).Stop},
		{"few-rows", 10, func(*Board) {}},
		{"fewest-rows", 3, func(*Board) {}},
	} {
		each(t, "board-"+state.name, func(s Styles) string {
			b := NewBoard()
			var lines []string
			for _, o := range b.Apply(kernelBuild()) {
				lines = append(lines, o.View(s, s.Width)...)
			}
			state.change(b)
			view := b.View(s, s.Width, state.height)
			if n := strings.Count(view, "\n") + 1; n > state.height {
				t.Errorf("%d rows, not at most %d:\n%s", n, state.height, view)
			}
			got := strings.Join(append(lines, view), "\n") + "\n"
			narrow(t, "board", s.Width, got)
			return got
		})
	}
}

func TestBoardFitsEverySize(t *testing.T) {
	b := NewBoard()
	b.Apply(kernelBuild())
	for look, term := range looks {
		for width := 1; width <= 130; width += 1 + width/30 {
			for _, height := range []int{1, 2, 5, 9, 24} {
				view := b.View(NewStyles(term), width, height)
				narrow(t, look, width, view)
				if n := strings.Count(view, "\n") + 1; n > height {
					t.Fatalf("%s, %d×%d: %d rows", look, width, height, n)
				}
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	b := NewBoard()
	events := []report.Event{at(0, "kernel", report.Started, "Linux 6.12.117, amd64")}
	for i := range 300 {
		events = append(events, at(1, "kernel", report.Log, fmt.Sprintf("  CC  file%d.o", i)))
	}
	events = append(events,
		at(2, "kernel", report.Log, "a.c:12:3: \x1b[31merror:\x1b[0m expected ‘;’"),
		at(3, "busybox", report.Started, "busybox"),
		at(125, "kernel", report.Failed, "compile the kernel: make ended with status 2\nmore"),
		at(126, "busybox", report.Failed, "run make: context canceled"),
		at(127, "late", report.Done, "never started"),
	)
	ended := b.Apply(events)
	if len(ended) != 3 || ended[0].Ending != EndedFailed || ended[1].Ending != EndedStopped || ended[2].Ending != EndedDone {
		t.Fatalf("%+v", ended)
	}
	if n := len(ended[0].Log); n != logRing {
		t.Errorf("%d lines are kept, not %d", n, logRing)
	}
	if last := ended[0].Log[logRing-1]; last != "a.c:12:3: error: expected ‘;’" {
		t.Errorf("the last line is %q", last)
	}
	each(t, "failed", func(s Styles) string {
		var lines []string
		for _, o := range ended {
			lines = append(lines, o.View(s, s.Width)...)
		}
		got := strings.Join(lines, "\n") + "\n"
		narrow(t, "failed", s.Width, got)
		return got
	})
	if got := ansi.Strip(strings.Join(ended[0].View(NewStyles(looks["dark"]), 80), "\n")); strings.Contains(got, "status 2") {
		t.Errorf("the error is shown here and once more by the command:\n%s", got)
	}
}

func TestBoardStop(t *testing.T) {
	b := NewBoard()
	b.Apply([]report.Event{at(0, "a", report.Started, "A"), at(0, "b", report.Started, "B")})
	b.Stop()
	ended := b.Apply([]report.Event{at(1, "a", report.Failed, "signal: killed")})
	if len(ended) != 1 || ended[0].Ending != EndedStopped {
		t.Errorf("a stage that was killed as the run stopped counts as %+v", ended)
	}
	if left := b.Stopped(); len(left) != 1 || left[0].ID != "b" || len(b.Stopped()) != 0 {
		t.Errorf("left over: %+v", left)
	}
}

func TestEstimate(t *testing.T) {
	var e estimate
	second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	var shown []time.Duration
	done := int64(0)
	for now := range 400 {
		switch { // fast, then four times as slow, then stalled, then fast again
		case now < 100:
			done += 8
		case now < 200:
			done += 2
		case now < 300:
		default:
			done += 12
		}
		e.add(second(now), done, 2400, report.Objects)
		e.tick(second(now))
		truth := time.Duration(float64(now) / float64(done-8) * float64(2400-done) * float64(time.Second))
		if known := now >= 30 && truth <= e.left*3/2; known != e.leftKnown {
			t.Fatalf("at %d s the estimate %v is shown: %v; it should be %v", now, e.left, e.leftKnown, truth)
		}
		if now == 250 && e.leftKnown {
			t.Fatalf("after a long stall it still says %v", e.left)
		}
		if e.leftKnown {
			shown = append(shown, e.left)
		}
		if done >= 2400 {
			break
		}
	}
	for i := 1; i < len(shown); i++ {
		if shown[i] > shown[i-1] {
			t.Fatalf("the time left grows from %v to %v", shown[i-1], shown[i])
		}
	}
	if first := shown[0]; first < 260*time.Second || first > 275*time.Second {
		t.Errorf("the first estimate is %v, not about 270 s", first)
	}
	e.add(second(401), 5, 130, report.Bytes)
	if e.leftKnown || e.percent() != 3 {
		t.Errorf("another unit does not begin anew: %+v", e)
	}
	e.add(second(402), 200, 130, report.Bytes)
	if f, _ := e.fraction(); f != 1 || count(e.done, e.total, e.unit) != "200 B" {
		t.Errorf("beyond its total: %v, %s", f, count(e.done, e.total, e.unit))
	}
}

func TestRate(t *testing.T) {
	var e estimate
	for i := range 100 {
		e.add(noon.Add(time.Duration(i)*100*time.Millisecond), int64(i)*200_000, 0, report.Bytes)
	}
	if e.rate < 1.99e6 || e.rate > 2.01e6 {
		t.Errorf("the rate of 2 MB/s is taken for %.0f B/s", e.rate)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"\x1b[31mred\x1b[0m":           "red",
		"\x1b]0;title\x07after":        "after",
		"\x1b]8;;http://x\x1b\\link":   "link",
		"10%\r50%\r100%\r\n":           "100%",
		"a\tb":                         "a b",
		"bell\x07 back\x08space\x00":   "bell backspace",
		"\u009b31mC1":                  "31mC1",
		"safe\u202eelif\u2066 \u200fx": "safeelif x",
		"bad \xff byte":                "bad ? byte",
	} {
		got := clean(in)
		if got != want && !(strings.Contains(in, "\u009b") && got == "C1") {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 4240 * time.Millisecond: "4.2s", 9960 * time.Millisecond: "10s",
		42 * time.Second: "42s", 59600 * time.Millisecond: "1m00s", 724 * time.Second: "12m04s", 62 * time.Minute: "1h02m",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %s, not %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "10 s", 31 * time.Second: "40 s", 90 * time.Second: "90 s", 91 * time.Second: "2 min",
		370 * time.Second: "7 min", 61 * time.Minute: "1 h 1 min",
	} {
		if got := rough(d); got != want {
			t.Errorf("rough(%v) = %s, not %s", d, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	var log []string
	for i := range 100 {
		log = append(log, fmt.Sprint("line ", i))
	}
	if lines, first := excerpt(log, 10); first != -1 || len(lines) != 10 || lines[9] != "line 99" {
		t.Errorf("without an error: %d of %q", first, lines)
	}
	for _, wrong := range []int{0, 3, 50, 98, 99} {
		with := append([]string{}, log...)
		with[wrong] = "a.c:1:2: error: no"
		with[99] += " make: *** error: a later one"
		if lines, first := excerpt(with, 10); len(lines) != 10 || first < 0 || lines[first] != with[wrong] {
			t.Errorf("error in line %d: %d of %q", wrong, first, lines)
		}
	}
	if lines, first := excerpt([]string{"error: alone"}, 10); first != 0 || len(lines) != 1 {
		t.Errorf("a short log: %d of %q", first, lines)
	}
}
