package stick_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"floe/assemble/archivetest"
	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/qemu"
)

// TestInsideQEMU runs the real floe, as a user with sudo, in a booted Floe
// beside disks that QEMU makes: what only hardware does.
func TestInsideQEMU(t *testing.T) {
	t.Parallel() // with what waits
	img := image(t, "stickbox")
	box := toolbox(t, img)
	disk := func(name string, size int64) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size*mib); err != nil {
			t.Fatal(err)
		}
		return path
	}
	archivetest.Seat(t)
	g := equipped(t, img, box,
		qemu.Data(disk("luks", 96), "lukslvm"), qemu.Data(disk("raid-1", 64), "raid1"), qemu.Data(disk("raid-2", 64), "raid2"),
		qemu.Extra(
			"-drive", "if=none,id=nvme,format=raw,file="+disk("nvme", 64), "-device", "nvme,drive=nvme,serial=NVME0001,logical_block_size=4096,physical_block_size=4096",
			"-drive", "if=none,id=card,format=raw,file="+disk("card", 64), "-device", "sdhci-pci", "-device", "sd-card,drive=card"))

	do := func(name string, what func()) {
		t.Run(name, func(t *testing.T) {
			if g.mute != nil { // each would wait as long as this one did
				t.Fatalf("the machine has not answered before: %v", g.mute)
			}
			g.t = t
			what()
		})
	}
	do("lists", g.lists)
	do("guards", g.guards)
	do("writes usb-storage", func() { g.writes(img) })
	do("writes usb-uas", func() { g.writesUAS(img) })
	do("unmounts, and the desktop mounts again", func() { g.unmounts(img) })
	for _, f := range failures {
		do(f.name, func() { g.fails(f) })
	}
	do("stalls", func() { g.stalls(img) })
	do("pulled before", g.pulledBefore)
	do("swapped for an equal one", g.swapped)
	// QEMU has been seen to end when a stick goes that it is writing to. That says
	// nothing of floe: the case is tried once more, in a machine of its own.
	for _, uas := range []bool{false, true} {
		name := "pulled while writing, " + map[bool]string{false: "usb-storage", true: "usb-uas"}[uas]
		g.fragile = true
		do(name, func() { g.pulledWhile(uas) })
		if g.ended {
			g = equipped(t, img, box)
			do(name+", again", func() { g.pulledWhile(uas) })
		}
	}
}

// lists: NVMe, an SD card and virtio disks are told apart, and large sectors
// refused.
func (g *guest) lists() {
	found := map[disks.Bus]listed{}
	for _, d := range g.list() {
		found[d.Bus] = d
	}
	if d := found[disks.NVMe]; d.Serial != "NVME0001" || !strings.Contains(d.Model, "QEMU NVMe") || !strings.Contains(d.Refused, "sectors have 4096 bytes") {
		g.t.Errorf("NVMe: %+v", d)
	}
	if d := found[disks.SD]; d.Size != 64*mib || d.Serial == "" {
		g.t.Errorf("SD card: %+v", d)
	}
	if len(found[disks.Virtio].Serial) == 0 {
		g.t.Errorf("virtio: %+v", found[disks.Virtio])
	}
	for _, d := range g.list() {
		if strings.HasPrefix(d.Kernel, "sr") || strings.HasPrefix(d.Kernel, "zram") {
			g.t.Errorf("%s is listed", d.Kernel)
		}
		if d.Serial == "toolbox" && !strings.Contains(d.Refused, "carries /run/toolbox") {
			g.t.Errorf("the disk with the tools: %q", d.Refused)
		}
	}
}

// guards meets LUKS, LVM and md as their own tools make them.
func (g *guest) guards() {
	luks, raid1, raid2 := g.sees("lukslvm"), g.sees("raid1"), g.sees("raid2")
	chroot := func(command string) { g.t.Helper(); g.say("sudo chroot " + tools + " sh -ec '" + command + "'") }
	const lvm = `--config "devices { use_devicesfile=0 } activation { udev_sync=0 udev_rules=0 } global { use_lvmlockd=0 }"`
	chroot("printf secret | cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 " + luks.Path + " -")
	chroot("printf secret | cryptsetup --disable-external-tokens --key-file=- open " + luks.Path + " vault")
	if why := g.sees("lukslvm").Refused; !strings.Contains(why, "is open as vault") {
		g.t.Errorf("LUKS: %q", why)
	}
	chroot("pvcreate " + lvm + " -y /dev/mapper/vault && vgcreate " + lvm + " vg /dev/mapper/vault && lvcreate " + lvm + " -y -Zn -Wn -n root -L 32M vg")
	g.say("sudo mke2fs -q /dev/mapper/vg-root 2>/dev/null || sudo mkfs.vfat /dev/mapper/vg-root; sudo mkdir -p /srv/lvm; sudo mount /dev/mapper/vg-root /srv/lvm")
	if why := g.sees("lukslvm").Refused; why != "carries /srv/lvm (vault, vg-root)" {
		g.t.Errorf("LVM on LUKS: %q", why)
	}
	chroot("mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 " + raid1.Path + " " + raid2.Path + " </dev/null")
	g.say("sudo mkfs.vfat /dev/md0; sudo mkdir -p /srv/md; sudo mount /dev/md0 /srv/md")
	for _, serial := range []string{"raid1", "raid2"} {
		d := g.sees(serial)
		if !strings.HasPrefix(d.Refused, "carries /srv/md (md0") {
			g.t.Errorf("%s: %q", serial, d.Refused)
		}
		out, code := g.try(fmt.Sprintf("%s write %s --to %s --serial %s", program, inside, d.Path, serial))
		if code != int(fault.Disk) || !strings.Contains(out, "/srv/md") {
			g.t.Errorf("%s: exit code %d\n%s", serial, code, out)
		}
	}
}

// write is 'floe write' in the guest, through sudo.
func (g *guest) write(d listed, flags string) (string, int) {
	g.t.Helper()
	return g.try(fmt.Sprintf("%s --progress plain write %s --to %s --serial %s %s", program, inside, d.Path, d.Serial, flags))
}

// written checks, on this side, what is on a stick: the image, and a
// partition table of the stick's own size.
func (g *guest) written(s stickDevice, image string) {
	g.t.Helper()
	if !disktest.Holds(g.t, s.file, image) {
		g.t.Error("the image is not on the stick")
	}
	f, err := os.Open(s.file)
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	table, err := iso.ReadGPT(f)
	if _, ok := table.Find(iso.DataName); err != nil || !ok {
		g.t.Errorf("%+v, %v", table, err)
	}
}

// cannotBoot checks that a stick has nothing to boot.
func (g *guest) cannotBoot(s stickDevice) {
	g.t.Helper()
	f, err := os.Open(s.file)
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	head, tail := make([]byte, mib), make([]byte, mib)
	if _, err := f.ReadAt(head, 0); err != nil {
		g.t.Fatal(err)
	}
	if _, err := f.ReadAt(tail, s.size-mib); err != nil {
		g.t.Fatal(err)
	}
	if len(bytes.Trim(head, "\x00")) > 0 || len(bytes.Trim(tail, "\x00")) > 0 {
		g.t.Error("there is something at its ends")
	}
}

func (g *guest) writes(image string) {
	s := g.newStick("good", "GOOD0001")
	g.plug(s)
	d := g.sees(s.serial)
	if d.Bus != disks.USB || d.Refused != "" || d.Size != s.size {
		g.t.Errorf("%+v", d)
	}
	out, code := g.write(d, "")
	if code != 0 || !strings.Contains(out, "safe to remove") {
		g.t.Fatalf("exit code %d\n%s", code, out)
	}
	now := g.sees(s.serial)
	if len(now.Partitions) != 3 || now.Partitions[2].Name != iso.DataName {
		g.t.Errorf("the guest's kernel sees %+v", now.Partitions)
	}
	// An unattended write never loses a data partition that nobody named.
	if out, code := g.write(now, ""); code != int(fault.Usage) || !strings.Contains(out, "--keep-data") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	if out, code := g.write(now, "--keep-data"); code != 0 || !strings.Contains(out, "kept as it was") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.pull(s) // it said that this is safe
	g.written(s, image)
}

func (g *guest) writesUAS(image string) {
	s := g.newStick("fast", "FAST0001")
	s.uas = true
	g.plug(s)
	d := g.sees(s.serial)
	if d.Bus != disks.USB {
		g.t.Errorf("%+v", d)
	}
	if driver := g.say("basename $(readlink -f /sys/block/" + d.Kernel + "/device/../../../driver)"); driver != "uas" {
		g.t.Errorf("the driver is %s", driver)
	}
	if out, code := g.write(d, ""); code != 0 || !strings.Contains(out, "safe to remove") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.pull(s)
	g.written(s, image)
}

// unmounts: what a person mounted is given up with the disk, what is busy is
// not, and a desktop that mounts it again at every chance harms nothing.
func (g *guest) unmounts(image string) {
	s := g.newStick("used", "USED0001")
	g.plug(s)
	d := g.sees(s.serial)
	g.say("sudo mkfs.vfat " + d.Path + " && sudo mkdir -p /media/used && sudo mount " + d.Path + " /media/used")
	end := g.aside("exec 3>/media/used/open; touch /tmp/aside; while [ -e /tmp/aside ]; do usleep 100000; done")
	if out, code := g.write(d, ""); code != int(fault.Disk) || !strings.Contains(out, "a program has a file or a folder open there") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	end()
	end = g.aside("touch /tmp/aside; while [ -e /tmp/aside ]; do grep -q /media/used /proc/mounts || mount " + d.Path + " /media/used; usleep 10000; done")
	out, code := g.write(d, "")
	lost := code == int(fault.Disk) && strings.Contains(out, "Nothing was changed") && strings.Contains(out, "has mounted it again")
	if code != 0 && !lost {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	end()
	if lost {
		if out, code := g.write(d, ""); code != 0 {
			g.t.Errorf("exit code %d\n%s", code, out)
		}
	}
	g.say("! grep -q /media/used /proc/mounts || sudo umount /media/used")
	g.pull(s)
	g.written(s, image)
}

// aside starts a script of root's beside the test, which makes /tmp/aside when
// it is under way and ends when that is gone.
func (g *guest) aside(script string) (end func()) {
	g.t.Helper()
	g.say("sudo rm -f /tmp/aside; (sudo sh -c '" + script + "; touch /tmp/ended' </dev/null >/dev/null 2>&1 &) ; " +
		"for i in $(seq 600); do [ -e /tmp/aside ] && exit 0; usleep 100000; done; exit 1")
	return func() {
		g.t.Helper()
		g.say("sudo rm -f /tmp/aside; for i in $(seq 600); do [ -e /tmp/ended ] && break; usleep 100000; done; sudo rm /tmp/ended")
	}
}

// failures are what goes wrong inside a stick.
var failures = []failure{
	{"EIO", broken(int(unix.EIO)), fault.Disk, "fails to write at 5.2 MB"},
	{"ends early and says so", broken(int(unix.ENOSPC)), fault.Disk, "it ends at 5.2 MB, before the size that it claims"},
	{"claims a size and holds nothing", func(s *stickDevice) []object {
		s.base = object{"driver": "null-co", "size": s.size, "read-zeroes": true}
		return nil
	}, fault.Verify, "claims more than it has"},
}

type failure struct {
	name  string
	harm  func(*stickDevice) (between []object)
	class fault.Class
	says  string
}

// broken has each write to a place fail.
func broken(errno int) func(*stickDevice) []object {
	return func(*stickDevice) []object {
		return []object{{"driver": "blkdebug", "inject-error": []object{
			{"event": "none", "iotype": "write", "errno": errno, "sector": 5 * mib / 512, "once": false, "immediately": false},
		}}}
	}
}

func (g *guest) fails(f failure) {
	id := fmt.Sprintf("worn%d", slices.IndexFunc(failures, func(o failure) bool { return o.name == f.name }))
	s := g.newStick(id, "WORN"+id)
	g.plug(s, f.harm(&s)...)
	d := g.sees(s.serial)
	out, code := g.write(d, "")
	if code != int(f.class) || !strings.Contains(out, f.says) || !strings.Contains(out, "does not boot") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.pull(s)
	if s.base["driver"] == "file" {
		g.cannotBoot(s)
	}
}
