package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/exp/teatest/v2"
	"github.com/creack/pty"

	"floe/internal/fault"
)

// loop runs a wizard in bubbletea's own loop.
func loop(t *testing.T, house *testHouse) (*wizard, *teatest.TestModel) {
	t.Helper()
	m := newWizard(t.Context(), house, NewStyles(looks["mono"]), 80, 24)
	tm := teatest.NewTestModel(t, m, teatest.WithInitialTermSize(80, 24),
		teatest.WithProgramOptions(tea.WithColorProfile(colorprofile.ASCII)))
	m.send = tm.Send
	return m, tm
}

// waitFor waits until a text is drawn. The renderer draws what has changed
// only, so that the text is one that was not there before.
func waitFor(t *testing.T, tm *teatest.TestModel, text string) {
	t.Helper()
	teatest.WaitFor(t, tm.Output(), func(out []byte) bool { return bytes.Contains(out, []byte(text)) },
		teatest.WithDuration(10*time.Second), teatest.WithCheckInterval(10*time.Millisecond))
}

func TestWizardInItsLoop(t *testing.T) {
	house := &testHouse{checks: goodChecks, built: testBuilt(), events: testEvents()}
	m, tm := loop(t, house)
	waitFor(t, tm, "switched off")
	for _, text := range []string{"Which processor", "will run the containers", "may log in", "machine called", "boot line", "containers", "free", "what will be built"} {
		tm.Send(named["enter"])
		waitFor(t, tm, text)
	}
	tm.Send(named["enter"])
	waitFor(t, tm, "floe ssh")
	for _, k := range []string{"end", "enter"} {
		tm.Send(named[k])
	}
	tm.WaitFinished(t, teatest.WithFinalTimeout(10*time.Second))
	if m.built == nil || house.remembered == 0 {
		t.Errorf("built %v, remembered %d times", m.built, house.remembered)
	}
}

func TestWizardStopsInItsLoop(t *testing.T) {
	house := &testHouse{hold: make(chan struct{}), events: testEvents()}
	m, tm := loop(t, house)
	waitFor(t, tm, "Start")
	tm.Send(named["enter"])
	for range 8 {
		tm.Send(named["enter"])
	}
	waitFor(t, tm, "objects")
	tm.Send(named["ctrl+c"])
	waitFor(t, tm, "Keep building")
	tm.Send(named["down"])
	tm.Send(named["enter"])
	waitFor(t, tm, "Go on building")
	tm.Send(named["ctrl+c"])
	tm.Send(named["ctrl+c"])
	tm.WaitFinished(t, teatest.WithFinalTimeout(10*time.Second))
	if m.build.state != buildStopped {
		t.Errorf("the build is in state %d", m.build.state)
	}
}

// onTerminal runs Wizard on a pseudo-terminal. What is drawn can be waited
// for, and the terminal must be as it was afterwards.
type onTerminal struct {
	t       *testing.T
	primary *os.File
	out     chan []byte
	done    chan error
	built   *Built
	check   func()
}

func newOnTerminal(ctx context.Context, t *testing.T, house *testHouse) *onTerminal {
	t.Helper()
	primary, secondary, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { primary.Close() })
	t.Cleanup(func() { secondary.Close() })
	if err := pty.Setsize(primary, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	o := &onTerminal{t: t, primary: primary, out: make(chan []byte, 4096), done: make(chan error, 1)}
	before := termios(t, secondary)
	o.check = func() {
		if termios(t, secondary) != before {
			t.Error("the terminal is not as it was")
		}
	}
	go func() {
		for {
			buf := make([]byte, 4096)
			n, err := primary.Read(buf)
			if err != nil {
				return
			}
			o.out <- buf[:n]
		}
	}()
	look := looks["mono"]
	look.Width, look.Height = 80, 24
	go func() {
		var err error
		o.built, err = Wizard(ctx, house, WizardOptions{In: secondary, Out: secondary, Env: []string{"TERM=xterm-256color"}, Terminal: look})
		o.done <- err
	}()
	return o
}

// wait waits until a text is drawn that was not there before.
func (o *onTerminal) wait(text string) {
	o.t.Helper()
	var seen []byte
	late := time.After(10 * time.Second)
	for !bytes.Contains(seen, []byte(text)) {
		select {
		case more := <-o.out:
			seen = append(seen, more...)
		case <-late:
			o.t.Fatalf("%q is not drawn; this is:\n%q", text, seen)
		}
	}
}

func (o *onTerminal) keys(text string) { _, _ = o.primary.WriteString(text) }

// end gives what Wizard gave.
func (o *onTerminal) end() (*Built, error) {
	o.t.Helper()
	select {
	case err := <-o.done:
		o.check()
		return o.built, err
	case <-time.After(10 * time.Second):
		o.t.Fatal("the wizard does not end")
	}
	return nil, nil
}

// TestWizardLendsTheTerminal: a machine gets it, and the live view takes it
// back.
func TestWizardLendsTheTerminal(t *testing.T) {
	house := &testHouse{built: testBuilt(), machine: bootedAt(7)}
	o := newOnTerminal(t.Context(), t, house)
	o.wait("Start")
	for _, text := range []string{"Which processor", "will run the containers", "may log in", "machine called", "boot line", "containers", "free", "will be built"} {
		o.keys("\r")
		o.wait(text)
	}
	o.keys("\x1b[B\r")
	o.wait("MiB used")
	for _, key := range []string{"c", "\x1d", "s"} {
		o.keys(key)
		o.wait("\x1b[?1049l") // out of the alternate screen,
		o.wait("MiB used")    // and back
	}
	o.keys("o")
	o.wait("Power the machine off?")
	o.keys("j\r")
	o.wait("powered off")
	o.keys("\x03")
	o.wait("Leave Floe?")
	o.keys("j\r")
	if built, err := o.end(); err != nil || built == nil || house.machine.consoles != 2 || house.machine.shells != 1 {
		t.Errorf("%v, %v, %+v", built, err, house.machine)
	}
}

// TestWizardEnds: what Wizard gives for each way to end it early.
func TestWizardEnds(t *testing.T) {
	o := newOnTerminal(t.Context(), t, &testHouse{})
	o.wait("Start")
	o.keys("\x03")
	o.wait("Stay")
	o.keys("\x03")
	if _, err := o.end(); fault.Code(err) != int(fault.Cancelled) {
		t.Errorf("left: %v", err)
	}
	house := &testHouse{buildErr: buildFailure(), beginnings: []Beginning{{Title: "Resume", Review: true}}}
	for _, back := range []bool{false, true} {
		o = newOnTerminal(t.Context(), t, house)
		for _, text := range toBuild {
			o.wait(text)
			o.keys("\r")
		}
		o.wait("Change the answers")
		want := fault.Build
		if back {
			o.keys("\x1b")
			o.wait("will be built")
			want = fault.Cancelled
		}
		o.keys("\x03\x03")
		if _, err := o.end(); fault.Code(err) != int(want) {
			t.Errorf("left after a failure (%t): %v", back, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	house = &testHouse{hold: make(chan struct{}), beginnings: []Beginning{{Title: "Resume", Review: true}}}
	o = newOnTerminal(ctx, t, house)
	o.wait("Resume")
	o.keys("\r")
	o.wait("will be built")
	o.keys("\r")
	o.wait("Building")
	cancel(io.ErrUnexpectedEOF)
	if _, err := o.end(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cancelled: %v", err)
	}
}
