package disks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a machine made of files, laid out as the kernel does it.
type machine struct {
	t    testing.TB
	root string
	dirs map[string]string // folder in sysfs by name of the block device
}

func newMachine(t testing.TB) *machine {
	m := &machine{t: t, root: t.TempDir(), dirs: map[string]string{}}
	m.mounts("22 1 0:20 / / rw - rootfs rootfs rw")
	m.write("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
	m.mkdir("sys/block")
	return m
}

func (m *machine) system() System {
	in := func(name string) string { return filepath.Join(m.root, name) }
	return System{Sys: in("sys"), Proc: in("proc"), Dev: in("dev"), Udev: in("run/udev/data")}
}

func (m *machine) must(err error) {
	if err != nil {
		m.t.Helper()
		m.t.Fatal(err)
	}
}

func (m *machine) mkdir(path string) {
	m.must(os.MkdirAll(filepath.Join(m.root, path), 0o755))
}

func (m *machine) write(path, content string) *machine {
	m.mkdir(filepath.Dir(path))
	m.must(os.WriteFile(filepath.Join(m.root, path), []byte(content), 0o644))
	return m
}

// link makes a relative link from path to target, both in the machine.
func (m *machine) link(path, target string) *machine {
	m.mkdir(filepath.Dir(path))
	rel, err := filepath.Rel(filepath.Dir(path), target)
	m.must(err)
	m.must(os.Symlink(rel, filepath.Join(m.root, path)))
	return m
}

func (m *machine) mounts(lines ...string) *machine {
	return m.write("proc/self/mountinfo", strings.Join(lines, "\n")+"\n")
}

func (m *machine) swaps(lines ...string) *machine {
	return m.write("proc/swaps", "Filename Type Size Used Priority\n"+strings.Join(lines, "\n")+"\n")
}

// values are files of sysfs with their content.
type values map[string]string

func (m *machine) device(dir, name, number string, v values) {
	m.dirs[name] = dir
	m.write(dir+"/dev", number+"\n")
	for file, content := range v {
		m.write(dir+"/"+file, content+"\n")
	}
	m.mkdir(dir + "/holders")
	m.link("sys/dev/block/"+number, dir)
	m.link("sys/class/block/"+name, dir)
}

// disk adds a disk below the hardware at a path of /sys/devices. Its subsystem
// is that of the hardware.
func (m *machine) disk(hardware, subsystem, name, number string, bytes int64, v values) *machine {
	hardware = "sys/devices/" + hardware
	dir := hardware + "/block/" + name
	m.mkdir("sys/bus/" + subsystem)
	m.mkdir(hardware)
	if _, err := os.Lstat(filepath.Join(m.root, hardware, "subsystem")); err != nil {
		m.link(hardware+"/subsystem", "sys/bus/"+subsystem)
	}
	all := values{"size": fmt.Sprint(bytes / 512), "ro": "0", "removable": "0", "queue/logical_block_size": "512"}
	for file, content := range v {
		all[file] = content
	}
	m.device(dir, name, number, all)
	for file := range all {
		if strings.HasPrefix(file, "../../") { // an attribute of the hardware
			m.write(hardware+"/"+strings.TrimPrefix(file, "../../"), all[file]+"\n")
		}
	}
	m.link(dir+"/device", hardware)
	m.link("sys/block/"+name, dir)
	m.mkdir(dir + "/slaves")
	return m
}

const scsi = "/host6/target6:0:0/6:0:0:0"

// usb adds a disk on USB at a port.
func (m *machine) usb(port, name, number string, bytes int64, vendor, model, serial string, v values) *machine {
	device := "pci0000:00/0000:00:14.0/usb2/" + port
	m.write("sys/devices/"+device+"/idVendor", "0781\n").write("sys/devices/"+device+"/serial", serial+"\n")
	m.mkdir("sys/bus/usb")
	m.link("sys/devices/"+device+"/subsystem", "sys/bus/usb")
	m.link("sys/devices/"+device+"/"+port+":1.0/subsystem", "sys/bus/usb")
	all := values{"../../vendor": vendor, "../../model": model, "../../type": "0"}
	for file, content := range v {
		all[file] = content
	}
	return m.disk(device+"/"+port+":1.0"+scsi, "scsi", name, number, bytes, all)
}

// sata adds a disk on a SATA port.
func (m *machine) sata(port, name, number string, bytes int64, model, serial string) *machine {
	m.mkdir("sys/devices/pci0000:00/0000:00:17.0/" + port + "/ata_port/" + port)
	return m.disk("pci0000:00/0000:00:17.0/"+port+scsi, "scsi", name, number, bytes, values{
		"../../vendor": "ATA     ", "../../model": model, "../../type": "0",
		"../../vpd_pg80": "\x00\x80\x00" + string(rune(len(serial))) + serial,
	})
}

// part adds a partition.
func (m *machine) part(disk string, index int, name, number string, bytes int64, v values) *machine {
	all := values{"partition": fmt.Sprint(index), "start": fmt.Sprint(2048 * index), "size": fmt.Sprint(bytes / 512)}
	for file, content := range v {
		all[file] = content
	}
	m.device(m.dirs[disk]+"/"+name, name, number, all)
	return m
}

// stack adds a device on top of others.
func (m *machine) stack(name, number string, v values, slaves ...string) *machine {
	dir := "sys/devices/virtual/block/" + name
	m.device(dir, name, number, v)
	m.link("sys/block/"+name, dir)
	m.mkdir(dir + "/slaves")
	for _, s := range slaves {
		m.link(dir+"/slaves/"+s, m.dirs[s])
		m.link(m.dirs[s]+"/holders/"+name, dir)
	}
	return m
}

// find lists the disks by the kernel's names.
func (m *machine) find(o Options) map[string]Disk {
	m.t.Helper()
	list, err := m.system().List(o)
	m.must(err)
	found := map[string]Disk{}
	for _, d := range list {
		found[d.Kernel] = d
	}
	return found
}

const (
	gb = 1_000_000_000
	mb = 1_000_000
)

func mountLine(number, point, kind, source string) string {
	return fmt.Sprintf("30 22 %s / %s rw,relatime shared:1 - %s %s rw", number, point, kind, source)
}
