package cli

import (
	"context"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/report"
	"floe/steps"
	"floe/ui"
)

func buildCommand(out *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the image: kernel and userland from source, one ISO",
		Long: "Builds the image that the plan describes. The first build takes about ten minutes, most of\n" +
			"it for the kernel; finished stages are kept, so that the next one takes a second.\n\n" +
			"Flags count before the environment, and that before floe.toml. What the wizard was told last does not count.\n\n" +
			"With --board the image is for the memory card of a board that boots no ISO: rpi is a Raspberry Pi 3, 4 or 5\n" +
			"(arm64), docs/raspberry-pi.md tells how far each goes. 'floe write' writes it, and so does any program for cards.",
		Example: "  floe build\n  floe build --ssh-key ~/.ssh/id_ed25519.pub --hostname box -o box.iso\n" +
			"  floe build -c floe.toml --boot-codes 'noembed'\n  floe build --arch both -o box-ARCH.iso\n  floe build --board rpi",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plans, err := resolvePlans(cmd)
			if err != nil {
				return err
			}
			for _, plan := range plans { // what the last one lacks is told before the first is built
				if err := assemble.Ready(cmd.Context(), plan.Toolchain, plan.Arch, plan.Output); err != nil {
					return err
				}
			}
			for _, plan := range plans {
				out.hints(plan)
				image, err := out.build(cmd.Context(), plan)
				if err != nil {
					return err
				}
				if out.mode != ui.JSON {
					out.showImage(image, plan.Output)
				}
			}
			return nil
		},
	}
	addPlanFlags(cmd)
	cmd.Flags().Lookup(archKey).Usage += " Several with commas between them, or " + everyArch + ": one image each."
	_ = cmd.Flags().SetAnnotation(archKey, alsoChoices, []string{everyArch})
	cmd.Flags().Lookup("output").Usage += " " + steps.ArchWord + " in its name stands for the architecture."
	return cmd
}

// build builds the plan's image with progress shown.
func (t *terminal) build(ctx context.Context, plan *steps.Plan) (*assemble.Image, error) {
	sink, done := t.progress(ctx)
	defer done()
	return t.buildWith(ctx, plan, sink)
}

func (t *terminal) buildWith(ctx context.Context, plan *steps.Plan, sink report.Sink) (*assemble.Image, error) {
	keys, err := plan.AuthorizedKeys(ownKey)
	if err != nil {
		return nil, err
	}
	s, err := t.openStore()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return t.builder(s, plan, sink).Image(ctx, assemble.Spec{
		Arch: plan.Arch, Board: plan.Board, Hostname: plan.Hostname, AuthorizedKeys: keys,
		BootCodes: plan.BootWords(), Runtimes: plan.Runtimes(), Output: plan.Output,
	})
}

// showImage tells what was built and what can be done with it. The path is as the
// person gave it.
func (t *terminal) showImage(image *assemble.Image, path string) {
	rows := []ui.Row{
		{Key: "image", Value: image.Path, Note: humanize.Comma(image.Size) + " bytes"},
		{Key: "sha256", Value: image.SHA256},
	}
	for _, p := range image.Parts {
		rows = append(rows, ui.Row{Key: p.Name, Value: humanize.Comma(p.Size) + " bytes"})
	}
	t.print(t.styles().Table("Floe "+string(image.Arch), rows))
	t.print("\n" + t.styles().Next("What next", whatNext(image, path)))
}

// whatNext is what can be done with an image.
func whatNext(image *assemble.Image, path string) []ui.Command {
	if image.Board.Chosen() {
		return []ui.Command{{What: "put it on the board's memory card; 'floe disks' lists it", Line: writeLine(path)}}
	}
	return []ui.Command{
		{What: "try it out", Line: "floe run " + steps.ShellWord(path)},
		{What: "put it on a USB stick; 'floe disks' lists them", Line: writeLine(path)},
	}
}
