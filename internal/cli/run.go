package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/board"
	"floe/internal/sshclient"
	"floe/internal/tty"
	"floe/qemu"
	"floe/steps"
	"floe/ui"
)

// bootCodes is a step's name, and so the name of a flag; 'floe run' has it for
// one boot.
const bootCodes = "boot-codes"

func runCommand(out *terminal) *cobra.Command {
	try := trial{}
	var console bool
	cmd := &cobra.Command{
		Use:   "run [IMAGE]",
		Short: "Boot the image in QEMU, and watch it",
		Long: "Boots the image in QEMU and shows, on a terminal, how far it is, what it uses and what it says; from there a key\n" +
			"leads to its console, into it over ssh, or powers it off. With --console its console is on this terminal at once,\n" +
			"as it is where the output is no terminal; Ctrl-] powers it off there.\n" +
			"With --detach the machine runs in the background: 'floe ssh' enters it, 'floe stop' powers it off.\n" +
			"What is made in the machine stays on a disk of its own, which the next run with the same name has again.",
		Example: "  floe run\n  floe run box.iso --memory 128 --firmware uefi --medium usb\n  floe run --boot-codes 'superuser base'\n  floe run --detach && floe ssh",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, image, err := planToRun(cmd, arch.Host(), args)
			if err != nil {
				return err
			}
			try.wantsDisk = cmd.Flags().Changed("disk-size")
			try.image = image
			if cmd.Flags().Changed(bootCodes) {
				try.codes = plan.BootWords()
			}
			out.tight(steps.Tight(plan.Arch, plan.Memory, loads(image, try.codes)))
			if try.detach {
				return out.runDetached(cmd.Context(), plan, try)
			}
			if out.canWatch() && !console {
				try.runtimes = assemble.RuntimesOf(try.image)
				return out.runLive(cmd.Context(), plan, try)
			}
			return out.runHere(cmd.Context(), plan, try)
		},
	}
	addPlanFlags(cmd, archKey, "runtime", "memory", "cpus", "firmware", "mirror")
	flags := cmd.Flags()
	flags.Lookup(archKey).DefValue = "the image's"
	flags.StringVar(&try.name, "name", machineName, "`NAME` of the machine")
	flags.String(bootCodes, "", "`CODES` added to the image's own for this boot; docs/bootcodes.md tells them all")
	flags.StringVar(&try.medium, "medium", string(qemu.CDROM), "what the image is plugged in as, a `KIND`: cd, usb or disk")
	flags.IntVar(&try.sshPort, "ssh-port", 0, "`PORT` of this host that reaches the machine's ssh; 0 takes a free one")
	flags.BoolVar(&try.ephemeral, "ephemeral", false, "no data disk: everything is gone when the machine ends")
	flags.StringVar(&try.diskSize, "disk-size", defaultDisk, "`SIZE` of a new data disk; it takes room only as it is filled; named, it gives an image without a runtime one, too")
	flags.BoolVar(&console, "console", false, "the machine's console on this terminal, from its first word on")
	flags.BoolVarP(&try.detach, "detach", "d", false, "run in the background")
	cmd.MarkFlagsMutuallyExclusive("console", "detach")
	cmd.MarkFlagsMutuallyExclusive("ephemeral", "disk-size")
	return cmd
}

// planToRun gives the image to run, one that floe made if none is named, and the plan for
// it.
func planToRun(cmd *cobra.Command, host arch.Arch, args []string) (plan *steps.Plan, image string, err error) {
	if len(args) == 1 {
		image = args[0]
	} else if image, err = imageMade(cmd, host); err != nil {
		return nil, "", err
	}
	plan, err = planHere(cmd, host, ofImage(image, archKey))
	return plan, image, err
}

// imageMade is the image that 'floe demo' makes, since its machine is as fast as this one;
// where that is not there, it is that of 'floe build', if that is.
func imageMade(cmd *cobra.Command, host arch.Arch) (string, error) {
	here, err := planHere(cmd, host)
	if err == nil && isThere(here.Output) {
		return here.Output, nil
	}
	if built, _, amiss := resolvePlan(cmd); amiss == nil && isThere(built.Output) {
		return built.Output, nil
	}
	if err != nil {
		return "", err
	}
	return here.Output, nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ofImage is what an image tells of itself of these steps. It is for no board: it
// boots where floe can start it. An image of somebody else's tells nothing.
func ofImage(path string, keys ...string) steps.Source {
	s := steps.Source{Name: "the image", Given: map[string][]string{}}
	a := assemble.ArchOf(path)
	if a == "" {
		return s
	}
	told := map[string]string{"arch": a.String(), "runtime": runtimeWord(assemble.RuntimesOf(path))}
	for _, key := range keys {
		s.Given[key] = []string{told[key]}
	}
	s.Given["board"] = []string{string(board.None)}
	return s
}

// canWatch tells that a live view can be shown and handled here.
func (t *terminal) canWatch() bool {
	return t.mode == ui.Auto && t.out.TTY && !t.out.Lines && ui.Detect(t.In, os.Environ()).TTY
}

// runDetached starts a machine that outlives floe.
func (t *terminal) runDetached(ctx context.Context, plan *steps.Plan, try trial) error {
	sink, done := t.progress(ctx)
	defer done()
	r, err := t.boot(ctx, plan, try, sink)
	if r == nil {
		return err
	}
	defer r.Close()
	if err != nil {
		return runsOn(ctx, r, err)
	}
	if err := answers(ctx, r); err != nil {
		return runsOn(ctx, r, err)
	}
	done()
	if t.mode != ui.JSON {
		suffix := nameFlag(try.name)
		t.print(t.styles().Next("The machine runs in the background", []ui.Command{
			{What: "enter it", Line: "floe ssh" + suffix},
			{What: "power it off", Line: "floe stop" + suffix},
			{What: "read its console", Line: "less " + r.Console().Path()},
		}))
	}
	return nil
}

// answers sees to it that ssh answers, whomever it lets in: the console only says that it
// is about to.
func answers(ctx context.Context, r *qemu.Running) error {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	client, err := dial(ctx, r)
	if errors.Is(err, sshclient.ErrAuth) {
		return nil
	}
	if err == nil {
		client.Close()
	}
	return err
}

// nameFlag is how commands are told which machine is meant.
func nameFlag(name string) string {
	if name == machineName {
		return ""
	}
	return " --name " + name
}

// runHere runs a machine with its console on this terminal.
func (t *terminal) runHere(ctx context.Context, plan *steps.Plan, try trial) error {
	sink, done := t.progress(ctx)
	defer done()
	r, err := t.start(ctx, plan, try, sink)
	if err != nil {
		return err
	}
	defer r.Close()
	done()
	fmt.Fprintf(t.Err, "Console of %s. Ctrl-] powers it off. From another terminal: floe ssh%s\n\n", try.name, nameFlag(try.name))
	left, err := t.attach(ctx, r)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if left || ctx.Err() != nil {
		fmt.Fprintln(t.Err, "\r\nPowering the machine off…")
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if _, err := r.Stop(stopping, qemu.DefaultPatience()); err != nil {
			return err
		}
		return ctx.Err()
	}
	ending, err := r.Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Err, "\r\nThe machine has ended: %s.\n", ending)
	return nil
}

// attach joins this terminal and the machine's console. On a terminal keys go
// to the machine as they are typed; otherwise only what it says is shown.
func (t *terminal) attach(ctx context.Context, r *qemu.Running) (left bool, err error) {
	out, _ := t.Out.(*os.File)
	lent, err := tty.Borrow(t.In, out)
	if errors.Is(err, tty.ErrNoTerminal) {
		return r.Attach(ctx, qemu.Attach{Out: t.Out})
	}
	if err != nil {
		return false, err
	}
	defer lent.Return()
	left, err = r.Attach(ctx, qemu.Attach{In: lent, Out: lent})
	_, _ = lent.Write([]byte(tidyPlain))
	return left, err
}
