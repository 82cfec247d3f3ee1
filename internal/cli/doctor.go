package cli

import (
	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/doctor"
	"floe/internal/fault"
	"floe/internal/store"
	"floe/steps"
	"floe/ui"
)

// levels are the doctor's, as they are shown.
var levels = map[doctor.Level]ui.Level{doctor.OK: ui.OK, doctor.Warn: ui.Warn, doctor.Fail: ui.Fail}

func doctorCommand(out *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do for floe, and how to mend what it cannot",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := planHere(cmd, arch.Host())
			if err != nil {
				return err
			}
			dir := out.store
			if dir == "" {
				if dir, err = store.DefaultDir(); err != nil {
					return err
				}
			}
			host := doctorHost(plan, dir)
			failed := false
			for _, check := range doctor.Checks() {
				f := check(cmd.Context(), host)
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				failed = failed || f.Level == doctor.Fail
				out.print(out.styles().Checks([]ui.Check{{Level: levels[f.Level], Name: f.Name, Text: f.Text, Hint: f.Hint}}))
			}
			if failed {
				return exitStatus(fault.Missing)
			}
			return nil
		},
	}
	addPlanFlags(cmd, archKey, "mirror", "toolchain")
	archIsHosts(cmd)
	return cmd
}

// doctorHost is what the doctor looks at for a plan, with the store in dir.
func doctorHost(plan *steps.Plan, dir string) doctor.Host {
	host := doctor.Host{StoreDir: dir, Mirror: plan.Mirror, Arch: plan.Arch}
	if plan.Toolchain == assemble.Host {
		host.Tools = assemble.HostTools(arch.Host(), plan.Arch)
	}
	return host
}
