// Package machines keeps machines that stay: what each is like, in a TOML file
// of its own, whether it runs, and how other programs reach it: ssh, docker
// and podman.
//
// It does not build images and does not start or stop QEMU (package qemu does,
// and tells whether a machine runs), and it prints nothing. What belongs to a
// person, a docker context of the same name above all, it leaves alone.
package machines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"floe/internal/fault"
	"floe/internal/nearest"
	"floe/qemu"
)

// Shelf is where machines are kept on this host.
type Shelf struct {
	// Home is where they run. A machine's own file is in its folder there.
	Home qemu.Home

	// SSH is a folder for what OpenSSH reads: its configuration for all
	// machines, and their host keys.
	SSH string

	// Identity is the path of floe's own private key, in OpenSSH's format.
	Identity string
}

// The names of files in a machine's folder. Those of package qemu stand beside
// them.
const (
	specFile   = "machine.toml"
	planFile   = "plan.toml" // what its image is built from
	imageFile  = "floe.iso"  // the image, if floe built it for this machine
	madeFile   = "made.json" // contexts that were made for it
	wantedFile = "wanted"    // there while it should run: since 'up', until 'stop'
	bootIDFile = "/proc/sys/kernel/random/boot_id"
)

// Dir is a machine's folder.
func (s Shelf) Dir(name string) string { return s.Home.Files(name).Dir }

// PlanPath is where a machine keeps the plan of its image.
func (s Shelf) PlanPath(name string) string { return filepath.Join(s.Dir(name), planFile) }

// ImagePath is where a machine keeps an image of its own.
func (s Shelf) ImagePath(name string) string { return filepath.Join(s.Dir(name), imageFile) }

// namePattern is that of package qemu: a machine's name is a file name.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckName says what is wrong with a name for a machine.
func CheckName(name string) error {
	if namePattern.MatchString(name) {
		return nil
	}
	return fault.New(fault.Usage, "name machine", name,
		errors.New("a name is 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit first"), "")
}

// Names are the machines that have a file, in order.
func (s Shelf) Names() ([]string, error) {
	folders, err := os.ReadDir(s.Home.State) // in order
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, folder := range folders {
		if s.Known(folder.Name()) {
			names = append(names, folder.Name())
		}
	}
	return names, nil
}

// Known says whether a machine of that name has a file.
func (s Shelf) Known(name string) bool {
	if !namePattern.MatchString(name) {
		return false
	}
	_, err := os.Stat(filepath.Join(s.Dir(name), specFile))
	return err == nil
}

// Unknown is the error of a name that no machine has, with the nearest that
// one has.
func (s Shelf) Unknown(op, name string) error {
	names, _ := s.Names()
	hint := "'floe up " + name + "' makes it"
	if near := nearest.Word(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return fault.New(fault.Usage, op, name, errors.New("there is no such machine"), hint)
}

// Want notes that a machine should run from now on, or no longer. It is how
// one that died is told from one that was stopped.
func (s Shelf) Want(name string, run bool) error {
	path := filepath.Join(s.Dir(name), wantedFile)
	if !run {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return err
	}
	return os.WriteFile(path, boot, 0o600)
}

// Condition is how a machine is.
type Condition string

// The conditions.
const (
	Up      Condition = "running"
	Stopped Condition = "stopped"
	Dead    Condition = "dead" // it should run and does not; not one that powered itself off
	Busy    Condition = "busy" // it does not run, and another floe has it in hand
)

// Entry is a machine as a list shows it.
type Entry struct {
	Name      string
	Condition Condition
	Why       string      // of one that nobody stopped
	Kept      bool        // it has a file; otherwise 'floe run' started it
	Spec      Spec        // of one that has a file
	Running   *qemu.State // of one that runs
}

// List gives all machines, those that only run too, by name. A file that
// cannot be read is an error in the entry's Why.
func (s Shelf) List() ([]Entry, error) {
	running, err := s.Home.List()
	if err != nil {
		return nil, err
	}
	names, err := s.Names()
	if err != nil {
		return nil, err
	}
	states := map[string]*qemu.State{}
	for i := range running {
		name := running[i].Machine.Name
		states[name] = &running[i]
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list []Entry
	for _, name := range names {
		list = append(list, s.entry(name, states[name]))
	}
	return list, nil
}

func (s Shelf) entry(name string, state *qemu.State) Entry {
	e := Entry{Name: name, Condition: Stopped, Kept: s.Known(name), Running: state}
	if e.Kept {
		spec, err := s.Load(name)
		if err != nil {
			e.Why = err.Error()
		}
		e.Spec = spec
	}
	if state != nil {
		e.Condition = Up
		return e
	}
	if at, busy := s.Busy(name); busy {
		e.Condition, e.Why = Busy, at.String()
		return e
	}
	boot, err := os.ReadFile(filepath.Join(s.Dir(name), wantedFile))
	if err != nil {
		return e
	}
	now, err := os.ReadFile(bootIDFile)
	how, at := s.Home.LastEnding(name)
	switch {
	case how == qemu.PoweredOff:
		e.Why = "powered off from inside at " + at.Local().Format(time.DateTime)
	case err == nil && string(now) != string(boot):
		e.Condition, e.Why = Dead, "this host was started anew"
	case how == qemu.Panicked:
		e.Condition, e.Why = Dead, "its kernel panicked: 'floe logs "+name+"'"
	case how == "":
		e.Condition, e.Why = Dead, "it was broken off while it was started: 'floe up "+name+"' starts it"
	case how == qemu.Quit || how == qemu.Terminated:
		e.Condition, e.Why = Dead, "its QEMU was ended, but not by 'floe stop'"
	default:
		e.Condition, e.Why = Dead, "its QEMU was killed, or ended by an error: 'floe logs --qemu "+name+"'"
	}
	return e
}

// Remove removes a machine that does not run: its file, its image if floe built
// that for it, its logs. Images and disks elsewhere stay. The caller holds its lock.
func (s Shelf) Remove(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := os.RemoveAll(s.Dir(name)); err != nil {
		return fault.New(fault.Missing, "remove machine", name, err, "")
	}
	return nil
}
