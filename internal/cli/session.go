package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"

	"floe/assemble"
	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/internal/store"
	"floe/qemu"
	"floe/steps"
	"floe/ui"
)

// openStore opens the store that was named, or the person's own.
func (t *terminal) openStore() (*store.Store, error) {
	dir := t.store
	if dir == "" {
		var err error
		if dir, err = store.DefaultDir(); err != nil {
			return nil, err
		}
	}
	return store.Open(dir)
}

// progress shows events until the function that it gives is called.
func (t *terminal) progress(ctx context.Context) (report.Sink, func()) {
	return ui.Progress(ctx, ui.Options{Mode: t.mode, Out: t.Out, Err: t.Err, Terminal: &t.err})
}

// builder gives what builds for the plan, reporting to sink.
func (t *terminal) builder(s *store.Store, plan *steps.Plan, sink report.Sink) *assemble.Builder {
	return assemble.New(assemble.Options{
		Store: s, Mirror: plan.Mirror, Toolchain: plan.Toolchain, Refresh: t.refresh, Report: sink,
	})
}

// identityDir is where floe's own ssh key lives.
func identityDir() string { return filepath.Join(xdg.DataHome, "floe") }

// ownKey gives the public half of floe's own key, which is made at first use.
func ownKey() (string, error) {
	_, line, err := sshclient.Identity(identityDir())
	return line, err
}

// home is where machines live on this host.
func home() qemu.Home {
	return qemu.Home{State: filepath.Join(xdg.StateHome, "floe", "machines"), Runtime: qemu.DefaultRuntime()}
}

// print writes a block of text to the output.
func (t *terminal) print(text string) { fmt.Fprint(t.Out, text) }

// styles of what is printed to the output.
func (t *terminal) styles() ui.Styles { return ui.NewStyles(t.out) }

// planTable prints rows of key, value and origin.
func (t *terminal) planTable(rows [][3]string) {
	table := make([]ui.Row, len(rows))
	for i, r := range rows {
		table[i] = ui.Row{Key: r[0], Value: r[1], Note: r[2]}
	}
	t.print(t.styles().Table("Plan", table))
}

// look finds out what the outputs can show.
func (t *terminal) look() {
	env := os.Environ()
	t.out = ui.Detect(t.Out, env)
	t.err = ui.Detect(t.Err, env)
	if t.err.TTY {
		if f, ok := t.Err.(*os.File); ok {
			t.err = t.err.AskBackground(t.In, f, env)
			t.out.Dark = t.err.Dark
		}
	}
}
