// Package qemu runs machines in QEMU: it writes their command lines, starts
// and ends them, follows their serial console and finds their ssh port.
//
// A Machine says what the machine is, a Program says which QEMU there is, an
// Accel says how the guest's processor is made, and a Home says where on this
// host machines keep their files. Args makes a command line of all that and
// touches nothing; Home.Start starts it.
//
// The package does not know how an image was made, prints nothing, asks
// nothing and never touches the person's terminal: it is given readers and
// writers. It knows the guest only by the lines that the guest prints on its
// console.
package qemu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"floe/internal/arch"
	"floe/internal/fault"
)

// Machine is what a machine is, apart from the host that runs it. Make one
// with New; its JSON form is part of a running machine's state file.
type Machine struct {
	// Name is the machine's name on this host: a file name of letters,
	// digits, dots, dashes and underscores.
	Name string `json:"name"`

	// Arch is the guest's architecture. It chooses the QEMU program, the
	// board ("q35" or "virt") and the names of devices.
	Arch arch.Arch `json:"arch"`

	// Memory is the guest's RAM in MiB.
	Memory int `json:"memory_mib"`

	// CPUs is the number of virtual processors.
	CPUs int `json:"cpus"`

	// Firmware is what runs first. An arm64 machine has no BIOS, and needs
	// none when it boots a kernel directly.
	Firmware Firmware `json:"firmware"`

	// Media are the drives, in the order in which the firmware tries them.
	Media []Medium `json:"media,omitempty"`

	// Kernel boots a kernel without a boot loader; see Direct.
	Kernel *DirectKernel `json:"kernel,omitempty"`

	// SSHPort is the port on 127.0.0.1 that reaches the guest's port 22.
	// 0 takes a free one, which Running.SSHAddr tells.
	SSHPort int `json:"ssh_port"`

	// Forwards are further ports of the host that reach the guest.
	Forwards []Forward `json:"forwards,omitempty"`

	// Shares are folders of the host that the guest can mount, over 9P
	// (virtio-9p).
	Shares []Share `json:"shares,omitempty"`

	// Isolated keeps the guest from reaching the host and the world; the
	// forwarded ports still work.
	Isolated bool `json:"isolated,omitempty"`

	// NoReboot makes QEMU exit when the guest reboots.
	NoReboot bool `json:"no_reboot,omitempty"`

	// Extra is appended to QEMU's arguments as it is.
	Extra []string `json:"extra,omitempty"`
}

// Firmware is what a machine runs first.
type Firmware string

// The firmwares.
const (
	BIOS Firmware = "bios" // SeaBIOS on amd64
	UEFI Firmware = "uefi" // OVMF or AAVMF, found by its descriptor
	Bare Firmware = "none" // nothing: arm64 with a kernel booted directly
)

// MediumKind is how a file is plugged into the machine.
type MediumKind string

// The kinds of media.
const (
	CDROM    MediumKind = "cd"   // a CD in a virtio SCSI drive
	USBStick MediumKind = "usb"  // a stick (usb-storage) in an xHCI port
	VirtDisk MediumKind = "disk" // a virtio disk
)

// Medium is a file on the host, seen by the guest as a drive.
type Medium struct {
	// Kind is how the file is plugged in.
	Kind MediumKind `json:"kind"`

	// Path is the file. New makes it absolute.
	Path string `json:"path"`

	// Format is how the file holds the drive: "" is raw, byte for byte.
	Format Format `json:"format,omitempty"`

	// Keep lets the guest's writes reach the file. Without it they go to a
	// temporary file and are gone when QEMU exits; a CD is never written.
	Keep bool `json:"keep,omitempty"`

	// Serial is the serial number that the guest sees; may be empty.
	Serial string `json:"serial,omitempty"`
}

// Format is a format of disk images.
type Format string

// The formats.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2" // grows on the host as the guest writes
)

// DirectKernel is a kernel that QEMU itself puts into the guest's memory.
type DirectKernel struct {
	Image   string   `json:"image"`   // path of a bzImage or an arm64 Image
	Initrds []string `json:"initrds"` // paths, concatenated in this order
	Append  string   `json:"append"`  // the kernel's command line
}

// Forward is a TCP port of the host's 127.0.0.1 that reaches the guest.
type Forward struct {
	Host  int `json:"host"`  // 0: one that is free
	Guest int `json:"guest"` // in the guest
}

// Share is a folder of the host that the guest mounts by its tag, as
// Documentation/filesystems/9p.rst has it: "mount -t 9p -o trans=virtio TAG
// DIR". What the guest makes there belongs to the person who runs QEMU.
type Share struct {
	Path string `json:"path"` // New makes it absolute
	Tag  string `json:"tag"`  // at most 31 bytes
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// check finds what can be known to be wrong before anything starts.
func (m Machine) check() error {
	switch {
	case !namePattern.MatchString(m.Name):
		return fmt.Errorf("a machine's name is 1 to 63 letters, digits, dots, dashes and underscores, not %q", m.Name)
	case !m.Arch.Known():
		return fmt.Errorf("unknown architecture %q", m.Arch)
	case m.Memory < 16:
		return fmt.Errorf("%d MiB of memory; at least 16 are needed", m.Memory)
	case m.CPUs < 1 || m.CPUs > 255:
		return fmt.Errorf("%d processors; 1 to 255 are possible", m.CPUs)
	case m.Firmware != BIOS && m.Firmware != UEFI && m.Firmware != Bare:
		return fmt.Errorf("unknown firmware %q; there are %q and %q", m.Firmware, BIOS, UEFI)
	case m.Arch == arch.ARM64 && m.Firmware == BIOS:
		return errors.New("an arm64 machine has no BIOS; choose UEFI")
	case m.Firmware == Bare && (m.Arch != arch.ARM64 || m.Kernel == nil):
		return errors.New("only an arm64 machine that boots a kernel directly does without firmware")
	case m.SSHPort < 0 || m.SSHPort > 65535:
		return fmt.Errorf("ssh port %d; ports are 1 to 65535, and 0 takes a free one", m.SSHPort)
	}
	return errors.Join(m.checkForwards(), m.checkMedia(), m.checkShares())
}

// checkShares knows that QEMU gives a mount tag 31 bytes (MAX_TAG_LEN with its
// NUL).
func (m Machine) checkShares() error {
	for _, s := range m.Shares {
		if !namePattern.MatchString(s.Tag) || len(s.Tag) > 31 {
			return fmt.Errorf("the tag of a shared folder is 1 to 31 letters, digits, dots, dashes and underscores, not %q", s.Tag)
		}
	}
	return nil
}

func (m Machine) checkForwards() error {
	for _, f := range m.Forwards {
		if f.Host < 0 || f.Host > 65535 || f.Guest < 1 || f.Guest > 65535 {
			return fmt.Errorf("forward of port %d to %d: ports are 1 to 65535", f.Host, f.Guest)
		}
	}
	return nil
}

// checkMedia knows that virtio gives a serial number 20 bytes.
func (m Machine) checkMedia() error {
	const room = 20
	for _, d := range m.Media {
		if len(d.Serial) > room {
			return fmt.Errorf("the serial number %q is longer than %d bytes", d.Serial, room)
		}
	}
	return nil
}

// files lists every file of the host that the machine reads.
func (m Machine) files() []string {
	var list []string
	for _, d := range m.Media {
		list = append(list, d.Path)
	}
	if m.Kernel != nil {
		list = append(append(list, m.Kernel.Image), m.Kernel.Initrds...)
	}
	return list
}

// checkFiles finds a medium or a kernel that is not there or not readable.
func (m Machine) checkFiles() error {
	for _, path := range m.files() {
		f, err := os.Open(path)
		if err == nil {
			var st os.FileInfo
			if st, err = f.Stat(); err == nil && st.IsDir() {
				err = errors.New("it is a folder")
			}
			f.Close()
		}
		if err != nil {
			return fault.New(fault.Missing, "start machine", m.Name, err,
				"build the image first, or name the file that should be booted")
		}
	}
	for _, s := range m.Shares {
		if !isDir(s.Path) {
			return fault.New(fault.Missing, "share a folder with machine", m.Name, fmt.Errorf("%s is not a folder of this host", s.Path),
				"make it, or share another")
		}
	}
	return nil
}

// absolute makes every path absolute: QEMU runs in another folder, and takes
// what stands before a colon in a relative path for a protocol.
func (m *Machine) absolute() error {
	paths := []*string{}
	for i := range m.Media {
		paths = append(paths, &m.Media[i].Path)
	}
	for i := range m.Shares {
		paths = append(paths, &m.Shares[i].Path)
	}
	if k := m.Kernel; k != nil {
		paths = append(paths, &k.Image)
		for i := range k.Initrds {
			paths = append(paths, &k.Initrds[i])
		}
	}
	for _, p := range paths {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	return nil
}
