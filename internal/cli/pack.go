package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
	"floe/ui"
)

func packCommand(out *terminal) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "pack NAME ...",
		Short: "Make packages of the booted system from Debian's",
		Long: "Makes NAME.tcz, a squashfs of a program and the libraries that it needs, and the same of every\n" +
			"package that it depends on, with .dep, .info, .list and .sha256 beside each. NAME is one that floe\n" +
			"defines, such as git or openssh, or else any package of Debian's: all its files, the links that\n" +
			"update-alternatives would make, and the users and groups of its services, but none of its services.",
		Example: "  floe pack e2fsprogs\n  floe pack htop -o packages",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fault.New(fault.Usage, "make packages", "", errors.New("no package is named"), "'floe pack htop' makes one.")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := planHere(cmd, arch.Host())
			if err != nil {
				return err
			}
			list, err := out.pack(cmd.Context(), plan, folder, args)
			if err != nil || out.mode == ui.JSON {
				return err
			}
			var rows []ui.Row
			for _, p := range list {
				rows = append(rows, ui.Row{Key: p.Name, Value: humanize.Comma(p.Size) + " bytes", Note: "sha256 " + p.SHA256})
			}
			out.print(out.styles().Table("Packages in "+folder, rows))
			return nil
		},
	}
	addPlanFlags(cmd, archKey, "mirror", "toolchain")
	archIsHosts(cmd)
	cmd.Flags().StringVarP(&folder, "output", "o", ".", "`FOLDER` for the packages")
	return cmd
}

// pack builds packages and copies them, with the files beside them, into a
// folder.
func (t *terminal) pack(ctx context.Context, plan *steps.Plan, folder string, names []string) ([]assemble.Package, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fault.New(fault.Usage, "make the folder", folder, err, "Name another one with --output.")
	}
	s, err := t.openStore()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	sink, done := t.progress(ctx)
	defer done()
	list, err := t.builder(s, plan, sink).Packages(ctx, plan.Arch, names...)
	if err != nil {
		return nil, err
	}
	stage := report.Start(sink, "copy", "Copy the packages")
	for _, p := range list {
		files, err := filepath.Glob(filepath.Join(p.Dir, p.Name+".tcz*"))
		if err != nil {
			return nil, stage.Fail(err)
		}
		for _, from := range files {
			if err := copyInto(folder, from); err != nil {
				return nil, stage.Fail(fault.New(fault.Missing, "write", filepath.Join(folder, filepath.Base(from)), err, "See that there is room and that the folder can be written to."))
			}
		}
	}
	stage.Done("")
	return list, nil
}

// copyInto copies a file into a folder; it appears there when it is whole.
func copyInto(folder, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := renameio.NewPendingFile(filepath.Join(folder, filepath.Base(from)), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer out.Cleanup()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.CloseAtomicallyReplace()
}
