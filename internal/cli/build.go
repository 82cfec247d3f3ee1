package cli

import (
	"context"
	"fmt"
	"path/filepath"

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
		Long: "Builds the image that the plan describes. The first build takes a quarter of an hour, most of\n" +
			"it for the kernel; finished stages are kept, so that the next one takes a second.",
		Example: "  floe build\n  floe build --ssh-key ~/.ssh/id_ed25519.pub --hostname box -o box.iso\n" +
			"  floe build -c floe.toml --boot-codes 'noembed'",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, _, err := resolvePlan(cmd)
			if err != nil {
				return err
			}
			image, err := out.build(cmd.Context(), plan)
			if err != nil {
				return err
			}
			if out.mode != ui.JSON {
				out.showImage(image)
			}
			return nil
		},
	}
	addPlanFlags(cmd)
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
		Arch: plan.Arch, Hostname: plan.Hostname, AuthorizedKeys: keys,
		BootCodes: plan.BootWords(), Runtimes: plan.Runtimes(), Output: plan.Output,
	})
}

// showImage tells what was built and what can be done with it.
func (t *terminal) showImage(image *assemble.Image) {
	rows := []ui.Row{
		{Key: "image", Value: image.Path, Note: humanize.Comma(image.Size) + " bytes"},
		{Key: "sha256", Value: image.SHA256},
	}
	for _, p := range image.Parts {
		rows = append(rows, ui.Row{Key: p.Name, Value: humanize.Comma(p.Size) + " bytes"})
	}
	t.print(t.styles().Table("Floe "+string(image.Arch), rows))
	name := filepath.Base(image.Path)
	t.print("\n" + t.styles().Next("What next", []ui.Command{
		{What: "try it out", Line: fmt.Sprintf("floe run %s", name)},
		{What: "put it on a USB stick; 'floe disks' lists them", Line: writeLine(name)},
	}))
}
