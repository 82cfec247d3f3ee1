package stick_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/stick"
	"floe/qemu"
)

// TestInsideQEMU runs the real floe, as a user with sudo, in a booted Floe
// beside disks that QEMU makes: what only hardware does.
func TestInsideQEMU(t *testing.T) {
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
	// USB Attached SCSI is plugged in from the start: QEMU's enclosure tells
	// nobody of a disk that comes later.
	fast := stickDevice{id: "fast", serial: "FAST0001", file: disk("fast", 128), size: 128 * mib}
	g := boot(t, qemu.Memory(512), qemu.CPUs(2), qemu.Boot(qemu.CDROM, img),
		qemu.Plug(qemu.Medium{Kind: qemu.VirtDisk, Path: box, Serial: "toolbox"}),
		qemu.Data(disk("luks", 96), "lukslvm"), qemu.Data(disk("raid-1", 64), "raid1"), qemu.Data(disk("raid-2", 64), "raid2"),
		qemu.Extra("-device", "qemu-xhci,id=usb",
			"-drive", "if=none,id=nvme,format=raw,file="+disk("nvme", 64), "-device", "nvme,drive=nvme,serial=NVME0001",
			"-drive", "if=none,id=card,format=raw,file="+disk("card", 64), "-device", "sdhci-pci", "-device", "sd-card,drive=card",
			"-drive", "if=none,id=fast-drive,format=raw,file="+fast.file, "-device", "usb-uas,id=fast,bus=usb.0,serial="+fast.serial,
			"-device", "scsi-hd,bus=fast.0,drive=fast-drive"))
	g.say("sudo mkdir -p " + tools + " /run/toolbox /run/upper && sudo mount -t squashfs -o ro /dev/$(basename $(dirname $(grep -l toolbox /sys/block/*/serial))) /run/toolbox")
	g.say("sudo mount -t tmpfs none /run/upper && sudo mkdir /run/upper/up /run/upper/work && " +
		"sudo mount -t overlay -o lowerdir=/run/toolbox,upperdir=/run/upper/up,workdir=/run/upper/work none " + tools)
	for _, dir := range []string{"dev", "proc", "sys"} {
		g.say("sudo mkdir -p " + tools + "/" + dir + " " + tools + "/run " + tools + "/tmp && sudo mount --rbind /" + dir + " " + tools + "/" + dir)
	}

	t.Run("lists", func(t *testing.T) { g.t = t; g.lists() })
	t.Run("guards", func(t *testing.T) { g.t = t; g.guards() })
	t.Run("writes usb-storage", func(t *testing.T) { g.t = t; g.writes(img, func(s stickDevice) { g.plug(s) }) })
	t.Run("writes usb-uas", func(t *testing.T) { g.t = t; g.writesUAS(img, fast) })
	t.Run("keeps off a mounted one, and unmounts", func(t *testing.T) { g.t = t; g.unmounts() })
	t.Run("EIO", func(t *testing.T) { g.t = t; g.failing() })
	t.Run("stalls", func(t *testing.T) { g.t = t; g.stalls(img) })
	t.Run("pulled before", func(t *testing.T) { g.t = t; g.pulledBefore() })
	t.Run("pulled while writing", func(t *testing.T) { g.t = t; g.pulledWhile() })
	t.Run("swapped for an equal one", func(t *testing.T) { g.t = t; g.swapped() })
}

// lists: NVMe, an SD card and virtio disks are told apart.
func (g *guest) lists() {
	found := map[disks.Bus]listed{}
	for _, d := range g.list() {
		found[d.Bus] = d
	}
	if d := found[disks.NVMe]; d.Serial != "NVME0001" || !strings.Contains(d.Model, "QEMU NVMe") {
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

func (g *guest) writes(image string, plug func(stickDevice)) {
	s := g.newStick("good", "GOOD0001")
	plug(s)
	d := g.sees(s.serial)
	if d.Bus != disks.USB || d.Refused != "" || d.Size != s.size {
		g.t.Errorf("%+v", d)
	}
	out, code := g.write(d, "")
	if code != 0 || !strings.Contains(out, "safe to remove") {
		g.t.Fatalf("exit code %d\n%s", code, out)
	}
	g.written(s, image)
	now := g.sees(s.serial)
	if len(now.Partitions) != 3 || now.Partitions[2].Name != iso.DataName || now.Partitions[1].FileSystem == "" && os.Geteuid() == 1 {
		g.t.Errorf("the guest's kernel sees %+v", now.Partitions)
	}
	// An unattended write never loses a data partition that nobody named.
	if out, code := g.write(now, ""); code != int(fault.Usage) || !strings.Contains(out, "--keep-data") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	if out, code := g.write(now, "--keep-data"); code != 0 || !strings.Contains(out, "kept as it was") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.pull(s)
	g.misses(s.serial)
}

func (g *guest) writesUAS(image string, s stickDevice) {
	d := g.sees(s.serial)
	if d.Bus != disks.USB {
		g.t.Errorf("%+v", d)
	}
	if driver := g.say("basename $(readlink -f /sys/block/" + d.Kernel + "/device/../../../driver)"); driver != "uas" {
		g.t.Errorf("the driver is %s", driver)
	}
	if out, code := g.write(d, ""); code != 0 {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.written(s, image)
	g.pull(s)
	g.misses(s.serial)
}

// unmounts: what a person mounted is given up with the disk; what is busy is
// not.
func (g *guest) unmounts() {
	s := g.newStick("used", "USED0001")
	g.plug(s)
	d := g.sees(s.serial)
	g.say("sudo mkfs.vfat " + d.Path + " && sudo mkdir -p /media/used && sudo mount " + d.Path + " /media/used")
	busy := "sudo sh -c 'exec 3>/media/used/open; exec sleep 1000' </dev/null >/dev/null 2>&1 & sleep 3; "
	out, code := g.try(busy + fmt.Sprintf("%s write %s --to %s --serial %s; code=$?; sudo kill $(sudo fuser -m /media/used 2>/dev/null) 2>/dev/null; exit $code", program, inside, d.Path, d.Serial))
	if code != int(fault.Disk) || !strings.Contains(out, "unmount") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.say("sudo umount /media/used || { sudo killall sleep; sleep 1; sudo umount /media/used; }; sudo mount " + d.Path + " /media/used")
	if out, code := g.write(d, ""); code != 0 || !strings.Contains(out, "safe to remove") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	if out := g.say("grep -c /media/used /proc/mounts || true"); out != "0" {
		g.t.Error("it is still mounted")
	}
	g.pull(s)
	g.misses(s.serial)
}

func (g *guest) failing() {
	s := g.newStick("worn", "WORN0001")
	g.plug(s, object{"driver": "blkdebug", "inject-error": []object{{"event": "none", "iotype": "write", "errno": 5, "sector": 5 * mib / 512, "once": false, "immediately": false}}})
	d := g.sees(s.serial)
	out, code := g.write(d, "")
	if code != int(fault.Disk) || !strings.Contains(out, "fails to write at 5") || !strings.Contains(out, "does not boot") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.cannotBoot(s)
	g.pull(s)
	g.misses(s.serial)
}

// background starts 'floe write' and waits until it has begun to write. What
// it says goes to a file of the guest's, which await reads meanwhile.
func (g *guest) background(d listed) (end func() (string, int)) {
	g.t.Helper()
	type ended struct {
		code int
		err  error
	}
	done := make(chan ended, 1)
	ctx, cancel := context.WithTimeout(g.t.Context(), 4*time.Minute)
	go func() {
		defer cancel()
		result, err := g.ssh.Run(ctx, fmt.Sprintf("%s --progress json write %s --to %s --serial %s --new-data >/tmp/writing 2>&1", program, inside, d.Path, d.Serial))
		done <- ended{result.Code, err}
	}()
	g.await("write/body")
	return func() (string, int) {
		e := <-done
		if e.err != nil {
			g.t.Fatal(e.err)
		}
		return g.say("cat /tmp/writing"), e.code
	}
}

// await waits for a word in what a write in the background says.
func (g *guest) await(word string) {
	g.t.Helper()
	g.say("for i in $(seq 600); do grep -q '" + word + "' /tmp/writing 2>/dev/null && exit 0; usleep 100000; done; cat /tmp/writing; exit 1")
}

func (g *guest) stalls(image string) {
	s := g.newStick("slow", "SLOW0001")
	g.plug(s, g.throttle("brake", 128<<10)) // a write takes longer than a stall is
	d := g.sees(s.serial)
	end := g.background(d)
	out, code := end()
	if code != 0 || !strings.Contains(out, "it goes on after") || !strings.Contains(out, `"stage":"write/finish","kind":"done"`) {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.written(s, image)
	g.pull(s)
	g.misses(s.serial)
	g.say("rm -f /tmp/writing")
}

func (g *guest) pulledBefore() {
	s := g.newStick("gone", "GONE0001")
	g.plug(s)
	d := g.sees(s.serial)
	g.pull(s)
	g.misses(s.serial)
	if out, code := g.write(d, ""); code != int(fault.Usage) || !strings.Contains(out, "no such file") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
}

func (g *guest) pulledWhile() {
	s := g.newStick("pulled", "PULL0001")
	g.plug(s, g.throttle("rope", mib))
	d := g.sees(s.serial)
	end := g.background(d)
	g.pull(s)
	out, code := end()
	if code != int(fault.Disk) || !strings.Contains(out, "pulled out at") || !strings.Contains(out, "does not boot") {
		g.t.Errorf("%s", out)
	}
	g.misses(s.serial)
	g.cannotBoot(s)
	g.say("rm -f /tmp/writing")
}

// swapped: between choice and opening an equal stick takes the place of the
// chosen one. Only the kernel's count of disks tells them apart.
func (g *guest) swapped() {
	one, two := g.newStick("one", "SAME0001"), g.newStick("two", "SAME0001")
	g.plug(one)
	chosen := g.sees(one.serial)
	g.pull(one)
	g.misses(one.serial)
	g.plug(two)
	now := g.sees(two.serial)
	if now.Path != chosen.Path || now.Key() != chosen.Key() {
		g.t.Fatalf("they are not equal: %+v, %+v", chosen, now)
	}
	order := func(d disks.Disk) string {
		sum := strings.Fields(g.say("sha256sum " + inside))[0]
		size := strings.TrimSpace(g.say("stat -c %s " + inside))
		var n int64
		fmt.Sscan(size, &n)
		line, err := json.Marshal(stick.Order{Image: inside, SHA256: sum, Size: n, Disk: d.Identity, Data: stick.NewData})
		if err != nil {
			g.t.Fatal(err)
		}
		return "{ echo '" + string(line) + "'; sleep 20; } | sudo " + program + " serve-writing"
	}
	if out, code := g.try(order(chosen.Disk)); code != int(fault.Disk) || !strings.Contains(out, "plugged in after the choice") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	head := make([]byte, 8)
	if f, err := os.Open(two.file); err == nil {
		_, _ = f.ReadAt(head, 0)
		f.Close()
	}
	if string(head) != "old data" {
		g.t.Error("the other stick was written")
	}
	g.pull(two)
	g.misses(two.serial)
}
