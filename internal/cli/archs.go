package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"floe/internal/arch"
	"floe/steps"
)

// archKey is the step that asks for the architecture.
const archKey = "arch"

// planHere is the plan of what is for this machine: where nobody said what architecture
// it is for, it is the host's, since any other is emulated.
func planHere(cmd *cobra.Command, host arch.Arch, known ...steps.Source) (*steps.Plan, error) {
	sources, err := planSources(cmd, known...)
	if err != nil {
		return nil, err
	}
	plan, _, err := steps.Resolve(slices.Concat(sources, ofHost(host))...)
	return plan, err
}

// ofHost is what a machine tells of itself to whoever asks nobody else. One for which
// nothing is built tells nothing.
func ofHost(host arch.Arch) []steps.Source {
	if !host.Known() {
		return nil
	}
	return []steps.Source{{Name: "this machine", Given: map[string][]string{archKey: {host.String()}}}}
}

// archIsHosts says so in a command's help.
func archIsHosts(cmd *cobra.Command) { cmd.Flags().Lookup(archKey).DefValue = "this machine's" }
