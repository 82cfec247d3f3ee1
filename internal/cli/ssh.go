package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/internal/tty"
	"floe/qemu"
)

// userName is the user that every image has.
const userName = "floe"

func stopCommand(out *terminal) *cobra.Command {
	var name *string
	cmd := &cobra.Command{
		Use:               "stop [NAME]",
		Short:             "Power a running machine off",
		Long:              "Presses the machine's power button and waits until it is off; if it does not listen, it is ended.",
		Args:              oneArgument,
		ValidArgsFunction: completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return out.stop(cmd.Context(), namedMachine(*name, args))
		},
	}
	name = machineFlags(cmd)
	return cmd
}

// powerOff ends a machine and tells how it ended.
func powerOff(ctx context.Context, r *qemu.Running, sink report.Sink) error {
	stage := report.Start(sink, "stop", "Power off")
	ending, err := r.Stop(ctx, qemu.DefaultPatience())
	if err != nil {
		return stage.Fail(err)
	}
	stage.Done(string(ending))
	return nil
}

func sshCommand(out *terminal) *cobra.Command {
	var name *string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ssh [NAME] [COMMAND [ARG ...]]",
		Short: "Enter a running machine, or run a command in it",
		Long: "Logs in to a machine that 'floe up' or 'floe run' started, with floe's own key, those in\n" +
			"~/.ssh and your agent's, and checks the machine's host key against what it said on its\n" +
			"console. With a command, its output and exit code are the command's. A first word that is\n" +
			"a machine's name says which machine, unless --name does.",
		Example:           "  floe ssh\n  floe ssh uname -a\n  floe ssh box uname -a\n  floe ssh 'cat > notes' < notes",
		ValidArgsFunction: completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("name") && len(args) > 0 && isMachine(args[0]) {
				*name, args = args[0], args[1:]
			}
			if !cmd.Flags().Changed("name") && len(args) > 0 && !isMachine(*name) {
				return fault.New(fault.Usage, "look for machine", *name, errors.New("there is no such machine"),
					fmt.Sprintf("%q is no machine either, so it was taken for a command; 'floe ls' lists machines", args[0]))
			}
			r, err := loadMachine(*name)
			if err != nil {
				return err
			}
			defer r.Close()
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), wait, fault.New(fault.Build, "enter machine", *name,
				fmt.Errorf("it takes nobody in after %s", wait), "'floe logs "+*name+"' shows how far it is; --wait waits longer"))
			defer cancel()
			client, err := dial(ctx, r)
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			defer client.Close()
			return out.remote(cmd.Context(), client, args)
		},
	}
	cmd.Flags().SetInterspersed(false)
	name = machineFlags(cmd)
	cmd.Flags().DurationVar(&wait, "wait", bootPatience, "how `LONG` to wait for a machine that is still booting")
	return cmd
}

// oneArgument takes one argument at most.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return noArguments(cmd, args[1:])
	}
	return nil
}

// dial logs in to a machine as its user, with floe's own key, those that ssh
// itself would take, and those of the person's agent. The host key is the one that the machine told on its
// console.
func dial(ctx context.Context, r *qemu.Running) (*sshclient.Client, error) {
	if _, err := r.Reached(ctx, qemu.SSHReady); err != nil {
		return nil, err
	}
	signers, done, err := ownSigners(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	atHome, skipped := sshclient.HomeSigners(filepath.Join(xdg.Home, ".ssh"))
	client, err := sshclient.Dial(ctx, sshclient.Options{
		Addr: r.SSHAddr(), User: userOf(r), Signers: slices.Insert(signers, 1, atHome...), HostKeys: r.Guest().HostKeys,
		KeepAlive: 15 * time.Second,
	})
	if errors.Is(err, sshclient.ErrAuth) && len(skipped) > 0 {
		err = fault.New(fault.Missing, "log in", "", err, "Not tried: "+strings.Join(skipped, "; "))
	}
	return client, err
}

// userOf is the user of a machine that is up.
func userOf(r *qemu.Running) string {
	if name := r.Guest().User; name != "" {
		return name
	}
	return userName
}

// remote runs a command on the machine, or a shell where there is none. The
// error carries the command's exit code.
func (t *terminal) remote(ctx context.Context, client *sshclient.Client, args []string) error {
	command := strings.Join(args, " ")
	code, err := t.remoteTerminal(ctx, client, command)
	if errors.Is(err, tty.ErrNoTerminal) {
		streams := sshclient.Streams{In: t.In, Out: t.Out, Err: t.Err}
		if command == "" {
			command = "sh -l"
		}
		code, err = client.Stream(ctx, command, streams)
	}
	if err != nil {
		return err
	}
	if code != 0 {
		return exitStatus(code)
	}
	return nil
}

// remoteTerminal runs a shell in a terminal of its own. Commands get none, so
// that their output can be used; as with ssh.
func (t *terminal) remoteTerminal(ctx context.Context, client *sshclient.Client, command string) (int, error) {
	out, _ := t.Out.(*os.File)
	if command != "" {
		return 0, tty.ErrNoTerminal
	}
	lent, err := tty.Borrow(t.In, out)
	if err != nil {
		return 0, err
	}
	defer lent.Return()
	return client.Shell(ctx, "", sshclient.Terminal{
		Streams: sshclient.Streams{In: lent, Out: lent, Err: lent},
		Name:    os.Getenv("TERM"), Size: lent.Size(), Resized: lent.Resized(),
	})
}

// ownSigners are floe's own key and those of the person's agent, if there is
// one. They can be used until done is called.
func ownSigners(ctx context.Context) (signers []ssh.Signer, done func(), err error) {
	own, _, err := sshclient.Identity(identityDir())
	if err != nil {
		return nil, nil, err
	}
	agent, done, err := sshclient.AgentSigners(ctx, os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return []ssh.Signer{own}, func() {}, nil
	}
	return append([]ssh.Signer{own}, agent...), done, nil
}
