package ui

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
	"floe/steps"
)

// WizardOptions are the terminal that the wizard takes over. The terminal
// says how it is drawn.
type WizardOptions struct {
	In       *os.File
	Out      io.Writer
	Env      []string
	Terminal Terminal
	Keeper   Keeper
}

// Wizard asks its questions on a terminal, builds, and shows what there is to
// show, until the person leaves. It gives the last image that was built, nil
// if none was. A wizard that was left before its end is fault.Cancelled; one that was
// left at a failure has that as its error.
func Wizard(ctx context.Context, house House, o WizardOptions) (*Built, error) {
	m := newWizard(ctx, house, NewStyles(o.Terminal), o.Terminal.Width, o.Terminal.Height)
	err := m.run(o)
	m.closeMachine(o.Out)
	m.awaitBuild(o.Out)
	if err != nil {
		return m.built, err
	}
	if ctx.Err() != nil {
		return m.built, context.Cause(ctx)
	}
	return m.built, m.outcome()
}

// outcome is what the way came to: a disk that was not written as it should be, or a build
// that failed and was left at that, is an error.
func (m *wizard) outcome() error {
	switch {
	case m.write != nil && m.write.err != nil:
		return m.write.err
	case m.built != nil:
		return nil
	case m.build != nil && m.build.state == buildFailed && m.screen == screen(m.build):
		return m.build.err
	}
	return fault.New(fault.Cancelled, "ask", "", context.Canceled, "")
}

// wizard is the one model. Screens are its components; what they want comes
// back as intents, and only the wizard acts.
type wizard struct {
	ctx    context.Context
	house  House
	styles Styles
	send   func(tea.Msg)
	keeper *keeper // of the terminal; nil: none

	width, height int
	beats         int           // how many ticks there were, for spinners
	beating       bool          // a tick is on its way
	steady        time.Duration // for which a question about erasing must have stood still

	flow    *steps.Flow // nil until it has begun
	screen  screen
	welcome *welcomeScreen
	build   *buildScreen  // nil before the first build
	target  *chooseIntent // where the image goes once it is built; nil: nowhere
	write   *writeScreen  // nil before the first disk
	over    screen        // help, the command line, the log
	dialog  *dialog
	message sayIntent
	deaf    int // counts keys that are swallowed, since a private key is being typed
	built   *Built
	leaving bool
	crash   error // a panic's

	machine   *machineScreen // that tries an image out; nil: none
	stopStart func()         // gives up starting it
}

func newWizard(ctx context.Context, house House, styles Styles, width, height int) *wizard {
	m := &wizard{ctx: ctx, house: house, styles: styles, width: width, height: height, steady: steadyFor, send: func(tea.Msg) {}}
	m.welcome = newWelcome(ctx, house)
	m.screen = m.welcome
	return m
}

// Init starts the checks.
func (m *wizard) Init() tea.Cmd {
	if m.alone() {
		return tea.Batch(m.machine.look(m.ctx), m.beat())
	}
	return guarded(tea.Batch(m.welcome.init(), m.beat()))
}

// Update takes a message.
func (m *wizard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd, ok := m.machineEvent(msg)
	if !ok {
		cmd = m.handle(msg)
	}
	return m, guarded(tea.Batch(cmd, m.lookAt(msg), m.beat()))
}

// beat keeps time going while something moves.
func (m *wizard) beat() tea.Cmd {
	if m.beating || !(m.screen.busy() || m.running()) {
		return nil
	}
	m.beating = true
	return beat()
}

func (m *wizard) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg)
		return nil
	case tickMsg:
		m.beating = false
		m.beats++
		if m.build != nil {
			m.build.tick(time.Time(msg))
		}
		if m.write != nil {
			m.write.tick(time.Time(msg))
		}
		return nil
	case crashMsg:
		m.crash = msg.err
		return tea.Quit
	case stopMsg:
		m.stopBuild()
		m.stopWrite()
		return m.leave()
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		return m.paste(msg)
	case batchMsg, builtMsg:
		return m.event(msg)
	case writerMsg, writeEventsMsg, writtenMsg:
		return m.wroteEvent(msg)
	case checkMsg: // the checks go on while the person does
		_, cmd := m.welcome.update(msg)
		return cmd
	case savedMsg:
		return m.saved(msg)
	case deafMsg:
		if int(msg) == m.deaf {
			m.deaf = 0
		}
		return nil
	}
	return m.forward(msg)
}

// resize takes a new size. A terminal that reports none counts as 80×24.
func (m *wizard) resize(msg tea.WindowSizeMsg) {
	m.width, m.height = msg.Width, msg.Height
	if m.width <= 0 || m.height <= 0 {
		m.width, m.height = defaultWidth, defaultHeight
	}
}

// press takes a key, in the order: what is on top, what always works, the
// screen.
func (m *wizard) press(msg tea.KeyPressMsg) tea.Cmd {
	k := newKeyMap(m.styles.Glyphs)
	if is(msg, k.Suspend) {
		return tea.Suspend
	}
	if d := m.dialog; d != nil && (d.ends() || !is(msg, k.Leave)) {
		act, done := d.press(msg)
		if done {
			m.dialog = nil
		}
		return m.act(act)
	}
	if is(msg, k.Leave) {
		m.dialog = m.askToLeave()
		return nil
	}
	if m.deaf > 0 {
		return m.refusePrivate()
	}
	if newGrid(m.width, m.height).tooSmall() {
		return nil // nothing can be seen, so nothing is done
	}
	if m.over != nil {
		if is(msg, k.Back, k.Next, k.Help, k.Command, k.Log) {
			m.over = nil
			return nil
		}
		_, cmd := m.over.update(msg)
		return cmd
	}
	if !(m.screen.typing() && printable(msg)) {
		switch {
		case is(msg, k.Help):
			m.over = m.help()
			return nil
		case is(msg, k.Command) && m.machine != nil:
			m.over = newReader("QEMU's command line", m.machine.commandLines).commands()
			return nil
		case is(msg, k.Command) && m.flow != nil:
			m.over = newReader("The same from the command line", m.commandLines).commands()
			return nil
		}
		if s, ok := m.screen.(interface{ logLines() []string }); ok && is(msg, k.Log) {
			m.over = newReader("Log", s.logLines).following()
			return nil
		}
	}
	m.message = sayIntent{}
	return m.forward(msg)
}

func (m *wizard) forward(msg tea.Msg) tea.Cmd {
	want, cmd := m.screen.update(msg)
	return tea.Batch(cmd, m.act(want))
}

// act does what a screen wants.
func (m *wizard) act(want intent) tea.Cmd {
	switch want := want.(type) {
	case nil:
	case sayIntent:
		m.message = want
	case askIntent:
		m.dialog = want.dialog
	case beginIntent:
		return m.begin(want.beginning)
	case answerIntent:
		err := m.flow.Answer(want.values...)
		if errors.Is(err, steps.ErrPrivate) {
			return m.refusePrivate()
		}
		if err != nil {
			m.message = sayIntent{Fail, reason(err)}
			return nil
		}
		return m.show()
	case privateIntent:
		return m.refusePrivate()
	case continueIntent:
		return m.show()
	case backIntent:
		return m.back()
	case editIntent:
		m.flow.Edit(want.key)
		return m.show()
	case saveIntent:
		return m.save(false)
	case replaceIntent:
		return m.save(true)
	case buildIntent:
		m.target = nil
		return m.startBuild(want.try)
	case retryIntent:
		return m.startBuild(m.build.try)
	case cancelIntent:
		m.stopBuild()
	case reviewIntent:
		m.flow.Review()
		return m.show()
	case tryIntent:
		return m.tryOut()
	case targetIntent:
		return m.toTarget()
	case newTargetIntent:
		m.build = nil
		return m.toTarget()
	case chooseIntent:
		return m.choose(want)
	case eraseIntent:
		return m.authorize(want.order)
	case stopWriteIntent:
		m.stopWrite()
	case doneIntent:
		if m.build == nil || m.build.state != buildDone {
			return m.show()
		}
		m.screen, m.message = m.build, sayIntent{}
	case leaveIntent:
		m.stopBuild()
		m.stopWrite()
		return m.leave()
	default:
		return m.actOnMachine(want)
	}
	return nil
}

// begin begins with the answers of a beginning.
func (m *wizard) begin(b Beginning) tea.Cmd {
	err := b.Err
	if err == nil {
		var flow *steps.Flow
		if flow, err = steps.NewFlow(b.Sources...); err == nil {
			m.flow = flow
			if b.Review {
				flow.Review()
			}
			return m.show()
		}
	}
	m.message = sayIntent{Fail, whole(err)}
	return nil
}

// show shows the place where the flow is.
func (m *wizard) show() tea.Cmd {
	m.message = sayIntent{}
	step, ok := m.flow.Current()
	if !ok {
		m.screen = newReview(m.flow)
		return nil
	}
	m.screen = newScreen(m, step)
	if s, ok := m.screen.(interface{ init() tea.Cmd }); ok {
		return s.init()
	}
	return nil
}

// back goes to the place before; before the first question is the welcome.
func (m *wizard) back() tea.Cmd {
	switch {
	case m.screen == screen(m.welcome):
		m.dialog = m.askToLeave()
		return nil
	case m.flow.Back():
		return m.show()
	}
	m.message = sayIntent{}
	m.welcome.again(m.flow)
	m.screen = m.welcome
	return nil
}

// leave ends the wizard. Answers are kept for next time.
func (m *wizard) leave() tea.Cmd {
	m.leaving = true
	if m.flow == nil || !m.flow.Changed() {
		return tea.Quit
	}
	plan, ctx := m.flow.Plan(), context.WithoutCancel(m.ctx)
	remember := func() tea.Msg { _ = m.house.Remember(ctx, plan); return nil }
	return tea.Sequence(remember, tea.Quit)
}

// savedMsg tells how saving went.
type savedMsg struct {
	path string
	err  error
}

func (m *wizard) save(replace bool) tea.Cmd {
	plan := m.flow.Plan()
	return func() tea.Msg {
		path, err := m.house.Save(m.ctx, plan, replace)
		return savedMsg{path, err}
	}
}

func (m *wizard) saved(msg savedMsg) tea.Cmd {
	switch {
	case errors.Is(msg.err, fs.ErrExist):
		m.dialog = newDialog("Replace "+msg.path+"?", "There is such a file already, with other answers in it.",
			option{"Keep it as it is", nil}, option{"Replace it", replaceIntent{}})
	case msg.err != nil:
		m.message = sayIntent{Fail, reason(msg.err)}
	default:
		m.message = sayIntent{OK, "Saved as " + msg.path + ". 'floe build' in this folder reads it."}
	}
	return nil
}
