package cli

import (
	"errors"
	"os"
	"slices"
	"strings"

	"floe/internal/board"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/steps"
)

// enterable refuses a plan whose image floe could not boot or not log in to: before
// it is built.
func enterable(plan *steps.Plan) error {
	coded := slices.ContainsFunc(plan.BootWords(), func(w string) bool { return strings.HasPrefix(w, "sshkey=") })
	switch {
	case !plan.Tries():
		return noMachine(plan.Output)
	case !coded && slices.Equal(plan.SSHKeys, []string{steps.NoKey}):
		return fault.New(fault.Usage, "log in to", plan.Output, errors.New("no key is on this image, and floe logs in with a key"),
			"'--ssh-key own' puts floe's own on it; 'floe build' and 'floe run --console' do without.")
	}
	return nil
}

// noMachine refuses to boot what is for a board.
func noMachine(image string) error {
	return fault.New(fault.Usage, "boot", image, errors.New("it is for a board, and floe has no virtual machine that is one"),
		"'floe write' puts it on a memory card; 'floe run' boots ISOs.")
}

// isCard tells whether an image is that of a board's memory card.
func isCard(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // whoever wants to read it says why
	}
	defer f.Close()
	table, err := iso.ReadGPT(f)
	if err != nil {
		return false
	}
	_, card := table.Find(board.Volume)
	return card
}
