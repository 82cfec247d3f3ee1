package cli

import (
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/ui"
)

// What asks for the questions as plain lines, as --plain does: a variable of
// floe's own, and the one by which people with a screen reader tell programs of
// this kind.
const (
	plainVariable      = "FLOE_PLAIN"
	accessibleVariable = "ACCESSIBLE"
)

// accessible tells that whoever sits at the terminal has a screen reader.
func accessible() bool {
	v := os.Getenv(accessibleVariable)
	return v != "" && v != "0"
}

// loopVariable offers loop devices as disks too.
const loopVariable = "FLOE_LOOP"

// wizard is bare floe: the questions, the build, and trying it out. Without a
// terminal nobody can answer, so that the help is what a person gets.
func (t *terminal) wizard(cmd *cobra.Command, plain bool) error {
	env := os.Environ()
	in := ui.Detect(t.In, env)
	plain = plain || os.Getenv(plainVariable) == "1"
	if !in.TTY && !plain {
		return cmd.Help()
	}
	ctx, hands := takeHands(cmd.Context())
	defer hands.Close()
	h := &house{terminal: t, hands: hands, host: arch.Host(), virtual: os.Getenv(loopVariable) == "1"}
	var built *ui.Built
	var err error
	if plain || accessible() || t.out.Lines || !t.out.TTY {
		built, err = ui.Ask(ctx, h, ui.AskOptions{In: t.In, Out: t.Out, Try: in.TTY})
	} else {
		built, err = ui.Wizard(ctx, h, ui.WizardOptions{In: t.In, Out: t.Out, Env: env, Terminal: t.out, Keeper: keeper()})
	}
	if built != nil {
		t.showBuilt(*built)
	}
	if fault.Code(err) == int(fault.Cancelled) && ctx.Err() == nil {
		return exitStatus(fault.Cancelled) // whoever left knows it
	}
	return err
}

// keeper is this program in the part of the terminal's keeper.
func keeper() ui.Keeper {
	self, err := os.Executable()
	if err != nil {
		return ui.Keeper{}
	}
	return ui.Keeper{Argv: []string{self, keepName}, Report: filepath.Join(xdg.StateHome, "floe", "crash.log")}
}

// keepCommand is the keeper. People have no use for it.
func keepCommand(out *terminal) *cobra.Command {
	return &cobra.Command{
		Use: keepName, Hidden: true, Args: noArguments,
		Run: func(*cobra.Command, []string) { ui.KeepTerminal(out.In, os.NewFile(3, "from"), os.Environ()) },
	}
}

const keepName = "keep-terminal"

// showBuilt leaves on the terminal what the wizard's screens took with them.
func (t *terminal) showBuilt(b ui.Built) {
	rows := append([]ui.Row{{Key: "image", Value: b.Path}, {Key: "sha256", Value: b.SHA256}}, b.Parts...)
	t.print(t.styles().Table("Floe", rows) + "\n" + t.styles().Next("What next", b.Next))
}
