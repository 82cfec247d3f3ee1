package ui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	go h.breaks("a goroutine of its own")
	if h.where == "no goroutine at all" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if strings.HasSuffix(h.where, "goroutine of its own") || strings.HasPrefix(h.where, "no goroutine") {
		<-ctx.Done()
	}
	return h.testHouse.Build(ctx, plan, sink)
}

// playWizard is the wizard as a program, with a house that breaks.
func playWizard(where string) {
	look := Detect(os.Stdout, os.Environ())
	house := &brokenHouse{where: where}
	if strings.HasSuffix(where, "a build") || strings.Contains(where, "goroutine") {
		house.beginnings = []Beginning{{Title: "Resume", Review: true}}
	}
	_, err := Wizard(context.Background(), house, WizardOptions{In: os.Stdin, Out: os.Stdout, Env: os.Environ(), Terminal: look,
		Keeper: Keeper{Argv: []string{os.Args[0], keepPart}, Report: os.Getenv("UI_TEST_REPORT")}})
	fmt.Println("after the wizard:", err)
	os.Exit(3)
}

// toBuild is what is seen before each enter on the way to a build.
var toBuild = []string{"Resume", "will be built"}

// TestWizardPanics: wherever the program breaks, the terminal is whole
// afterwards, and what broke can be read.
func TestWizardPanics(t *testing.T) {
	for _, c := range []struct {
		where string
		way   []string // what is seen before each enter
	}{
		{"a check", nil}, {"a view", []string{"Start", "Which processor", "will run the containers", "may log in", "machine called"}}, {"a build", toBuild},
	} {
		t.Run(c.where, func(t *testing.T) {
			t.Parallel()
			s := start(t, "wizard: "+c.where, room)
			s.whole = true
			for _, text := range c.way {
				s.until(text)
				s.keys("\r")
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

// keepPart is the argument that makes this test's own binary a keeper.
const keepPart = "keep the terminal"

// TestTerminalIsKept: a panic in a goroutine that nobody guards, and an end by
// SIGKILL, leave the terminal whole too, before the shell has it again. What
// the panic said is told in short, and kept in whole. The exit code is that of
// an abort, none of floe's own.
func TestTerminalIsKept(t *testing.T) {
	for where, tt := range map[string]struct {
		sees []string
		code string
	}{
		"a goroutine of its own": {[]string{"panic: a panic in a goroutine of its own", "crash.log"}, "134"},
		"no goroutine at all":    {[]string{"floe was killed"}, "137"},
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			report := filepath.Join(t.TempDir(), "new", "crash.log")
			shell := exec.Command("sh", "-c", `"$0"; echo "the code is $?"; read line`, os.Args[0])
			s := startFrom(t, shell, "wizard: "+where, room, "UI_TEST_REPORT="+report)
			s.whole = true
			for _, text := range toBuild {
				s.until(text)
				s.keys("\r")
			}
			s.until(append(tt.sees, "the code is "+tt.code)...)
			s.keys("\n")
			out, _ := s.wait()
			_, after, _ := strings.Cut(out, "\x1b[?1049l")
			if strings.Contains(after, "goroutine 1 ") {
				t.Errorf("behind the display there is\n%q", after)
			}
			if tt.code != "134" {
				return
			}
			if strings.Index(after, "panic:") > strings.Index(after, "the code is") {
				t.Errorf("the shell is there too soon:\n%q", after)
			}
			b, err := os.ReadFile(report)
			if err != nil || !strings.Contains(string(b), tt.sees[0]) || !strings.Contains(string(b), "brokenHouse") {
				t.Errorf("%v: the report is\n%s", err, b)
			}
		})
	}
}
