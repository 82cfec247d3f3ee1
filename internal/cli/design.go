package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/bootcode"
	"floe/internal/fault"
	"floe/internal/machines"
	"floe/steps"
)

// sshConfigFlag is the flag of 'floe up' that leaves ssh's configuration alone.
const sshConfigFlag = "ssh-config"

// designed is a machine as it should be from now on.
type designed struct {
	name    string
	movable []int // ports of it that may get another one of this host
	known   bool  // it was there before
	changed bool  // it is not what it was
	gone    bool  // its image is not there
	rebuild bool  // its image has to be built, before it starts
	sized   bool  // somebody just said how large its data disk is
	spec    machines.Spec
	plan    *steps.Plan
}

// design makes of flags, and of what a machine was, what it is going to be. A
// machine that is there takes nothing from the environment or from a
// floe.toml that lies about: only from flags, and from its own files.
func design(cmd *cobra.Command, w wish) (*designed, error) {
	sh, flags := shelf(), cmd.Flags()
	if err := machines.CheckName(w.name); err != nil {
		return nil, err
	}
	d := &designed{name: w.name, known: sh.Known(w.name)}
	var known []steps.Source
	if w.image != "" {
		known = append(known, ofImage(w.image, "arch", "runtime"))
	}
	var was machines.Spec
	var planWas []byte
	var err error
	if d.known {
		if was, err = sh.Load(w.name); err != nil {
			return nil, err
		}
		planWas, _ = os.ReadFile(sh.PlanPath(w.name)) // it may not have one
		d.plan, err = planOf(cmd, was, known...)
	} else {
		d.plan, err = planHere(cmd, arch.Host(), known...)
	}
	if err != nil {
		return nil, err
	}
	d.spec = was
	d.spec.Ports = slices.Clone(was.Ports)
	d.spec.Arch, d.spec.Runtimes = d.plan.Arch, d.plan.Runtimes()
	d.spec.Memory, d.spec.CPUs, d.spec.Firmware = d.plan.Memory, d.plan.CPUs, d.plan.Firmware
	for flag, set := range map[string]func(){
		"disk":        func() { d.spec.Disk = w.disk },
		"ssh-port":    func() { d.takeSSHPort(w.sshPort) },
		"share":       func() { d.spec.Share = w.share },
		sshConfigFlag: func() { d.spec.SSHConfig = w.sshConfig },
	} {
		if !d.known || flags.Changed(flag) {
			set()
		}
	}
	if !d.known || flags.Changed("port") {
		movable, err := d.spec.TakePorts(w.ports)
		if err != nil {
			return nil, fault.New(fault.Usage, "describe machine", w.name, err, "'floe up --help' shows what it takes")
		}
		d.movable = append(d.movable, movable...)
	}
	if err := d.paths(w, sh); err != nil {
		return nil, err
	}
	d.sized = flags.Changed("disk")
	if !d.sized {
		d.usualDisk(was)
	}
	d.spec.User = d.user()
	if err := d.spec.Check(); err != nil {
		return nil, fault.New(fault.Usage, "describe machine", w.name, err, "'floe up --help' shows what it takes")
	}
	d.plan.Output = d.spec.Image
	for i, key := range d.plan.SSHKeys {
		if _, err := os.Stat(key); err == nil { // a file, named as seen from this folder
			if d.plan.SSHKeys[i], err = filepath.Abs(key); err != nil {
				return nil, err
			}
		}
	}
	plan, err := encodePlan(d.plan)
	if err != nil {
		return nil, err
	}
	replanned := d.spec.Plan != "" && d.known && imageShape(planWas) != imageShape(plan)
	d.changed = !d.known || replanned || !reflect.DeepEqual(normal(was), normal(d.spec))
	d.judgeImage(w, replanned)
	return d, nil
}

// takeSSHPort takes the port of this host that was asked for; for 0 the machine
// keeps the one that it has, as long as that is free.
func (d *designed) takeSSHPort(port int) {
	if port != 0 {
		d.spec.SSHPort = port
		return
	}
	d.movable = append(d.movable, machines.SSHGuestPort)
}

// userCode is the boot code that names the user.
const userCode = "user"

// user is who logs in to the machine, by the boot codes of its image.
func (d *designed) user() string {
	codes := d.plan.BootWords()
	if d.spec.Plan == "" {
		codes = assemble.ArgsOf(d.spec.Image)
	}
	return bootcode.Value(codes, userCode)
}

// loads are the runtimes that it has when it has booted.
func (d *designed) loads() []string {
	if d.spec.Plan == "" {
		return loads(d.spec.Image, nil)
	}
	return d.plan.Loads()
}

// normal makes specs that mean the same to a machine that runs equal: no ports and nil,
// for one. Who logs in is told by the image: a machine has it as it is. And what ssh knows
// of a machine is none of its business.
func normal(s machines.Spec) machines.Spec {
	s.User, s.SSHConfig = "", false
	s.Ports = append([]string{}, s.Ports...)
	s.Runtimes = append([]string{}, s.Runtimes...)
	return s
}

// planOf is the plan of a machine that is there: flags, then what is known of its
// new image, then its own file. What is of the machine rather than of its image
// comes from the spec.
func planOf(cmd *cobra.Command, was machines.Spec, known ...steps.Source) (*steps.Plan, error) {
	if cmd.Flags().Changed("config") {
		return planHere(cmd, arch.Host(), known...)
	}
	own := steps.Source{Name: "the machine", Given: map[string][]string{
		"arch": {was.Arch.String()}, "runtime": {runtimeWord(was.Runtimes)},
	}}
	if was.Plan != "" {
		file, err := steps.Load(was.Plan)
		if err != nil {
			return nil, fault.New(fault.Usage, "read what the image of machine is built from", was.Name, err,
				"mend that file, or 'floe rm "+was.Name+"' and make the machine anew; its data disk stays")
		}
		own.Given = file.Given
	}
	at := &steps.Plan{Memory: was.Memory, CPUs: was.CPUs, Firmware: was.Firmware}
	for _, step := range steps.All() {
		if slices.Contains([]string{"memory", "cpus", "firmware"}, step.Key) {
			own.Given[step.Key] = step.Values(at)
		}
	}
	plan, _, err := steps.Resolve(append(append([]steps.Source{flagSource(cmd)}, known...), own)...)
	return plan, err
}

// runtimeWord is a list of runtimes as the plan has it.
func runtimeWord(runtimes []string) string {
	return orWord(strings.Join(runtimes, ","), steps.NoRuntime)
}

// paths chooses the image and makes what a person named absolute.
func (d *designed) paths(w wish, sh machines.Shelf) (err error) {
	if d.spec.Share != "" {
		if d.spec.Share, err = filepath.Abs(d.spec.Share); err != nil {
			return err
		}
	}
	switch {
	case w.image != "":
		if d.spec.Image, err = filepath.Abs(w.image); err != nil {
			return err
		}
		d.spec.Plan = ""
	case d.spec.Image == "" || w.rebuild && d.spec.Plan == "":
		d.spec.Image, d.spec.Plan = sh.ImagePath(d.name), sh.PlanPath(d.name)
	}
	return nil
}

// judgeImage decides whether the image has to be built. A machine that runs does
// without the file.
func (d *designed) judgeImage(w wish, replanned bool) {
	_, err := os.Stat(d.spec.Image)
	d.gone = errors.Is(err, fs.ErrNotExist)
	d.changed = d.changed || w.rebuild
	d.rebuild = d.spec.Plan != "" && (d.gone || w.rebuild || replanned)
}

// startable finds what would keep the machine from starting, or floe from logging in.
func (d *designed) startable() error {
	if d.spec.Plan == "" && d.gone {
		return fault.New(fault.Missing, "boot machine", d.name, errors.New("its image "+d.spec.Image+" is gone"),
			"put it back, or 'floe up "+d.name+" --image IMAGE' takes another, 'floe up "+d.name+" --build' builds one")
	}
	if d.spec.Plan == "" && isCard(d.spec.Image) {
		return noMachine(d.spec.Image)
	}
	if d.spec.Plan != "" {
		if err := enterable(d.plan); err != nil {
			return err
		}
	}
	if err := enough(d.name, d.spec.Arch, d.spec.Memory, d.loads()); err != nil {
		return err
	}
	if _, _, err := diskExtents(d.spec.Disk); err != nil {
		return fault.New(fault.Usage, "describe machine", d.name, fmt.Errorf("disk: %w", err), "--disk takes a size such as 16G; '' for none")
	}
	if _, err := d.growth(); err != nil {
		return err
	}
	if d.spec.Share == "" {
		return nil
	}
	if info, err := os.Stat(d.spec.Share); err != nil || !info.IsDir() {
		return fault.New(fault.Missing, "share a folder with machine", d.name, fmt.Errorf("%s is not a folder of this host", d.spec.Share),
			"make it, or share another with --share; '' for none")
	}
	return nil
}

// keep writes the machine's files.
func (d *designed) keep(sh machines.Shelf) error {
	if err := sh.Save(d.name, d.spec); err != nil || d.spec.Plan == "" {
		return err
	}
	plan, err := encodePlan(d.plan)
	if err != nil {
		return err
	}
	return renameio.WriteFile(d.spec.Plan, plan, 0o600)
}

func encodePlan(p *steps.Plan) ([]byte, error) {
	var b bytes.Buffer
	_, err := p.WriteTo(&b)
	return b.Bytes(), err
}

// imageShape is a plan's file without what makes no difference to the image.
func imageShape(plan []byte) string {
	var lines []string
	for line := range strings.Lines(string(plan)) {
		key, _, _ := strings.Cut(line, " = ")
		if !strings.HasPrefix(line, "#") && !slices.Contains([]string{"memory", "cpus", "firmware", "mirror", "toolchain"}, key) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
