package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/report"
	"floe/qemu"
	"floe/steps"
	"floe/ui"
)

// wish is what a person wants of a machine with 'floe up'.
type wish struct {
	name      string
	image     string
	disk      string
	sshPort   int
	ports     []string
	share     string
	rebuild   bool
	sshConfig bool
}

func upCommand(out *terminal) *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Start a machine that stays, and wait until it is ready",
		Long: "Makes a machine the first time: builds its image if need be and keeps what it is like in a file of its own.\n" +
			"Starts it in the background, and comes back when ssh and its container runtime answer. Docker has a context\n" +
			"for it then, and podman a connection. Flags change a machine that is there; the rest of it stays.\n" +
			"Ctrl-C ends the work on an image, and what is finished is kept; once the machine runs, it ends the waiting only.",
		Example: "  floe up\n  floe up box --runtime docker --memory 1G --port 8080:80 --share ~/src\n" +
			"  docker --context floe-box run --rm alpine uname -a\n  eval \"$(floe env box)\"",
		Args:              oneArgument,
		ValidArgsFunction: completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			w.name = namedMachine(machineName, args)
			return out.up(cmd, w)
		},
	}
	var keys []string
	for _, step := range steps.All() {
		if step.Key != "output" {
			keys = append(keys, step.Key)
		}
	}
	addPlanFlags(cmd, keys...)
	archIsHosts(cmd)
	flags := cmd.Flags()
	flags.StringVar(&w.image, "image", "", "boot this `IMAGE` instead of one of its own")
	flags.StringVar(&w.disk, "disk", defaultDisk, "`SIZE` of its data disk; one that is there can grow; '' for none; without a runtime it has one only if named")
	flags.IntVar(&w.sshPort, "ssh-port", 0, "`PORT` of this host that reaches its ssh; 0 takes a free one, which is kept")
	flags.StringArrayVar(&w.ports, "port", nil, "`HOST:GUEST`, a port of this host that reaches one of the machine; again for more")
	flags.StringVar(&w.share, "share", "", "`FOLDER` of this host, which the machine has at "+machines.SharePoint+"; '' for none")
	flags.BoolVar(&w.rebuild, "build", false, "build its image anew")
	flags.BoolVar(&w.sshConfig, sshConfigFlag, true, "let ssh know a machine with docker by name: one Include in ~/.ssh/config, which docker needs")
	return cmd
}

// up makes, starts and waits for a machine.
func (t *terminal) up(cmd *cobra.Command, w wish) error {
	sink, done := t.progress(cmd.Context())
	defer done()
	return t.bring(cmd, w, sink, done, nil)
}

// before is what is done to a machine that this floe alone has in hand, before it is
// started.
type before func(context.Context, *designed, report.Sink) error

// bring starts a machine, waits until it is ready and tells how it is reached. first may
// be nil; done ends the progress.
func (t *terminal) bring(cmd *cobra.Command, w wish, sink report.Sink, done func(), first before) error {
	ctx := cmd.Context()
	r, spec, err := t.raise(ctx, cmd, w, sink, first)
	if err != nil {
		return err
	}
	defer r.Close()
	told, notes, err := t.makeReady(ctx, r, spec, w, sink)
	if err != nil {
		return runsOn(ctx, r, err)
	}
	done()
	if t.mode != ui.JSON {
		t.print(t.styles().Next("Machine "+w.name+" is ready", ways(w.name, spec.Runtimes, told)))
	}
	for _, n := range notes {
		fmt.Fprintln(t.Err, "floe: note:", n)
	}
	return nil
}

// raise gives a machine that runs, started here if it was not. The machine is
// locked meanwhile, so that of several floes one does it and the others find
// it done.
func (t *terminal) raise(ctx context.Context, cmd *cobra.Command, w wish, sink report.Sink, first before) (*qemu.Running, machines.Spec, error) {
	sh, none := shelf(), machines.Spec{}
	lock, err := lockMachine(ctx, sh, w.name, sink)
	if err != nil {
		return nil, none, err
	}
	defer lock.Release()
	if first != nil {
		lock.Doing("restarting it")
		d, err := design(cmd, w)
		if err == nil {
			err = first(ctx, d, sink)
		}
		if err != nil {
			return nil, none, err
		}
	}
	lock.Doing("preparing it")
	stage := report.Start(sink, "machine", "Machine "+w.name)
	d, err := design(cmd, w)
	if err != nil {
		return nil, none, stage.Fail(err)
	}
	r, err := sh.Home.Load(w.name)
	switch {
	case err == nil && (!d.known || r.State().Trial):
		err = fault.New(fault.Usage, "make machine", w.name, errors.New("'floe run' started one of that name, and it runs"), "'floe stop "+w.name+"' first, or take another name")
	case err == nil && d.changed:
		err = fault.New(fault.Usage, "change machine", w.name, errors.New("it runs"), "'floe stop "+w.name+"' first; then 'floe up' with the same flags")
	case err == nil:
		stage.Cached("it runs already")
		if cmd.Flags().Changed(sshConfigFlag) {
			if err := sh.Save(w.name, d.spec); err != nil {
				r.Close()
				return nil, none, err
			}
		}
		return r, d.spec, nil
	case errors.Is(err, qemu.ErrNotRunning):
		err = nil
	}
	if err != nil {
		if r != nil {
			r.Close()
		}
		return nil, none, stage.Fail(err)
	}
	if err := d.spec.ChoosePorts(w.name, d.movable...); err != nil {
		return nil, none, stage.Fail(err)
	}
	// Before anything is kept that could not start.
	if err := d.startable(); err != nil {
		return nil, none, stage.Fail(err)
	}
	if _, err := qemu.CheckMemory(qemu.Machine{Name: w.name, Memory: d.spec.Memory}, ""); err != nil {
		return nil, none, stage.Fail(err)
	}
	stage.Done(d.summary())
	if !d.known { // a machine that is there changes when its image has
		if err := d.keep(sh); err != nil {
			return nil, none, err
		}
	}
	if d.rebuild {
		lock.Doing("building its image")
		if _, err := t.buildWith(ctx, d.plan, sink); err != nil {
			return nil, none, err
		}
	}
	if err := d.keep(sh); err != nil {
		return nil, none, err
	}
	if err := d.grow(ctx, sh); err != nil {
		return nil, none, err
	}
	lock.Doing("starting it")
	r, err = t.startKept(ctx, sh, d, sink)
	return r, d.spec, err
}

// lockMachine takes a machine for this floe alone, and says so if it has to wait
// for another one.
func lockMachine(ctx context.Context, sh machines.Shelf, name string, sink report.Sink) (lock *machines.Lock, err error) {
	var wait *report.Stage
	lock, err = sh.Lock(ctx, name, func(other string) {
		wait = report.Start(sink, "lock", "Wait for machine "+name+": "+other)
	})
	switch {
	case err != nil && wait != nil:
		err = wait.Fail(err)
	case wait != nil:
		wait.Done("")
	}
	return lock, err
}

// startKept starts a machine that stays.
func (t *terminal) startKept(ctx context.Context, sh machines.Shelf, d *designed, sink report.Sink) (*qemu.Running, error) {
	more, err := d.spec.Options()
	if err != nil {
		return nil, err
	}
	r, err := t.boot(ctx, d.plan, trial{
		name: d.name, image: d.spec.Image, medium: string(qemu.CDROM), sshPort: d.spec.SSHPort, detach: true, kept: true,
		ephemeral: d.spec.Disk == "", wantsDisk: true, diskSize: d.spec.Disk, more: []qemu.Option{more},
		begin: func() error { return sh.Want(d.name, true) },
	}, sink)
	if r == nil {
		return nil, errors.Join(err, sh.Want(d.name, false))
	}
	if err != nil {
		err = runsOn(ctx, r, err)
		r.Close()
		return nil, err
	}
	return r, nil
}

// runsOn is the error of whoever was told to wait no longer for a machine that runs all
// the same.
func runsOn(ctx context.Context, r *qemu.Running, err error) error {
	select {
	case <-r.Ended():
		return err
	default:
	}
	if ctx.Err() == nil {
		return err
	}
	name, again := r.Name(), "floe up "+r.Name()
	if r.State().Trial {
		again = "floe ssh" + nameFlag(name)
	}
	return fault.New(fault.Cancelled, "wait for machine", name, err,
		"machine "+name+" runs on: '"+again+"' waits for it again, 'floe stop "+name+"' powers it off")
}

// ways are how a machine is reached: with the client of a runtime that was told of it by
// the entry that is floe's, with others by the shell's variables.
func ways(name string, runtimes, told []string) (list []ui.Command) {
	suffix := ""
	if name != machineName {
		suffix = " " + name
	}
	options := map[string]string{steps.Docker: "docker --context ", steps.Podman: "podman --connection "}
	for _, runtime := range told {
		list = append(list, ui.Command{What: "give it work", Line: options[runtime] + machines.Alias(name) + " run --rm alpine uname -a"})
	}
	forShell := "or for this shell"
	if len(told) == 0 {
		forShell = "give it work from this shell"
	}
	if len(runtimes) > 0 {
		list = append(list, ui.Command{What: forShell, Line: `eval "$(floe env` + suffix + `)"`})
	}
	return append(list, ui.Command{What: "enter it", Line: "floe ssh" + suffix}, ui.Command{What: "power it off; it stays", Line: "floe stop" + suffix})
}

// summary is a machine in a line.
func (d *designed) summary() string {
	memory := fmt.Sprintf("%d MiB", d.spec.Memory)
	if tight := steps.Tight(d.spec.Arch, d.spec.Memory, d.loads()); tight != "" {
		memory = strings.TrimSuffix(tight, ".")
	}
	words := []string{d.spec.Arch.String(), orWord(strings.Join(d.spec.Runtimes, ", "), "no runtime"), memory,
		fmt.Sprintf("ssh on port %d", d.spec.SSHPort)}
	return strings.Join(append(words, d.spec.Ports...), ", ")
}

func orWord(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}
