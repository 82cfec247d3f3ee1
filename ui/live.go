package ui

import (
	"context"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/report"
)

// The messages of the live display, beside bubbletea's own.
type (
	batchMsg   []report.Event // from the pump
	tickMsg    time.Time      // one a beat
	stopMsg    struct{}       // the context was cancelled
	closeMsg   struct{}       // nothing more will come
	printedMsg struct{}       // lines have scrolled up
)

// live is the inline display: a Board below, ended stages scrolling up above.
// All its state is here; it does no I/O of its own.
type live struct {
	board         *Board
	styles        Styles
	width, height int
	queue         []string // lines that have yet to scroll up
	printing      bool     // some are on their way
	closing       bool
	failed        bool   // a stage has failed
	resumed       func() // called when the process was stopped and goes on
}

func (m *live) Init() tea.Cmd { return beat() }

func beat() tea.Cmd {
	return tea.Tick(Beat, func(t time.Time) tea.Msg { return tickMsg(t) })
}

func (m *live) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		m.board.Tick(time.Time(msg))
		return m, beat()
	case batchMsg:
		m.scroll(m.board.Apply(msg))
		return m, m.print()
	case stopMsg:
		m.board.Stop()
	case closeMsg:
		m.scroll(m.board.Stopped())
		if m.failed { // room before the command's error
			m.queue = append(m.queue, " ")
		}
		m.closing = true
		return m, m.print()
	case printedMsg:
		m.printing = false
		return m, m.print()
	case tea.ResumeMsg:
		if m.resumed != nil {
			m.resumed()
		}
	}
	return m, nil
}

func (m *live) scroll(ended []Outcome) {
	for _, o := range ended {
		m.failed = m.failed || o.Ending == EndedFailed
		m.queue = append(m.queue, o.View(m.styles, m.columns())...)
	}
}

// print lets queued lines scroll up, one group at a time, so that they keep
// their order, and never more than there is room for above the block. Once
// nothing is left of a run that is over, it ends the program.
func (m *live) print() tea.Cmd {
	if m.printing {
		return nil
	}
	if len(m.queue) == 0 {
		if m.closing {
			return tea.Quit
		}
		return nil
	}
	n := min(len(m.queue), max(1, m.height-m.rows()-2))
	text := strings.Join(m.queue[:n], "\n")
	m.queue, m.printing = m.queue[n:], true
	return tea.Sequence(tea.Println(text), func() tea.Msg { return printedMsg{} })
}

// columns leaves the last column free: some terminals wrap on filling it.
func (m *live) columns() int { return max(1, m.width-1) }

// rows is how many rows the block may have.
func (m *live) rows() int { return max(1, min(m.height-2, m.height*2/3)) }

func (m *live) View() tea.View {
	content := ""
	if !m.closing {
		content = m.board.View(m.styles, m.columns(), m.rows())
	}
	v := tea.NewView(content)
	v.DisableBracketedPasteMode = true
	return v
}

// startLive runs the live display in the background. Should it end by itself,
// which it does only on an error of the terminal, plain lines take over.
func startLive(ctx context.Context, o Options) (report.Sink, func()) {
	t := *o.Terminal
	m := &live{board: newBoard(o.Stopping), styles: NewStyles(t), width: t.Width, height: t.Height}
	opts := []tea.ProgramOption{
		tea.WithInput(nil), tea.WithOutput(o.Err), tea.WithEnvironment(o.Env),
		tea.WithColorProfile(t.Profile), tea.WithoutSignalHandler(), tea.WithFPS(20),
	}
	program := tea.NewProgram(m, opts...)
	ended := make(chan struct{})
	over := newPlain(o.Err, o.Stopping)
	pump := NewPump(Beat, func(batch []report.Event) {
		select {
		case <-ended:
			for _, e := range batch {
				over.Emit(e)
			}
		default:
			program.Send(batchMsg(batch))
		}
	})
	guard := newGuard(o.Err, program, ended)
	m.resumed = guard.resumed
	guard.watch(ctx)
	go func() {
		defer close(ended)
		_, _ = program.Run()
	}()
	forget := context.AfterFunc(ctx, func() { program.Send(stopMsg{}) })

	var once sync.Once
	return pump, func() {
		once.Do(func() {
			forget()
			pump.Close()
			program.Send(closeMsg{})
			guard.release()
		})
	}
}
