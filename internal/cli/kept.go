package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"floe/internal/fault"
	"floe/internal/machines"
	"floe/qemu"
	"floe/steps"
)

func lsCommand(out *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List machines, and how each is",
		Long: "Lists the machines of 'floe up', and those that 'floe run' has running. One that should run and does\n" +
			"not, because its QEMU was killed or this host was started anew, is dead; one that powered itself off is stopped.\n" +
			"'floe up' starts either again. One that another floe is building or removing is busy.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			list, err := shelf().List()
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(out.Out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(listed(list))
			}
			return out.table(listed(list))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// row is a machine in the list.
type row struct {
	Name      string             `json:"name"`
	Condition machines.Condition `json:"condition"`
	Why       string             `json:"why,omitempty"`
	Arch      string             `json:"arch"`
	Runtimes  []string           `json:"runtimes,omitempty"`
	Memory    int                `json:"memory_mib"`
	SSHPort   int                `json:"ssh_port"`
	Ports     []string           `json:"ports,omitempty"`
	PID       int                `json:"pid,omitempty"`
	Since     time.Time          `json:"since,omitzero"`
	Kept      bool               `json:"kept"` // made with 'floe up'
}

func listed(list []machines.Entry) []row {
	rows := []row{}
	for _, e := range list {
		r := row{Name: e.Name, Condition: e.Condition, Why: e.Why, Kept: e.Kept, Arch: e.Spec.Arch.String(),
			Runtimes: e.Spec.Runtimes, Memory: e.Spec.Memory, SSHPort: e.Spec.SSHPort, Ports: e.Spec.Ports}
		if s := e.Running; s != nil {
			r.SSHPort, r.PID, r.Since = s.SSHPort(), s.Process.PID, s.Started
			if s.Machine.Memory > 0 { // its state file was not damaged
				r.Arch, r.Memory = s.Machine.Arch.String(), s.Machine.Memory
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func (t *terminal) table(rows []row) error {
	if len(rows) == 0 {
		fmt.Fprintln(t.Err, "No machines. 'floe up' makes one.")
		return nil
	}
	w := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tARCH\tRUNTIME\tMEMORY\tSSH\tPORTS\tSINCE")
	for _, r := range rows {
		since, ports := r.Why, strings.Join(r.Ports, " ")
		if !r.Since.IsZero() {
			since = r.Since.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d MiB\t%d\t%s\t%s\n", r.Name, r.Condition, r.Arch,
			orWord(strings.Join(r.Runtimes, ","), "-"), r.Memory, r.SSHPort, orWord(ports, "-"), orWord(since, "-"))
	}
	return w.Flush()
}

func logsCommand(out *terminal) *cobra.Command {
	var followIt, ofQEMU bool
	cmd := &cobra.Command{
		Use:               "logs [NAME]",
		Short:             "Print what a machine said on its console",
		Long:              "Prints the console of a machine since it was last started, whether it still runs or not.",
		Example:           "  floe logs -f box\n  floe logs --qemu box",
		Args:              oneArgument,
		ValidArgsFunction: completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return out.logs(cmd.Context(), namedMachine(machineName, args), followIt, ofQEMU)
		},
	}
	cmd.Flags().BoolVarP(&followIt, "follow", "f", false, "go on until the machine has ended")
	cmd.Flags().BoolVar(&ofQEMU, "qemu", false, "what QEMU itself said instead")
	cmd.MarkFlagsMutuallyExclusive("follow", "qemu")
	return cmd
}

func (t *terminal) logs(ctx context.Context, name string, followIt, ofQEMU bool) error {
	if err := machines.CheckName(name); err != nil {
		return err
	}
	files := home().Files(name)
	path := files.ConsoleLog
	if ofQEMU {
		path = files.Log
	}
	if followIt {
		r, err := loadMachine(name)
		if err == nil {
			defer r.Close()
			_, err = r.Attach(ctx, qemu.Attach{Out: t.Out})
			return err
		}
		if !errors.Is(err, qemu.ErrNotRunning) && !shelf().Known(name) {
			return err
		}
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return noConsole(name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(t.Out, f)
	return err
}

// noConsole is the error of a machine that left nothing to be read.
func noConsole(name string) error {
	const op = "read the console of machine"
	if other, busy := shelf().Busy(name); busy {
		return inHand(op, name, other, "wait until it has started it")
	}
	if !isMachine(name) {
		return shelf().Unknown(op, name)
	}
	return fault.New(fault.Missing, op, name, errors.New("it has not been started yet, or its start was broken off"), "'floe up "+name+"' starts it")
}

// stop powers a machine off. That a kept one is off already is as well.
func (t *terminal) stop(ctx context.Context, name string) error {
	sh := shelf()
	r, err := home().Load(name)
	switch {
	case err == nil:
		defer r.Close()
	case !errors.Is(err, qemu.ErrNotRunning):
		return err
	default:
		if other, busy := sh.Busy(name); busy {
			return inHand("stop machine", name, other, endIt(other)+"; what it has built is kept")
		}
		if !sh.Known(name) {
			return sh.Unknown("stop machine", name)
		}
	}
	if sh.Known(name) && (r == nil || !r.State().Trial) {
		// First, so that it is not found dead when this floe is killed meanwhile.
		if err := sh.Want(name, false); err != nil {
			return err
		}
	}
	if r == nil {
		fmt.Fprintf(t.Err, "Machine %s does not run.\n", name)
		return nil
	}
	sink, done := t.progress(ctx)
	defer done()
	return powerOff(ctx, r, sink)
}

// errorIsNotRunning says whether nothing of that name runs.
func errorIsNotRunning(name string) bool {
	r, err := home().Load(name)
	if err == nil {
		r.Close()
	}
	return errors.Is(err, qemu.ErrNotRunning)
}

func rmCommand(out *terminal) *cobra.Command {
	var force, data bool
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a machine",
		Long: "Removes a machine: its file, the image that floe built for it, its logs, docker's context and podman's\n" +
			"connection. Its data disk stays, and the next machine of that name has it, unless --data is given.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fault.New(fault.Usage, "remove a machine", "", errors.New("no name is given"), "'floe ls' lists machines")
			}
			return oneArgument(cmd, args)
		},
		ValidArgsFunction: completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return out.remove(cmd.Context(), args[0], force, data)
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "power it off first if it runs")
	cmd.Flags().BoolVar(&data, "data", false, "remove its data disk too, with everything on it")
	return cmd
}

func (t *terminal) remove(ctx context.Context, name string, force, data bool) error {
	sh := shelf()
	if err := t.quiesce(ctx, name, force); err != nil {
		return err
	}
	disk := diskPath(name)
	nothing := func() error {
		_, noDir := os.Stat(sh.Dir(name))
		if _, noDisk := os.Stat(disk); noDir == nil || noDisk == nil && data {
			return nil
		}
		return fault.New(fault.Usage, "remove machine", name, errors.New("there is no such machine"), "'floe ls' lists machines")
	}
	if err := nothing(); err != nil { // a lock would leave its file
		return err
	}
	lock, err := sh.Lock(ctx, name, func(other string) { fmt.Fprintf(t.Err, "floe: note: waiting for machine %s: %s\n", name, other) })
	if err != nil {
		return err
	}
	defer lock.Release()
	lock.Doing("removing it")
	if err := nothing(); err != nil { // removed by another floe meanwhile
		return err
	}
	_, noDisk := os.Stat(disk)
	release, err := sh.Home.Hold(ctx, name) // 'floe run' starts one without the shelf's lock
	if err != nil {
		return err
	}
	defer release()
	notes, err := sh.Disconnect(name, clients())
	if err != nil {
		return err
	}
	if err := sh.ForgetKey(name, "", knownHosts()); err != nil {
		return err
	}
	if err := sh.ForgetSSH(name); err != nil {
		return err
	}
	if _, err := sh.ExcludeSSH(sshConfig()); err != nil {
		return err
	}
	if err := sh.Remove(name); err != nil {
		return err
	}
	if noDisk == nil && data {
		if err := os.Remove(disk); err != nil {
			return fault.New(fault.Missing, "remove the data disk of machine", name, err, "")
		}
	} else if noDisk == nil {
		notes = append(notes, "its data disk stays: "+disk+"; 'floe rm --data "+name+"' removes it")
	}
	for _, n := range notes {
		fmt.Fprintln(t.Err, "floe: note:", n)
	}
	return nil
}

// quiesce sees to it that a machine which is to be removed neither runs nor is about
// to: one that runs is powered off by force only, and one that another floe has in hand
// is that one's.
func (t *terminal) quiesce(ctx context.Context, name string, force bool) error {
	const op = "remove machine"
	if err := machines.CheckName(name); err != nil {
		return err
	}
	switch other, busy := shelf().Busy(name); {
	case errorIsNotRunning(name) && busy:
		return inHand(op, name, other, endIt(other)+"; then 'floe rm "+name+"'")
	case errorIsNotRunning(name):
		return nil
	case !force:
		return fault.New(fault.Usage, op, name, errors.New("it runs"), "'floe stop "+name+"' first, or --force")
	}
	return t.stop(ctx, name)
}

func envCommand(out *terminal) *cobra.Command {
	var shell string
	var unset bool
	cmd := &cobra.Command{
		Use:               "env [NAME]",
		Short:             "Print the variables by which docker and podman reach a machine",
		Long:              "Prints DOCKER_HOST for docker and CONTAINER_HOST for podman, as lines for a shell to take in.",
		Example:           "  eval \"$(floe env)\"\n  floe env box --shell fish | source\n  floe env --shell powershell | Out-String | Invoke-Expression",
		Args:              oneArgument,
		ValidArgsFunction: completeMachines,
		RunE: func(_ *cobra.Command, args []string) error {
			name := namedMachine(machineName, args)
			if !shelf().Known(name) && isMachine(name) || isTrial(name) {
				return fault.New(fault.Usage, "reach the container runtime of machine", name, errors.New("'floe run' started it, and set no clients up for it"),
					"'floe up' makes machines that docker and podman here know")
			}
			spec, err := shelf().Load(name)
			if err != nil {
				return err
			}
			if shell == "" {
				shell = orWord(os.Getenv("SHELL"), "sh")
			}
			variables, err := variablesOf(name, spec)
			if err != nil {
				return err
			}
			write, command := machines.Exports, "floe env "+name+" --shell "+shell
			if unset {
				write, command = machines.Unsets, command+" --unset"
			}
			text, err := write(shell, command, variables)
			out.print(text)
			return err
		},
	}
	cmd.Flags().StringVar(&shell, "shell", "", "`SHELL` to write for: bash, zsh, fish, powershell (default: $SHELL)")
	cmd.Flags().BoolVarP(&unset, "unset", "u", false, "forget the variables instead")
	_ = cmd.RegisterFlagCompletionFunc("shell", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return machines.Shells(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// variablesOf are the variables by which a machine's runtimes are reached.
func variablesOf(name string, spec machines.Spec) (list []machines.Variable, err error) {
	sh := shelf()
	user, port := orWord(spec.User, userName), spec.SSHPort
	if r, err := home().Load(name); err == nil { // as it is, whatever it is going to be
		user, port = orWord(r.Guest().User, user), r.State().SSHPort()
		r.Close()
	}
	targets := sh.Targets(name, user, port, sh.SSHConfigured(sshConfig()))
	for _, runtime := range spec.Runtimes {
		switch runtime {
		case steps.Docker:
			list = append(list, machines.Variable{Name: "DOCKER_HOST", Value: targets.Docker})
		case steps.Podman:
			list = append(list, machines.Variable{Name: "CONTAINER_HOST", Value: targets.Podman},
				machines.Variable{Name: "CONTAINER_SSHKEY", Value: sh.Identity})
		}
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Usage, "reach the container runtime of machine", name, errors.New("it has none"),
			"'floe up NAME --runtime docker' makes a machine that has")
	}
	return list, nil
}
