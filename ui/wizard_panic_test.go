package ui

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"floe/internal/report"
	"floe/steps"
)

// brokenHouse panics where it is asked for one thing.
type brokenHouse struct {
	testHouse
	where string
}

func (h *brokenHouse) breaks(where string) {
	if h.where == where {
		panic("a panic in " + where)
	}
}

func (h *brokenHouse) Checks() []func(context.Context) Check {
	return []func(context.Context) Check{func(context.Context) Check {
		time.Sleep(200 * time.Millisecond) // for the display to be there
		h.breaks("a check")
		return Check{Level: OK, Name: "system", Text: "all is well"}
	}}
}

func (h *brokenHouse) BootLine(p *steps.Plan) string {
	h.breaks("a view")
	return h.testHouse.BootLine(p)
}

func (h *brokenHouse) Build(ctx context.Context, plan *steps.Plan, sink report.Sink) (Built, error) {
	report.Start(sink, "kernel", "Kernel")
	time.Sleep(200 * time.Millisecond)
	h.breaks("a build")
	return h.testHouse.Build(ctx, plan, sink)
}

// playWizard is the wizard as a program, with a house that breaks.
func playWizard(where string) {
	look := Detect(os.Stdout, os.Environ())
	house := &brokenHouse{where: where}
	if where == "a build" {
		house.beginnings = []Beginning{{Title: "Resume", Review: true}}
	}
	_, err := Wizard(context.Background(), house, WizardOptions{In: os.Stdin, Out: os.Stdout, Env: os.Environ(), Terminal: look})
	fmt.Println("after the wizard:", err)
	os.Exit(3)
}

// TestWizardPanics: wherever the program breaks, the terminal is whole
// afterwards, and what broke can be read.
func TestWizardPanics(t *testing.T) {
	for _, c := range []struct{ where, keys string }{
		{"a check", ""}, {"a view", "\r\r\r\r\r\r"}, {"a build", "\r\r"},
	} {
		t.Run(c.where, func(t *testing.T) {
			t.Parallel()
			s := start(t, "wizard: "+c.where, room)
			s.whole = true
			for _, key := range c.keys {
				time.Sleep(300 * time.Millisecond)
				if _, err := s.pty.WriteString(string(key)); err != nil {
					t.Fatal(err)
				}
			}
			out, err := s.wait()
			if err == nil {
				t.Error("the exit code says that all went well")
			}
			_, after, left := strings.Cut(out, "\x1b[?1049l")
			if !left || !strings.Contains(after, "a panic in "+c.where) || !strings.Contains(after, "after the wizard:") {
				t.Errorf("behind the display there is\n%q", after)
			}
		})
	}
}
