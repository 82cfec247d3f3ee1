package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/sshclient"
	"floe/qemu"
)

// shelf is where this person's machines are kept.
func shelf() machines.Shelf {
	return machines.Shelf{
		Home: home(), SSH: filepath.Join(xdg.DataHome, "floe", "ssh"),
		Identity: filepath.Join(identityDir(), sshclient.KeyFile),
	}
}

// clients are the container clients' files of this person.
func clients() machines.Clients { return machines.FindClients(os.Getenv, xdg.Home) }

// sshConfig is the person's own configuration of OpenSSH.
func sshConfig() string { return filepath.Join(xdg.Home, ".ssh", "config") }

// knownHosts are the hosts that the person's ssh clients know.
func knownHosts() string { return filepath.Join(xdg.Home, ".ssh", "known_hosts") }

// namedMachine is the machine that the first argument names, or the flag.
func namedMachine(flag string, args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return flag
}

// isMachine says whether there is a machine of that name, kept or only
// running.
func isMachine(name string) bool {
	if machines.CheckName(name) != nil {
		return false
	}
	if shelf().Known(name) {
		return true
	}
	_, err := os.Stat(home().Files(name).State)
	return err == nil
}

// loadMachine takes hold of a machine that runs.
func loadMachine(name string) (*qemu.Running, error) {
	r, err := home().Load(name)
	if err == nil || !errors.Is(err, qemu.ErrNotRunning) {
		return r, err
	}
	if other, busy := shelf().Busy(name); busy {
		return nil, inHand("look for machine", name, other, "'floe up "+name+"' waits until it is ready")
	}
	if !shelf().Known(name) {
		return nil, shelf().Unknown("look for machine", name)
	}
	return nil, fault.New(fault.Usage, "look for machine", name, errors.New("it does not run"), "'floe up "+name+"' starts it")
}

// inHand is the error of whoever wants something of a machine that does not run, but
// that another floe has in hand.
func inHand(op, name string, other machines.Work, hint string) error {
	return fault.New(fault.Usage, op, name, errors.New("it does not run: "+other.String()), hint)
}

// endIt says how the floe is ended that has a machine in hand.
func endIt(other machines.Work) string {
	return fmt.Sprintf("that one ends by Ctrl-C there, or by 'kill %d'", other.Floe.PID)
}

// completeMachines completes the name of a machine.
func completeMachines(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		list, _ := shelf().List()
		for _, e := range list {
			names = append(names, e.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
