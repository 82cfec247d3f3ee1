// Package cli is floe's command line: which commands there are, which flags
// they take, what they print and with which code they exit.
//
// It builds nothing itself: every command makes a plan of its flags, hands it
// to the room that does the work, and shows the events of that room.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"floe/assets"
	"floe/internal/fault"
	"floe/ui"
)

// terminal is where a command prints.
type terminal struct {
	In       *os.File
	Out, Err io.Writer
	out, err ui.Terminal // what they can show
	mode     ui.Mode
	store    string // folder of the store, "" for the person's own
	refresh  bool   // ask the archive for news
}

// exitStatus is the error of a command whose own words have been said
// already; it only carries the exit code.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Run runs floe with the arguments (without the program's name) and gives the
// exit code.
func Run(args []string) int {
	ctx, stop := ui.Interruptible(context.Background())
	defer stop()
	out := &terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, mode: ui.Auto}
	out.look()
	root := rootCommand(out)
	root.SetArgs(args)
	ui.Dress(root, out.styles())
	err := ui.AsUsage(root.ExecuteContext(ctx))
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	ui.Error(out.Err, ui.NewStyles(out.err), err, "")
	return fault.Code(err)
}

func rootCommand(out *terminal) *cobra.Command {
	var plain bool
	root := &cobra.Command{
		Use:     "floe",
		Version: assets.Version,
		Short:   "Build a tiny Linux for containers, and boot it",
		Long: "floe builds Floe Linux from source: a kernel, an initial RAM disk and one ISO that boots\n" +
			"from CD, from a USB stick and in QEMU, on BIOS and UEFI. It needs no root and no tools:\n" +
			"compilers come from Debian's signed archive into a sandbox of floe's own.",
		Example: "  floe                           # a few questions, then build and try it out\n" +
			"  floe demo                      # build, boot in QEMU, look inside, power off\n" +
			"  floe build -o floe.iso         # make the image\n" +
			"  floe run --detach && floe ssh  # boot it and log in\n" +
			"  floe doctor                    # what can this machine do?",
		RunE: func(cmd *cobra.Command, _ []string) error { return out.wizard(cmd, plain) },
	}
	root.Flags().BoolVar(&plain, "plain", false, "ask as plain lines, for screen readers and simple terminals (FLOE_PLAIN=1 and ACCESSIBLE=1 as well)")
	flags := root.PersistentFlags()
	flags.Var(&out.mode, "progress", "how to show progress")
	flags.StringVar(&out.store, "store", "", "`DIR` that keeps downloads and finished stages (default: floe in the user's cache folder)")
	flags.BoolVar(&out.refresh, "refresh", false, "ask the archive for news even if it was asked today")
	root.AddCommand(demoCommand(out), buildCommand(out), runCommand(out), sshCommand(out), stopCommand(out),
		upCommand(out), restartCommand(out), lsCommand(out), logsCommand(out), rmCommand(out), envCommand(out),
		packCommand(out), mirrorCommand(out), disksCommand(out), writeCommand(out), serveCommand(out), keepCommand(out), pruneCommand(out), planCommand(out), doctorCommand(out))
	return root
}
