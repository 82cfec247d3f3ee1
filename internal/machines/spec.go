package machines

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"github.com/pelletier/go-toml/v2"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/qemu"
	"floe/steps"
)

// Spec is what a machine is like, as its file has it. It says nothing of
// whether the machine runs.
type Spec struct {
	Name     string    `toml:"name" comment:"That of the folder in which this file is."`
	Arch     arch.Arch `toml:"arch" comment:"Of the machine: amd64 or arm64."`
	Runtimes []string  `toml:"runtimes" comment:"The container runtimes of its image."`
	User     string    `toml:"user" comment:"Who logs in there, by the boot codes of its image."`
	Image    string    `toml:"image" comment:"What it boots."`
	Plan     string    `toml:"plan" comment:"What the image is built from when it is not there; empty for an image from elsewhere."`
	Memory   int       `toml:"memory" comment:"In MiB."`
	CPUs     int       `toml:"cpus"`
	Firmware string    `toml:"firmware" comment:"bios, uefi, or auto for what suits the architecture."`
	Disk     string    `toml:"disk" comment:"Size of its data disk, which is made with it, and can grow; empty for none."`
	SSHPort  int       `toml:"ssh-port" comment:"On 127.0.0.1; 0 takes a free one, which is then kept here."`
	Ports    []string  `toml:"ports" comment:"Further ports, HOST:GUEST each; 0 on the left takes a free one."`
	Share    string    `toml:"share" comment:"A folder of this host, which the machine has at /mnt/host; empty for none."`

	// SSHConfig is true where a file does not say it.
	SSHConfig bool `toml:"ssh-config" comment:"Let ssh know a machine with docker by name, by an Include in ~/.ssh/config."`
}

const specHead = "# A machine of floe's. What is changed here counts from its next start.\n\n"

// Load reads a machine's file.
func (s Shelf) Load(name string) (Spec, error) {
	path := filepath.Join(s.Dir(name), specFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Spec{}, s.Unknown("look for machine", name)
	}
	var spec Spec
	if err == nil {
		spec, err = parseSpec(text)
	}
	switch {
	case err != nil:
	case spec.Name == "": // left out by whoever wrote the file
		spec.Name = name
	case spec.Name != name:
		err = fmt.Errorf("name: it is %q, and the folder's is %q", spec.Name, name)
	}
	if err != nil {
		return Spec{}, fault.New(fault.Usage, "read machine", path, err, "mend the file, or 'floe rm "+name+"' and make the machine anew; its data disk stays")
	}
	return spec, nil
}

// otherKind is how the decoder says that a value is of another kind than the field of Spec.
var otherKind = regexp.MustCompile(`^cannot decode TOML (\S+) into struct field machines\.Spec\.\S+ of type (\S+)$`)

// kindWords are the types of Spec's fields, and of what is in them, in words.
var kindWords = map[string]string{
	"int": "a whole number", "bool": "true or false", "string": "a text in quotes", "arch.Arch": "a text in quotes",
	"[]string": "a list of texts in quotes",
}

func parseSpec(text []byte) (Spec, error) {
	spec := Spec{SSHConfig: true}
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&spec)
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		return Spec{}, fmt.Errorf("unknown key %q", strings.Join(strict.Errors[0].Key(), "."))
	}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := bad.Position()
		what := strings.TrimPrefix(bad.Error(), "toml: ")
		if kind := otherKind.FindStringSubmatch(what); kind != nil {
			what = fmt.Sprintf("%s: it is to be %s, not a TOML %s", strings.Join(bad.Key(), "."), kindWords[kind[2]], kind[1])
		}
		return Spec{}, fmt.Errorf("line %d, column %d: %s", line, column, what)
	}
	if err != nil {
		return Spec{}, err
	}
	return spec, spec.Check()
}

// Save writes a machine's file in one step, and makes the machine's folder.
func (s Shelf) Save(name string, spec Spec) error {
	spec.Name = name
	err := spec.Check()
	if err == nil {
		err = CheckName(name)
	}
	if err != nil {
		return fault.New(fault.Usage, "describe machine", name, err, "")
	}
	text, err := spec.encode()
	if err == nil {
		err = os.MkdirAll(s.Dir(name), 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(filepath.Join(s.Dir(name), specFile), text, 0o600)
	}
	if err != nil {
		return fault.New(fault.Missing, "keep machine", name, err, "see to it that there is room in "+s.Home.State+", and that it is yours to write")
	}
	return nil
}

func (sp Spec) encode() ([]byte, error) {
	text, err := toml.Marshal(sp)
	return append([]byte(specHead), text...), err
}

// Check finds what can be known to be wrong of a spec by itself.
func (sp Spec) Check() error {
	switch {
	case !sp.Arch.Known():
		return fmt.Errorf("arch: %q is none that floe knows", sp.Arch)
	case sp.Image == "":
		return errors.New("image: it is missing")
	case sp.Memory < 16:
		return fmt.Errorf("memory: %d MiB; at least 16 are needed", sp.Memory)
	case sp.CPUs < 1 || sp.CPUs > 255:
		return fmt.Errorf("cpus: %d; 1 to 255 are possible", sp.CPUs)
	case !slices.Contains([]string{"", steps.AutoFirmware, string(qemu.BIOS), string(qemu.UEFI)}, sp.Firmware):
		return fmt.Errorf("firmware: %q is none of %s, %s and %s", sp.Firmware, steps.AutoFirmware, qemu.BIOS, qemu.UEFI)
	case sp.SSHPort < 0 || sp.SSHPort > 65535:
		return fmt.Errorf("ssh-port: %d; ports are 1 to 65535, and 0 takes a free one", sp.SSHPort)
	case sp.Share != "" && !filepath.IsAbs(sp.Share):
		return fmt.Errorf("share: %s is not an absolute path", sp.Share)
	}
	_, err := sp.Forwards()
	return err
}

// Forwards are the further ports.
func (sp Spec) Forwards() ([]qemu.Forward, error) {
	var list []qemu.Forward
	for _, p := range sp.Ports {
		f, err := parseForward(p)
		if err != nil {
			return nil, err
		}
		same := func(o qemu.Forward) bool { return o.Host == f.Host && f.Host != 0 }
		if slices.ContainsFunc(list, same) || f.Host != 0 && f.Host == sp.SSHPort {
			return nil, fmt.Errorf("ports: %d of this host is there twice", f.Host)
		}
		list = append(list, f)
	}
	return list, nil
}

// parseForward reads HOST:GUEST, or one port that is the same on both sides.
func parseForward(text string) (qemu.Forward, error) {
	host, guest, two := strings.Cut(text, ":")
	if !two {
		guest = host
	}
	h, errHost := strconv.Atoi(host)
	g, errGuest := strconv.Atoi(guest)
	if errHost != nil || errGuest != nil || h < 0 || h > 65535 || g < 1 || g > 65535 {
		return qemu.Forward{}, fmt.Errorf("ports: %q is not HOST:GUEST, two numbers from 1 to 65535", text)
	}
	return qemu.Forward{Host: h, Guest: g}, nil
}

// listen takes a port of this host, 0 for any that is free. A QEMU that was
// killed holds its ports until the last of its threads has ended, so a port
// that is taken is tried again for a moment.
func listen(port int) (l net.Listener, err error) {
	for range 20 {
		l, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return l, err
}

// TakePorts takes ports that a person asks for, HOST:GUEST each, where the machine
// may have some already: for 0 it keeps the one that it has. It gives those of the
// guest for which ChoosePorts may then take another.
func (sp *Spec) TakePorts(wanted []string) (movable []int, err error) {
	had, err := sp.Forwards()
	if err != nil {
		return nil, err
	}
	var ports []string
	for _, p := range wanted {
		f, err := parseForward(p)
		if err != nil {
			return nil, err
		}
		if f.Host == 0 {
			movable = append(movable, f.Guest)
			if i := slices.IndexFunc(had, func(h qemu.Forward) bool { return h.Guest == f.Guest }); i >= 0 {
				f.Host = had[i].Host
				had = slices.Delete(had, i, i+1)
			}
		}
		ports = append(ports, fmt.Sprintf("%d:%d", f.Host, f.Guest))
	}
	sp.Ports = ports
	return movable, nil
}

// SSHGuestPort is where a machine's ssh listens.
const SSHGuestPort = 22

// ChoosePorts puts a free port of this host wherever one should be taken, and
// checks that the others are free, or takes another if that of the guest is
// movable. They are kept from then on.
func (sp *Spec) ChoosePorts(name string, movable ...int) error {
	forwards, err := sp.Forwards()
	if err != nil {
		return err
	}
	// Held until all are chosen, so that none is chosen twice.
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	take := func(port, guest int, hint string) (int, error) {
		l, err := listen(port)
		if err != nil && slices.Contains(movable, guest) {
			l, err = listen(0)
		}
		switch {
		case err == nil:
			held = append(held, l)
			return l.Addr().(*net.TCPAddr).Port, nil
		case errors.Is(err, syscall.EADDRINUSE):
			err = errors.New("another program listens there")
		case errors.Is(err, syscall.EACCES):
			err, hint = errors.New("ports below 1024 are root's"), "take one from 1024 on"
		}
		return 0, fault.New(fault.Missing, fmt.Sprintf("take port %d of 127.0.0.1 for machine", port), name, err, hint)
	}
	if sp.SSHPort, err = take(sp.SSHPort, SSHGuestPort, "end that program, or 'floe up "+name+" --ssh-port 0' takes a free port"); err != nil {
		return err
	}
	for i, f := range forwards {
		if f.Host, err = take(f.Host, f.Guest, "end that program, or 'floe up "+name+freeOne(forwards, i)+"' takes a free port"); err != nil {
			return err
		}
		sp.Ports[i] = fmt.Sprintf("%d:%d", f.Host, f.Guest)
	}
	return nil
}

// freeOne are the flags that take a free port for the i-th of the forwards, and leave the
// others as they are: all are named, since --port says which there are.
func freeOne(forwards []qemu.Forward, i int) (flags string) {
	for j, f := range forwards {
		if j == i {
			f.Host = 0
		}
		flags += fmt.Sprintf(" --port %d:%d", f.Host, f.Guest)
	}
	return flags
}

// shareTag is the shared folder's tag: Floe mounts what has one at /mnt/TAG.
const shareTag = "host"

// SharePoint is where a machine has the shared folder.
const SharePoint = "/mnt/" + shareTag

// Options are the parts of a machine that only its spec knows: forwarded
// ports and the shared folder.
func (sp Spec) Options() (qemu.Option, error) {
	forwards, err := sp.Forwards()
	if err != nil {
		return nil, err
	}
	var list []qemu.Option
	for _, f := range forwards {
		list = append(list, qemu.Port(f.Host, f.Guest))
	}
	if sp.Share != "" {
		list = append(list, qemu.ShareFolder(sp.Share, shareTag))
	}
	return qemu.All(list...), nil
}
