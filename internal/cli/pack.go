package cli

import (
	"context"
	"errors"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sshclient"
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
			"update-alternatives would make, and the users and groups of its services, but none of its services.\n" +
			"The folder has a list of all that was packed into it, packages.sha256, which floe's own key and those of\n" +
			"your agent sign: a machine that lets one of them log in takes packages from the folder, on a disk that\n" +
			"the boot code tce= names or at the address in tce.mirror=.",
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
			out.print(out.styles().Table("Packages in "+folder, rows) + "\n" + out.styles().Next(
				assemble.SumsFile+" there lists them, signed: copy the whole folder to a disk of a machine", folderLines()))
			return nil
		},
	}
	addPlanFlags(cmd, archKey, "mirror", "toolchain")
	archIsHosts(cmd)
	cmd.Flags().StringVarP(&folder, "output", "o", ".", "`FOLDER` for the packages")
	return cmd
}

// folderLines tell how a machine is given a folder of packages that was copied to a
// disk, whose label stands for any.
func folderLines() []ui.Command {
	return []ui.Command{
		{What: "have its packages at hand: boot with", Line: "tce=LABEL=stuff/packages"},
		{What: "load one then", Line: "tce-load -i NAME"},
	}
}

// pack builds packages and copies them, with the files beside them, into a
// folder, where a list of them is signed.
func (t *terminal) pack(ctx context.Context, plan *steps.Plan, folder string, names []string) ([]assemble.Package, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fault.New(fault.Usage, "make the folder", folder, err, "Name another one with --output.")
	}
	own, _, err := sshclient.Identity(identityDir())
	if err != nil {
		return nil, err
	}
	// Before anything is built.
	if _, err := assemble.SignedSums(folder, own.PublicKey()); err != nil {
		return nil, err
	}
	if err := assemble.OtherArch(folder, plan.Arch); err != nil {
		return nil, err
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
	stage := report.Start(sink, "copy", "Copy the packages, and sign their list")
	if err := assemble.AddPackages(folder, list, own.PublicKey(), func(sums []byte) ([]byte, error) { return t.sign(ctx, sums) }); err != nil {
		return nil, stage.Fail(err)
	}
	stage.Done("")
	return list, nil
}
