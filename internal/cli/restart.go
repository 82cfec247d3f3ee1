package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/report"
	"floe/qemu"
)

func restartCommand(out *terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "restart [NAME]",
		Short: "Power a machine off and start it again",
		Long: "Powers a machine of 'floe up' off as 'floe stop' does: by its power button, and by force if it does not listen\n" +
			"in time. Then starts it as 'floe up' does, and comes back when it is ready. Its ports, its data disk, its memory\n" +
			"and its shared folder stay; what was only in its memory is gone. A machine.toml that was changed counts from then\n" +
			"on. A machine that does not run is started.\n" +
			"'floe ssh NAME sudo reboot' starts only the system in it anew; its QEMU goes on as it is.",
		Example:           "  floe restart\n  floe restart box",
		Args:              oneArgument,
		ValidArgsFunction: completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return out.restart(cmd, namedMachine(machineName, args))
		},
	}
}

// restart powers a machine off and starts it again.
func (t *terminal) restart(cmd *cobra.Command, name string) error {
	if err := restartable(name); err != nil {
		return err
	}
	sink, done := t.progress(cmd.Context())
	defer done()
	// Whether ssh is told of it was decided when it was made.
	return t.bring(cmd, wish{name: name}, sink, done, t.offFirst)
}

// restartable finds what keeps a machine from being restarted, before anything is done.
func restartable(name string) error {
	const op = "restart machine"
	if err := machines.CheckName(name); err != nil {
		return err
	}
	sh := shelf()
	switch trial := isTrial(name); {
	case trial, !sh.Known(name) && !errorIsNotRunning(name):
		return passing(op, name)
	case !sh.Known(name):
		return sh.Unknown(op, name)
	}
	return nil
}

// isTrial says whether what runs under a name was started to try an image out, be there
// one of 'floe up' with that name or not.
func isTrial(name string) bool {
	r, err := home().Load(name)
	if err != nil {
		return false
	}
	defer r.Close()
	return r.State().Trial
}

// passing is the error of a machine of 'floe run', for what only one of 'floe up' is for.
func passing(op, name string) error {
	return fault.New(fault.Usage, op, name, errors.New("'floe run' started it, and it does not stay"),
		"'floe stop "+name+"' powers it off; 'floe up' makes machines that stay")
}

// offFirst powers a machine off that is about to be started, but not one that could not
// be started then. The caller has its lock.
func (t *terminal) offFirst(ctx context.Context, d *designed, sink report.Sink) error {
	if !d.known { // it was removed while this floe waited for the lock
		return shelf().Unknown("restart machine", d.name)
	}
	if err := d.startable(); err != nil {
		return err
	}
	r, err := home().Load(d.name)
	if errors.Is(err, qemu.ErrNotRunning) {
		report.Start(sink, "stop", "Power off").Cached("it does not run, and is started")
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if r.State().Trial { // started while this floe waited for the lock
		return passing("restart machine", d.name)
	}
	// As 'floe stop' does: it is not to be found dead when this floe is killed meanwhile.
	if err := shelf().Want(d.name, false); err != nil {
		return err
	}
	return powerOff(ctx, r, sink)
}
