package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"floe/ui"
)

// plainVariable asks for the questions as plain lines, as --plain does.
const plainVariable = "FLOE_PLAIN"

// wizard is bare floe: the questions, the build, and trying it out. Without a
// terminal nobody can answer, so that the help is what a person gets.
func (t *terminal) wizard(cmd *cobra.Command, plain bool) error {
	env := os.Environ()
	in := ui.Detect(t.In, env)
	if !in.TTY && !plain {
		return cmd.Help()
	}
	ctx, hands := takeHands(cmd.Context())
	defer hands.Close()
	h := &house{terminal: t, hands: hands}
	if plain || os.Getenv(plainVariable) == "1" || t.out.Lines || !t.out.TTY {
		return h.plainly(ctx)
	}
	built, err := ui.Wizard(ctx, h, ui.WizardOptions{In: t.In, Out: t.Out, Env: env, Terminal: t.out})
	if built != nil {
		t.print(t.styles().Table("Floe", append([]ui.Row{{Key: "image", Value: built.Path}, {Key: "sha256", Value: built.SHA256}}, built.Parts...)) +
			"\n" + t.styles().Next("What next", built.Next))
	}
	return err
}

// plainly asks the questions line by line.
func (h *house) plainly(ctx context.Context) error {
	return ui.Ask(ctx, h, h.In, h.Out, func(ctx context.Context) (ui.Built, error) { return ui.Built{}, nil })
}
