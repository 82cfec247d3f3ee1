package ui

import (
	"context"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/report"
)

// builtMsg is how a build ended.
type builtMsg struct {
	built Built
	err   error
}

// buildPatience is how long a cancelled build may take to end.
const buildPatience = 10 * time.Second

// running tells that a build is under way.
func (m *wizard) running() bool { return m.build != nil && m.build.active() }

// startBuild builds in the background; its events come through a pump.
func (m *wizard) startBuild(try bool) tea.Cmd {
	if m.running() {
		return nil
	}
	plan := m.flow.Plan()
	ctx, cancel := context.WithCancel(m.ctx)
	m.build, m.write = newBuildScreen(plan.Hostname+", "+string(plan.Arch), cancel, try), nil
	ended := m.build.over
	m.screen = m.build
	m.message = sayIntent{}
	house, send := m.house, m.send
	return func() tea.Msg {
		defer close(ended)
		defer cancel()
		// Answers that could not be kept are no reason not to build.
		_ = house.Remember(ctx, plan)
		pump := NewPump(Beat, func(batch []report.Event) { send(batchMsg(batch)) })
		built, err := house.Build(ctx, plan, pump)
		pump.Close()
		return builtMsg{built, err}
	}
}

// stopBuild cancels a build that is under way.
func (m *wizard) stopBuild() {
	if m.running() {
		m.build.state = buildStopping
		m.build.board.Stop()
		m.build.cancel()
	}
}

// awaitBuild waits, once the display is gone, until what was cancelled, a build
// or the writing of a disk, has ended, so that nothing goes on behind the person's back.
func (m *wizard) awaitBuild(out io.Writer) {
	for _, b := range []*buildScreen{m.build, m.write.base()} {
		if b == nil || !b.active() {
			continue
		}
		b.cancel()
		_, _ = fmt.Fprintln(out, "Stopping; "+b.board.means()+m.styles.Glyphs.Ellipsis)
		select {
		case <-b.over:
		case <-time.After(buildPatience):
		}
	}
}

// event takes what a build tells.
func (m *wizard) event(msg tea.Msg) tea.Cmd {
	if m.build == nil {
		return nil
	}
	switch msg := msg.(type) {
	case batchMsg:
		m.build.apply(msg)
	case builtMsg:
		m.build.end(msg.built, msg.err)
		m.dialog = nil // what it asked about is over
		if msg.err == nil {
			m.built = &msg.built
			switch {
			case m.build.try:
				return m.tryOut()
			case m.target != nil:
				return m.toErase()
			}
		}
	}
	return nil
}

// lent is a function that has the terminal to itself while it runs. It finds
// the terminal by itself.
type lent func() error

// Run calls the function, and takes a moment even if that does not: the
// goroutine of bubbletea (2.1) that drew until now stops the ticker of the one
// that draws from then on, should it come to that late, and the screen would
// stand still for good.
func (l lent) Run() error {
	done := time.After(Beat)
	err := l()
	<-done
	return err
}

// SetStdin does nothing.
func (lent) SetStdin(io.Reader) {}

// SetStdout does nothing.
func (lent) SetStdout(io.Writer) {}

// SetStderr does nothing.
func (lent) SetStderr(io.Writer) {}
