package disks

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDescriptions reads disks of all kinds.
func TestDescriptions(t *testing.T) {
	m := newMachine(t)
	m.usb("2-1", "sda", "8:0", 16*gb, "SanDisk ", "Ultra Fit       ", "4C530001230915103182", values{"removable": "1", "diskseq": "9"})
	m.sata("ata1", "sdb", "8:16", 500*gb, "WDC WD5000AAKX-0", "WD-WCC2E0123456")
	m.disk("pci0000:00/0000:01:00.0/nvme/nvme0", "nvme", "nvme0n1", "259:0", 512*gb, values{
		"../../model": "Samsung SSD 980", "../../serial": "S64DNX0R", "wwid": "eui.002538"})
	m.disk("platform/mmc/mmc_host/mmc0/mmc0:aaaa", "mmc", "mmcblk0", "179:0", 32*gb, values{"../../name": "SU32G", "../../serial": "0x1d2e", "../../type": "SD"})
	m.disk("platform/mmc/mmc_host/mmc1/mmc1:0001", "mmc", "mmcblk1", "179:32", 8*gb, values{"../../name": "DG4008", "../../type": "MMC"})
	m.disk("platform/mmc/mmc_host/mmc1/mmc1:0001", "mmc", "mmcblk1boot0", "179:64", 4*mb, values{"ro_lock_until_next_power_on": "0"})
	m.disk("pci0000:00/0000:00:05.0/virtio2", "virtio", "vda", "254:0", 10*gb, values{"../../vendor": "0x1af4", "serial": "data"})
	m.disk("pci0000:00/0000:00:1f.0/ata9"+scsi, "scsi", "sr0", "11:0", 1*gb, values{"../../type": "5"})
	m.disk("virtual/nvme-fabrics/ctl/nvme1", "nvme", "nvme1c0n1", "259:9", 1*gb, values{"hidden": "1"})
	m.stack("zram0", "252:0", values{"size": "99"}).stack("dm-0", "253:0", values{"size": "99"}, "sdb")
	m.stack("loop0", "7:0", values{"size": "2048", "loop/backing_file": "/tmp/stick.img"}).stack("loop1", "7:1", nil)
	list, err := m.system().List(Options{Virtual: true})
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		bus                         Bus
		name, serial, wwn, notUsual string
	}
	want := map[string]line{
		"sda":     {USB, "SanDisk Ultra Fit", "4C530001230915103182", "", ""},
		"sdb":     {SATA, "WDC WD5000AAKX-0", "WD-WCC2E0123456", "", "built into this machine"},
		"nvme0n1": {NVMe, "Samsung SSD 980", "S64DNX0R", "eui.002538", "built into this machine"},
		"mmcblk0": {SD, "SU32G", "0x1d2e", "", ""},
		"mmcblk1": {MMC, "DG4008", "", "", "built into this machine"},
		"vda":     {Virtio, "virtio disk", "data", "", "built into this machine"},
		"loop0":   {Loop, "loop device", "/tmp/stick.img", "", ""},
	}
	for _, d := range list {
		if got := (line{d.Bus, d.Name(), d.Serial, d.WWN, d.Unusual()}); got != want[d.Kernel] {
			t.Errorf("%s: %+v, want %+v", d.Kernel, got, want[d.Kernel])
		}
		delete(want, d.Kernel)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	if last := list[len(list)-1]; last.Kernel != "sda" {
		t.Errorf("the last that came is not the last of the list, but %s", last.Kernel)
	}
	if _, err := json.Marshal(list); err != nil {
		t.Error(err)
	}
	if found := m.find(Options{}); found["loop0"].Kernel != "" || len(found) != 6 {
		t.Errorf("%d disks", len(found))
	}
}

// TestContents: with udev, and without it from the devices themselves.
func TestContents(t *testing.T) {
	m := newMachine(t).usb("2-1", "sda", "8:0", 16*gb, "A", "A", "1", nil)
	m.part("sda", 2, "sda2", "8:2", 4*mb, values{"uevent": "DEVTYPE=partition\nPARTNAME=EFI system partition"})
	m.part("sda", 10, "sda10", "8:10", 4*gb, nil).part("sda", 1, "sda1", "8:1", 4*gb, nil)
	fat := make([]byte, 512)
	copy(fat[54:], "FAT12   ")
	copy(fat[43:], "FLOE       ")
	ext := make([]byte, 4096)
	copy(ext[0x438:], "\x53\xef")
	copy(ext[0x478:], "data\x1b[2J\x00junk")
	m.write("dev/sda2", string(fat)).write("dev/sda10", string(ext))
	d := m.find(Options{})["sda"]
	if got := d.Holds(); got != "4.0 GB, vfat FLOE, ext4 data[2J" {
		t.Errorf("%q", got)
	}
	if d.Partitions[1].Name != "EFI system partition" {
		t.Errorf("%+v", d.Partitions)
	}
	m.write("run/udev/data/b8:1", "S:disk/by-id/x\nE:ID_FS_TYPE=exfat\nE:ID_FS_LABEL=MY_STICK\nE:ID_FS_LABEL_ENC=MY\\x20STICK\\x1b[0m\nG:systemd\n")
	if p := m.find(Options{})["sda"].Partitions[0]; p.FileSystem != "exfat" || p.Label != "MY STICK[0m" {
		t.Errorf("%+v", p)
	}
}

// TestEqualSticks: what is told apart, and what it takes to be the same.
func TestEqualSticks(t *testing.T) {
	m := newMachine(t)
	m.usb("2-1", "sda", "8:0", 16*gb, "Kingston", "DataTraveler", "AAAA1111", values{"diskseq": "5"})
	m.usb("2-2", "sdb", "8:16", 16*gb, "Kingston", "DataTraveler", "AAAA2222", values{"diskseq": "6"})
	m.usb("2-3", "sdc", "8:32", 16*gb, "Generic", "Flash Disk", "", values{"diskseq": "7"})
	found := m.find(Options{})
	a, b, c := found["sda"].Identity, found["sdb"].Identity, found["sdc"].Identity
	if a.Key() == b.Key() || a.Differs(a) != nil {
		t.Error("two sticks with serial numbers of their own are the same, or one is not itself")
	}
	if why := strings.Join(a.Differs(b), "; "); !strings.Contains(why, "serial number AAAA2222, not AAAA1111") {
		t.Errorf("%q", why)
	}
	for _, tt := range []struct {
		id   Identity
		tail string
		want bool
	}{{a, "1111", true}, {a, "aaaa1111", true}, {b, "1111", false}, {a, "111", false}, {a, "", false}, {c, "", false}, {c, "1111", false}, {Identity{Serial: "7"}, "7", true}} {
		if got := tt.id.HasSerial(tt.tail); got != tt.want {
			t.Errorf("%q with %q: %v", tt.id.Serial, tt.tail, got)
		}
	}
	// The same stick, plugged in again: it has another name, the same key, and
	// is not what was chosen.
	again := newMachine(t).usb("2-4", "sdd", "8:48", 16*gb, "Kingston", "DataTraveler", "AAAA1111", values{"diskseq": "8"})
	d := again.find(Options{})["sdd"].Identity
	if d.Key() != a.Key() || d.Differs(a) == nil {
		t.Errorf("%v %v", d.Key(), d.Differs(a))
	}
	// Even the same name, as after a swap for a stick without a serial number.
	e := c
	e.Sequence = 9
	if why := c.Differs(e); !slices.Contains(why, "it was plugged in after the choice") {
		t.Errorf("%q", why)
	}
}

// TestEachCounts: two disks that differ in one thing are two.
func TestEachCounts(t *testing.T) {
	one := Identity{Number: Number{8, 16}, Vendor: "v", Model: "m", Serial: "s", WWN: "w", Size: 512, Sequence: 3}
	for name, change := range map[string]func(*Identity){
		"vendor v, not other": func(i *Identity) { i.Vendor = "other" }, "model m, not other": func(i *Identity) { i.Model = "other" },
		"serial number s, not (none)": func(i *Identity) { i.Serial = "" }, "world-wide name w, not other": func(i *Identity) { i.WWN = "other" },
		"size 512, not 1024": func(i *Identity) { i.Size = 1024 }, "device number 8:16, not 8:32": func(i *Identity) { i.Number.Minor = 32 },
		"it was plugged in after the choice": func(i *Identity) { i.Sequence++ },
	} {
		chosen := one
		change(&chosen)
		if why := chosen.Differs(one); len(why) != 1 || why[0] != name {
			t.Errorf("%q, not %q", why, name)
		}
	}
}

// TestThisMachine reads the machine that runs the test: whatever it has, what
// carries / is refused.
func TestThisMachine(t *testing.T) {
	list, err := Here().List(Options{Virtual: true})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err) // a container may show no sysfs
	}
	if err != nil {
		t.Fatal(err)
	}
	root, _ := os.ReadFile("/proc/self/mountinfo")
	mounts, err := parseMounts(string(root))
	if err != nil {
		t.Fatal(err)
	}
	if here := covering(mounts, "/"); len(here) == 0 || here[len(here)-1].number.Major == 0 {
		t.Skip("/ is on no disk here")
	}
	if !slices.ContainsFunc(list, func(d Disk) bool { return strings.HasPrefix(d.Refused(0), "carries / ") || d.Refused(0) == "carries /" }) {
		t.Errorf("nothing carries /: %+v", list)
	}
}

func TestChanges(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Changes(ctx)
	<-c
	cancel()
	for range c {
	}
}

func FuzzMounts(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n36 35 0:1 / /a\\040b rw - btrfs /dev/sda:/dev/sdb rw", "/a b/c")
	f.Add("- - -\n1 2 3 4 5 6 - \\", "")
	f.Add("1 2 0:1 / / rw - a b rw\n2 1 0:1 / / rw - a b rw", "/")
	f.Fuzz(func(t *testing.T, text, path string) {
		list, _ := parseMounts(text)
		for _, m := range covering(list, path) {
			if !within(filepath.Clean(path), m.point) {
				t.Errorf("%q does not cover %q", m.point, path)
			}
			hidden(list, m)
		}
		parseSwaps(text)
	})
}

func FuzzUdev(f *testing.F) {
	f.Add("E:ID_FS_LABEL_ENC=a\\x20b\nE:X\nS:\\x", []byte("FAT12"))
	f.Fuzz(func(t *testing.T, text string, device []byte) {
		for _, v := range parseUdev(text) {
			if v != tame(v) {
				t.Errorf("%q is not harmless", v)
			}
		}
		if _, label := recognize(device); label != tame(label) {
			t.Errorf("%q is not harmless", label)
		}
	})
}

// FuzzSysfs fills the attributes of a stick, and of a device stacked on it,
// with anything: the guard must neither fail nor lose sight of it.
func FuzzSysfs(f *testing.F) {
	f.Add("16000000", "512", "1", "Model", "4C53", "vg-root", "8:0", "1")
	f.Add("-1", "99999999999999999999", "\x1b[2J", "\xff", "\x00", "", ":", "")
	f.Fuzz(func(t *testing.T, size, sector, removable, model, serial, dm, number, partition string) {
		m := newMachine(t)
		m.usb("2-1", "sda", "8:0", gb, "A", model, serial, values{"removable": removable, "queue/logical_block_size": sector})
		m.part("sda", 1, "sda1", "8:1", gb, values{"partition": partition})
		m.stack("dm-0", "253:0", values{"dm/name": dm, "loop/backing_file": model}, "sda1")
		m.write(m.dirs["sda"]+"/size", size)
		m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("253:0", "/srv", "ext4", "/dev/dm-0"))
		list, err := m.system().List(Options{Virtual: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if d.Kernel == "sda" && d.Refused(0) == "" {
				t.Errorf("what carries /srv is offered: %+v", d)
			}
			if d.Name() != tame(d.Name()) || d.Size < 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}

// TestSickDiskIsNotWaitedFor: a device that does not answer tells nothing, and holds nobody up.
func TestSickDiskIsNotWaitedFor(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	if b := inTime(time.Millisecond, func() []byte { <-never; return []byte("late") }); b != nil {
		t.Errorf("read %q", b)
	}
	if b := inTime(time.Hour, func() []byte { return []byte("soon") }); string(b) != "soon" {
		t.Errorf("read %q", b)
	}
}
