// Package disks sees the disks of this machine, knows one from another, and
// knows what the running system has on each of them.
//
// Everything comes from the kernel: sysfs (Documentation/ABI/testing/sysfs-block),
// /proc/self/mountinfo and /proc/swaps (proc_pid_mountinfo(5), proc_swaps(5)).
// udev's database is asked for what it alone knows, and may be missing. No
// other tool's output is parsed, and no decision rests on what a device is
// called: what carries the system is found by walking device numbers, slaves
// and holders through partitions, LUKS, LVM, md, multipath, btrfs and loops.
//
// The package opens no disk for writing and changes nothing; see package stick
// for that. Mounts of other mount namespaces cannot be seen from here: against
// those the writer opens a disk exclusively.
package disks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
)

// Bus is how a disk is attached.
type Bus string

// The buses that are told apart.
const (
	USB      Bus = "usb"
	SD       Bus = "sd"  // SD card in a slot of its own; card readers on USB are USB
	MMC      Bus = "mmc" // eMMC, soldered in
	NVMe     Bus = "nvme"
	SATA     Bus = "sata"
	SCSI     Bus = "scsi"
	FireWire Bus = "firewire"
	Virtio   Bus = "virtio"
	Loop     Bus = "loop"
	Other    Bus = ""
)

// Identity tells one disk from another. It comes from the kernel alone, so
// that two processes find the same whatever udev is doing.
type Identity struct {
	Number   Number `json:"number"`             // device number, "8:16"
	Vendor   string `json:"vendor,omitempty"`   // as the disk tells
	Model    string `json:"model,omitempty"`    // as the disk tells
	Serial   string `json:"serial,omitempty"`   // as the disk tells; of a loop device, its file
	WWN      string `json:"wwn,omitempty"`      // world-wide name, with its kind: "naa.5000c500..."
	Size     int64  `json:"size"`               // bytes
	Sequence uint64 `json:"sequence,omitempty"` // the kernel's count of disks that came; 0 before Linux 5.15
}

// Differs names what sets two identities apart; nil means the same disk, not
// unplugged in between.
func (i Identity) Differs(other Identity) (why []string) {
	for _, f := range []struct {
		name      string
		one, than any
	}{
		{"vendor", i.Vendor, other.Vendor}, {"model", i.Model, other.Model}, {"serial number", i.Serial, other.Serial},
		{"world-wide name", i.WWN, other.WWN}, {"size", i.Size, other.Size}, {"device number", i.Number, other.Number},
	} {
		if f.one != f.than {
			why = append(why, fmt.Sprintf("%s %v, not %v", f.name, other.show(f.than), i.show(f.one)))
		}
	}
	if i.Sequence != other.Sequence {
		why = append(why, "it was plugged in after the choice")
	}
	return why
}

func (Identity) show(v any) any {
	if v == "" {
		return "(none)"
	}
	return v
}

// Name is what a person calls the disk: vendor and model.
func (i Identity) Name() string {
	name := i.Model
	if i.Vendor != "" && !strings.HasPrefix(strings.ToLower(i.Model), strings.ToLower(i.Vendor)) {
		name = strings.TrimSpace(i.Vendor + " " + i.Model)
	}
	if name == "" {
		return "disk without a name"
	}
	return name
}

// serialTail is how many characters of a serial number are shown.
const serialTail = 8

// Tail is the end of the serial number, enough to tell two disks apart.
func (i Identity) Tail() string {
	if r := []rune(i.Serial); len(r) > serialTail {
		return string(r[len(r)-serialTail:])
	}
	return i.Serial
}

// HasSerial tells whether tail is the end of the disk's serial number, case
// aside. At least four characters count, or all of a shorter one.
func (i Identity) HasSerial(tail string) bool {
	const least = 4
	tail = strings.TrimSpace(tail)
	return i.Serial != "" && tail != "" && (len(tail) >= least || len(tail) == len(i.Serial)) &&
		strings.HasSuffix(strings.ToLower(i.Serial), strings.ToLower(tail))
}

// Key stands for the disk itself, whatever it is called after being plugged
// in again. Two disks that tell the same of themselves have the same key.
func (i Identity) Key() string {
	return fmt.Sprintf("%q %q %q %q %d", i.Vendor, i.Model, i.Serial, i.WWN, i.Size)
}

// Disk is a disk as it is now.
type Disk struct {
	Identity
	Kernel     string      `json:"name"` // the kernel's name for it, "sdb"
	Path       string      `json:"path"` // "/dev/sdb"
	Bus        Bus         `json:"bus,omitempty"`
	Sector     int         `json:"sector_size"` // logical, bytes
	Removable  bool        `json:"removable"`   // the medium is, as the disk tells; USB disks often deny it
	ReadOnly   bool        `json:"read_only"`
	FileSystem string      `json:"file_system,omitempty"` // on the whole disk, such as "iso9660"
	Label      string      `json:"label,omitempty"`
	Partitions []Partition `json:"partitions"`
	Uses       []Use       `json:"uses"`
}

// Partition is a partition of a disk.
type Partition struct {
	Kernel     string `json:"name"` // "sdb1"
	Number     Number `json:"number"`
	Index      int    `json:"index"` // counted from 1
	Start      int64  `json:"start"` // bytes
	Size       int64  `json:"size"`  // bytes
	Name       string `json:"label,omitempty"`
	FileSystem string `json:"file_system,omitempty"`
	Label      string `json:"file_system_label,omitempty"`
}

// Portable tells whether the disk is one that people carry about. USB disks
// count even where they call themselves fixed.
func (d Disk) Portable() bool {
	return d.Removable || slices.Contains([]Bus{USB, SD, FireWire}, d.Bus)
}

// large is from where on a disk is more than a stick, in bytes.
const large = 300e9

// Unusual tells why somebody may not mean this disk, or "".
func (d Disk) Unusual() string {
	switch {
	case d.Bus == Loop:
		return ""
	case !d.Portable():
		return "built into this machine"
	case d.Size > large:
		return "larger than a stick"
	}
	return ""
}

// Refused tells why an image of need bytes cannot go onto the disk, or "". It
// is the one rule that the list, the wizard and the writer share.
func (d Disk) Refused(need int64) string {
	for _, u := range d.Uses {
		if u.Firm {
			return u.String()
		}
	}
	switch {
	case d.Size == 0:
		return "no medium in it"
	case d.ReadOnly:
		return "read-only"
	case d.Size < need:
		return fmt.Sprintf("too small: %s, %s needed", humanize.Bytes(uint64(d.Size)), humanize.Bytes(uint64(need)))
	case d.Sector != 512:
		return fmt.Sprintf("its sectors have %d bytes, and images are laid out for 512 and would not boot: take another disk", d.Sector)
	}
	return ""
}

// Mounts are the mounts that the person can agree to lose.
func (d Disk) Mounts() (list []Use) {
	for _, u := range d.Uses {
		if u.Kind == Mount && !u.Firm {
			list = append(list, u)
		}
	}
	return list
}

// MountedOn are their mount points, as a person is shown them.
func (d Disk) MountedOn() (points []string) {
	for _, u := range d.Mounts() {
		points = append(points, u.What)
	}
	return points
}

// MountPoints are their mount points, as the kernel knows them.
func (d Disk) MountPoints() (points []string) {
	for _, u := range d.Mounts() {
		points = append(points, u.At)
	}
	return points
}

// Holds says in a few words what is on the disk.
func (d Disk) Holds() string {
	if len(d.Partitions) == 0 {
		switch {
		case d.FileSystem == "":
			return "no partitions"
		case d.Label != "":
			return d.FileSystem + " " + d.Label
		}
		return d.FileSystem
	}
	var list []string
	for _, p := range d.Partitions {
		name := p.Label
		if name == "" {
			name = p.Name
		}
		kind := p.FileSystem
		if kind == "" && name == "" {
			kind = humanize.Bytes(uint64(p.Size))
		}
		list = append(list, strings.TrimSpace(kind+" "+name))
	}
	return strings.Join(list, ", ")
}
