package disks

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Options say what to look for.
type Options struct {
	Virtual bool     // loop devices with a file as well
	Protect []string // paths whose disk the system needs, such as the home folder
}

// List sees the disks, in the order in which they came. Disks come with what
// the running system has on them.
func (s System) List(o Options) ([]Disk, error) {
	w, err := s.watchful(o.Protect)
	if err != nil {
		return nil, err
	}
	names := entries(s.Sys, "block")
	if names == nil {
		return nil, &fs.PathError{Op: "list", Path: filepath.Join(s.Sys, "block"), Err: errors.New("no disks can be seen")}
	}
	var list []Disk
	for _, name := range names {
		dir, err := filepath.EvalSymlinks(filepath.Join(s.Sys, "block", name))
		if err != nil {
			continue // it went away
		}
		if d, ok := s.disk(dir); ok && (d.Bus != Loop || o.Virtual) {
			w.examine(&d)
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(a, b Disk) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(len(a.Kernel), len(b.Kernel)), cmp.Compare(a.Kernel, b.Kernel))
	})
	return list, nil
}

// ByNumber sees the disk with a device number.
func (s System) ByNumber(n Number, o Options) (Disk, error) {
	o.Virtual = true
	list, err := s.List(o)
	if err != nil {
		return Disk{}, err
	}
	for _, d := range list {
		if d.Number == n {
			return d, nil
		}
		for _, p := range d.Partitions {
			if p.Number == n {
				return Disk{}, errors.New("it is a partition of " + d.Path + ", not a disk")
			}
		}
	}
	return Disk{}, errors.New("no disk has the device number " + n.String())
}

// Has tells whether a disk is still there, and never was unplugged.
func (s System) Has(i Identity) bool {
	dir, ok := s.block(i.Number)
	return ok && uint64(count(dir, "diskseq")) == i.Sequence
}

// block gives the folder of a block device.
func (s System) block(n Number) (dir string, ok bool) {
	dir, err := filepath.EvalSymlinks(filepath.Join(s.Sys, "dev", "block", n.String()))
	return dir, err == nil
}

// disk reads a disk. It is none if no hardware is behind it, such as RAM and
// what is stacked on other devices, or if it is no place for data: CDs, paths
// to a disk that has a name already, boot areas of eMMC.
func (s System) disk(dir string) (d Disk, ok bool) {
	number, err := parseNumber(attribute(dir, "dev"))
	if err != nil {
		return d, false
	}
	d = Disk{Kernel: filepath.Base(dir), Partitions: []Partition{}, Uses: []Use{}}
	d.Path = "/dev/" + strings.ReplaceAll(d.Kernel, "!", "/")
	d.Number = number
	d.Size = bytesOf(dir, "size")
	d.Sequence = uint64(count(dir, "diskseq"))
	d.Removable = attribute(dir, "removable") == "1"
	d.ReadOnly = attribute(dir, "ro") == "1"
	d.Sector = int(count(dir, "queue", "logical_block_size"))
	if d.Sector == 0 {
		d.Sector = sectors
	}
	if file := attribute(dir, "loop", "backing_file"); file != "" {
		d.Bus, d.Model, d.Serial = Loop, "loop device", file
	} else if !exists(dir, "device") || s.odd(dir) {
		return d, false
	} else {
		s.describe(&d, dir)
	}
	s.contents(&d, dir)
	return d, true
}

// odd tells of a block device with hardware behind it that it is no disk.
func (s System) odd(dir string) bool {
	const cdrom, memory = "5", "mtd" // SCSI's peripheral device type; raw flash
	kind, _ := filepath.EvalSymlinks(filepath.Join(dir, "device", "subsystem"))
	return attribute(dir, "hidden") == "1" || exists(dir, "ro_lock_until_next_power_on") ||
		filepath.Base(kind) == "scsi" && attribute(dir, "device", "type") == cdrom || filepath.Base(kind) == memory
}

// describe reads who made the disk and how it is attached.
func (s System) describe(d *Disk, dir string) {
	device := filepath.Join(dir, "device")
	usb := ""
	d.Bus, usb = s.bus(dir)
	d.Model = cmp.Or(attribute(device, "model"), attribute(device, "name"))
	if v := attribute(device, "vendor"); !strings.HasPrefix(v, "0x") && v != "ATA" {
		d.Vendor = v // others give a number, or the name of a protocol
	}
	d.Serial = cmp.Or(attribute(dir, "serial"), attribute(device, "serial"))
	if usb != "" {
		d.Serial = cmp.Or(d.Serial, attribute(usb, "serial"))
		d.Model = cmp.Or(d.Model, attribute(usb, "product"))
		d.Vendor = cmp.Or(d.Vendor, attribute(usb, "manufacturer"))
	}
	d.Serial = cmp.Or(d.Serial, vpdSerial(device))
	if d.Bus == Virtio && d.Model == "" {
		d.Model = "virtio disk"
	}
	d.WWN = cmp.Or(attribute(dir, "wwid"), attribute(device, "wwid"), attribute(device, "cid"))
}

// vpdSerial reads the serial number of a SCSI or SATA disk from its vital
// product data, page 0x80: a header of four bytes, the last of which is the
// length (SPC-4, 7.8.15).
func vpdSerial(device string) string {
	page, err := readFile(filepath.Join(device, "vpd_pg80"))
	if err != nil || len(page) < 4 || page[1] != 0x80 {
		return ""
	}
	page = page[4:min(len(page), 4+int(page[3]))]
	return tame(string(bytes.TrimRight(page, "\x00")))
}

// bus walks from a disk up to what it is attached to. Of a USB disk the USB
// device is given too.
func (s System) bus(dir string) (bus Bus, usb string) {
	top, err := filepath.EvalSymlinks(s.Sys)
	if err != nil {
		return Other, ""
	}
	bus = Other
	for at := dir; strings.HasPrefix(at, top+"/"); at = filepath.Dir(at) {
		link, _ := filepath.EvalSymlinks(filepath.Join(at, "subsystem"))
		switch filepath.Base(link) {
		case "usb":
			if exists(at, "idVendor") { // the device, not one of its interfaces
				return USB, at
			}
		case "mmc":
			if attribute(at, "type") == "MMC" {
				return MMC, ""
			}
			return SD, ""
		case "nvme", "nvme-subsystem":
			return NVMe, ""
		case "virtio":
			return Virtio, ""
		case "firewire":
			return FireWire, ""
		case "scsi":
			bus = SCSI
		}
		if bus == SCSI && exists(at, "ata_port") {
			return SATA, ""
		}
	}
	return bus, ""
}

// contents reads the partitions and what they hold.
func (s System) contents(d *Disk, dir string) {
	_, d.FileSystem, d.Label = s.content(d.Number, d.Kernel)
	for _, name := range entries(dir) {
		index := count(dir, name, "partition")
		number, err := parseNumber(attribute(dir, name, "dev"))
		if index == 0 || err != nil {
			continue
		}
		p := Partition{Kernel: name, Number: number, Index: int(index), Start: bytesOf(dir, name, "start"), Size: bytesOf(dir, name, "size")}
		p.Name, p.FileSystem, p.Label = s.content(number, name)
		p.Name = cmp.Or(uevent(dir, name)["PARTNAME"], p.Name)
		d.Partitions = append(d.Partitions, p)
	}
	slices.SortFunc(d.Partitions, func(a, b Partition) int { return cmp.Compare(a.Index, b.Index) })
}

// uevent reads the variables that the kernel sends with a device.
func uevent(elem ...string) map[string]string {
	b, err := readFile(filepath.Join(append(elem, "uevent")...))
	if err != nil {
		return nil
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			values[key] = tame(value)
		}
	}
	return values
}

// content tells what a block device holds: from udev's database, else by
// looking at it, which only root may.
func (s System) content(n Number, name string) (part, kind, label string) {
	if db, ok := s.udev(n); ok {
		return db["ID_PART_ENTRY_NAME"], db["ID_FS_TYPE"], cmp.Or(db["ID_FS_LABEL_ENC"], db["ID_FS_LABEL"])
	}
	kind, label = probe(filepath.Join(s.Dev, strings.ReplaceAll(name, "!", "/")))
	return "", kind, label
}

// udev reads the entry of a block device in udev's database.
func (s System) udev(n Number) (values map[string]string, ok bool) {
	b, err := readFile(filepath.Join(s.Udev, "b"+n.String()))
	if err != nil {
		return nil, false
	}
	return parseUdev(string(b)), true
}

// parseUdev reads the properties ("E:KEY=value") of an entry. Values may have
// bytes written as \x20.
func parseUdev(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "E:")
		key, value, ok2 := strings.Cut(rest, "=")
		if ok && ok2 {
			values[key] = tame(unescape(value, `\x`, 16, 2))
		}
	}
	return values
}

// unescape replaces a mark with digits behind it by the byte of that number.
func unescape(s, mark string, base, digits int) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, mark)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if len(after) >= digits {
			if n, err := strconv.ParseUint(after[:digits], base, 8); err == nil {
				b.WriteByte(byte(n))
				s = after[digits:]
				continue
			}
		}
		b.WriteString(mark)
		s = after
	}
}
