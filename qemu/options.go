package qemu

import (
	"fmt"
	"slices"

	"floe/internal/arch"
	"floe/internal/fault"
)

// Option is one thing said about a machine.
type Option func(*Machine) error

// New describes a machine: 256 MiB, one processor, network, and whatever the
// options say, in their order. Without a word on it the firmware is BIOS on
// amd64, and on arm64 UEFI, or none for a kernel booted directly. The error
// is a fault.Usage.
func New(name string, a arch.Arch, options ...Option) (Machine, error) {
	m := Machine{Name: name, Arch: a, Memory: 256, CPUs: 1}
	err := All(options...)(&m)
	switch {
	case m.Firmware != "":
	case a != arch.ARM64:
		m.Firmware = BIOS
	case m.Kernel != nil:
		m.Firmware = Bare
	default:
		m.Firmware = UEFI
	}
	if err == nil {
		err = m.absolute()
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return Machine{}, fault.New(fault.Usage, "describe machine", name, err, "")
	}
	return m, nil
}

// All is several options as one.
func All(options ...Option) Option {
	return func(m *Machine) error {
		for _, o := range options {
			if err := o(m); err != nil {
				return err
			}
		}
		return nil
	}
}

// IfArch applies options to machines of one architecture only.
func IfArch(a arch.Arch, options ...Option) Option {
	return func(m *Machine) error {
		if m.Arch != a {
			return nil
		}
		return All(options...)(m)
	}
}

// ByArch applies the option of the machine's architecture. An architecture
// without one is an error.
func ByArch(choice map[arch.Arch]Option) Option {
	return func(m *Machine) error {
		o, ok := choice[m.Arch]
		if !ok {
			return fmt.Errorf("nothing is chosen for architecture %s", m.Arch)
		}
		return o(m)
	}
}

// Memory sets the guest's RAM in MiB.
func Memory(mib int) Option { return set(func(m *Machine) { m.Memory = mib }) }

// CPUs sets the number of virtual processors.
func CPUs(n int) Option { return set(func(m *Machine) { m.CPUs = n }) }

// With sets the firmware.
func With(f Firmware) Option { return set(func(m *Machine) { m.Firmware = f }) }

// Boot plugs in an image as a medium of the kind. What the guest writes to it
// is forgotten when the machine ends.
func Boot(kind MediumKind, image string) Option { return Plug(Medium{Kind: kind, Path: image}) }

// Plug adds a medium. The firmware tries media in the order of the options.
func Plug(d Medium) Option {
	return func(m *Machine) error {
		if !slices.Contains([]MediumKind{CDROM, USBStick, VirtDisk}, d.Kind) {
			return fmt.Errorf("unknown kind of medium %q", d.Kind)
		}
		if !slices.Contains([]Format{"", Raw, QCOW2}, d.Format) {
			return fmt.Errorf("unknown format of a medium %q", d.Format)
		}
		if d.Path == "" {
			return fmt.Errorf("a medium of kind %q without a file", d.Kind)
		}
		m.Media = append(m.Media, d)
		return nil
	}
}

// Data adds a virtio disk that keeps what is written to it. The guest sees
// the serial as /dev/disk/by-id/virtio-SERIAL; at most 20 bytes.
func Data(path, serial string) Option {
	return Plug(Medium{Kind: VirtDisk, Path: path, Keep: true, Serial: serial})
}

// Direct boots a kernel without firmware or boot loader in between. The
// initrds are concatenated, as a boot loader does with several.
func Direct(kernel string, initrds []string, cmdline string) Option {
	return set(func(m *Machine) {
		m.Kernel = &DirectKernel{Image: kernel, Initrds: slices.Clone(initrds), Append: cmdline}
	})
}

// SSH chooses the port of the host's 127.0.0.1 that reaches the guest's ssh.
// 0, which is also the default, takes a free one.
func SSH(port int) Option { return set(func(m *Machine) { m.SSHPort = port }) }

// Port forwards a port of the host's 127.0.0.1 to one of the guest.
func Port(host, guest int) Option {
	return set(func(m *Machine) { m.Forwards = append(m.Forwards, Forward{host, guest}) })
}

// ShareFolder lets the guest mount a folder of the host by a tag.
func ShareFolder(path, tag string) Option {
	return set(func(m *Machine) { m.Shares = append(m.Shares, Share{path, tag}) })
}

// Isolated keeps the guest from reaching the host and the world.
func Isolated() Option { return set(func(m *Machine) { m.Isolated = true }) }

// NoReboot makes QEMU exit when the guest reboots.
func NoReboot() Option { return set(func(m *Machine) { m.NoReboot = true }) }

// Extra appends arguments to QEMU's, as they are.
func Extra(args ...string) Option {
	return set(func(m *Machine) { m.Extra = append(m.Extra, args...) })
}

func set(f func(*Machine)) Option {
	return func(m *Machine) error { f(m); return nil }
}
