package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// Watch shows the live view of a machine on a terminal until the machine has
// ended or the person has left. It gives what was seen last. A machine that
// still runs then is closed.
func Watch(ctx context.Context, machine Machine, o WizardOptions) (Sight, error) {
	m := newWatch(ctx, machine, NewStyles(o.Terminal), o.Terminal.Width, o.Terminal.Height)
	err := m.run(o)
	m.closeMachine(o.Out)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return m.machine.seen, err
}

// run runs the display until the person leaves it or ctx ends.
func (m *wizard) run(o WizardOptions) error {
	program := tea.NewProgram(shield{m}, tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Env),
		tea.WithColorProfile(o.Terminal.Profile), tea.WithoutSignalHandler(), tea.WithFPS(30))
	m.send = program.Send
	defer context.AfterFunc(m.ctx, func() { program.Send(stopMsg{}) })()
	m.keeper = startKeeper(o)
	_, err := program.Run()
	m.keeper.release()
	if m.crash != nil {
		return m.crash
	}
	return err
}

// newWatch is the wizard's display with nothing but a machine in it.
func newWatch(ctx context.Context, machine Machine, styles Styles, width, height int) *wizard {
	m := &wizard{ctx: ctx, styles: styles, width: width, height: height, send: func(tea.Msg) {}}
	m.machine = newMachineScreen(machine)
	m.screen = m.machine
	return m
}

// alone tells that there is nothing but a machine.
func (m *wizard) alone() bool { return m.house == nil }
