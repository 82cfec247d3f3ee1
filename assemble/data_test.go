package assemble_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/qemu"
)

// TestDataDisk takes one data disk through its life: made, grown, full,
// damaged; each time in another kind of drive. Beside it stands a disk that is
// somebody else's, which format= must leave alone, and in the end the medium is
// damaged as well. Whatever happens, it is told on the console, and ssh answers.
func TestDataDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine several times")
	}
	t.Parallel()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	dir := t.TempDir()
	spec := f.spec(filepath.Join(dir, "podman.iso"))
	spec.Runtimes, spec.BootCodes = []string{"podman"}, []string{"format=vda"}
	image, err := f.builder.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.img")
	theirs := bytes.Repeat([]byte{0}, 8<<20)
	copy(theirs[1<<20:], "LABELONE: a signature that nobody here knows")
	if err := os.WriteFile(foreign, theirs, 0o600); err != nil {
		t.Fatal(err)
	}
	archivetest.Seat(t)
	b := &box{top: t, t: t, arch: arch.AMD64, image: image, disk: dataDisk(t, 256<<20)}
	drive := func(kind string) {
		b.options = []qemu.Option{qemu.Memory(320), qemu.Data(foreign, "foreign"), drives[kind](b.disk)}
	}
	const whose = "awk '$2 == \"/data\" {print $1, $3}' /proc/mounts"
	drive("virtio")
	b.boot(qemu.CDROM)
	b.expect("whose disk it is", "/dev/vdb1 ext4", whose)
	b.expect("problems", "format=vda REFUSED", "cut -d: -f1 /etc/floe/problems")
	if now, err := os.ReadFile(foreign); err != nil || !bytes.Equal(now, theirs) {
		t.Errorf("the other disk was written to: %v", err)
	}
	b.run("echo kept >~/note; sync")
	b.run("tar -c -C /usr/bin busybox | sudo podman import - tiny && sudo podman create --name lasts tiny /busybox echo it is back")
	stopCleanly(t, b.r)

	root, err := f.builder.Tools(t.Context(), "checks-disk", "qemu-utils", "e2fsprogs")
	if err != nil {
		t.Fatal(err)
	}
	output(t, root, filepath.Dir(b.disk), "qemu-img", "resize", filepath.Base(b.disk), "512M")
	drive("nvme")
	b.boot(qemu.CDROM)
	b.expect("the disk as NVMe", "/dev/nvme0n1p1 ext4", whose)
	b.expect("how large the grown disk is", "grown", "df -P -m /data | awk 'NR == 2 {print ($2 > 440 ? \"grown\" : $2)}'")
	b.expect("what was kept", "kept", "cat ~/note")
	b.run("sudo dd if=/dev/zero of=/data/noise bs=1M 2>/dev/null; sync")
	stopCleanly(t, b.r)

	drive("usb")
	enterAnyway(b) // a runtime need not start without room
	b.expect("the disk at USB", "/dev/sda1 ext4", whose)
	if got := b.run("cat /etc/floe/problems"); !strings.Contains(got, "is full") {
		t.Errorf("a full disk: %q", got)
	}
	b.consoleSays("PROBLEM: the data disk /dev/sda1 is full")
	b.expect("what was kept", "kept", "cat ~/note")
	b.pilesUpNothing()
	// Nobody has to start anything anew, or know what podman remembers of a full disk.
	b.run("sudo rm /data/noise; for i in $(seq 120); do ! sudo podman --url unix://" + rootSocket + " info >/dev/null 2>&1 || exit 0; sleep 1; done; tail /var/log/podman/current; exit 1")
	b.expect("a container, once there is room", "it is back", "sudo podman --url unix://"+rootSocket+" start -a lasts")
	stopCleanly(t, b.r)

	// Behind the superblock and its group descriptors: bitmaps and inodes.
	damage(t, b, 1<<20+64<<10, 600_000)
	drive("scsi")
	b.image = &assemble.Image{Path: tampered(t, image.Path)}
	enterAnyway(b)
	b.run("for i in $(seq 300); do grep -q 'not every package' /etc/floe/problems && exit; usleep 200000; done; cat /etc/floe/problems; exit 1")
	problems := b.run("cat /etc/floe/problems")
	for _, want := range []string{"is damaged and is not used", "not every package could be loaded"} {
		if !strings.Contains(problems, want) {
			t.Errorf("%q is not told: %s", want, problems)
		}
	}
	b.consoleSays("PROBLEM: the data disk /dev/sda1 is damaged", "podman: REFUSED")
	stopCleanly(t, b.r)
}

// brings has a package on the data disk loaded at each boot: one that came as a file.
func (b *box) brings(name string) {
	b.t.Helper()
	list, err := shared().builder.Packages(b.t.Context(), b.arch, name)
	if err != nil {
		b.t.Fatal(err)
	}
	folder := b.t.TempDir()
	addPackages(b.t, folder, list)
	files, err := os.ReadDir(folder)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			b.t.Fatal(err)
		}
		b.feed(bytes.NewReader(data), "mkdir -p packages && cat >packages/"+file.Name())
	}
	b.run("tce-load -wi packages/" + name + ".tcz")
}

// pilesUpNothing wants a machine to answer half a minute later as before, with no more
// processes: a runtime that fails is started again and again meanwhile.
func (b *box) pilesUpNothing() {
	b.t.Helper()
	const count = "ls -d /proc/[0-9]* | wc -l"
	before := b.run("sleep 10; " + count)
	b.run("sleep 25")
	c, err := login(b.t, b.r, shared().key)
	if err != nil {
		b.t.Fatalf("it takes nobody in any more: %v", err)
	}
	defer c.Close()
	was, err := strconv.Atoi(before)
	if err != nil {
		b.t.Fatal(err)
	}
	if now, err := strconv.Atoi(say(b.t, c, count)); err != nil || now > was+10 { // some come and go
		b.t.Errorf("%d processes became %d, %v:\n%s", was, now, err, say(b.t, c, "ps | tail -n 40"))
	}
}

// damaged is the copy of a data disk that was spoilt, beside it.
const damaged = "data.raw"

// mends does what the console says to do about a damaged data disk, and wants the
// note that was kept on it.
func (b *box) mends(device string) {
	b.t.Helper()
	b.expect("what was kept", "kept", "for i in 1 2; do sudo e2fsck -fy "+device+"; done >/tmp/said 2>&1; [ $? -lt 4 ] || { cat /tmp/said; exit 1; }; "+
		"sudo mount "+device+" /mnt && sudo cat /mnt/home/floe/note; sudo umount /mnt")
}

// drives plug in a disk that is kept, each in its way.
var drives = map[string]func(path string) qemu.Option{
	"virtio": func(path string) qemu.Option {
		return qemu.Plug(qemu.Medium{Kind: qemu.VirtDisk, Path: path, Format: qemu.QCOW2, Keep: true})
	},
	"nvme": device("nvme,serial=data"),
	"scsi": device("virtio-scsi-pci,id=disks", "scsi-hd,bus=disks.0"),
	"usb":  device("qemu-xhci,id=ports", "usb-storage,bus=ports.0"),
}

// device makes a drive of QEMU's devices, of which the last one is it.
func device(devices ...string) func(path string) qemu.Option {
	return func(path string) qemu.Option {
		args := []string{"-drive", "if=none,id=data,format=qcow2,file=" + path}
		for i, d := range devices {
			if i == len(devices)-1 {
				d += ",drive=data"
			}
			args = append(args, "-device", d)
		}
		return qemu.Extra(args...)
	}
}

// consoleSays wants texts on the console, which may come a moment after what they tell.
func (b *box) consoleSays(texts ...string) {
	b.t.Helper()
	var console string
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		console = strings.Join(b.r.Console().Tail(1000), "\n")
		missing := slices.DeleteFunc(slices.Clone(texts), func(want string) bool { return strings.Contains(console, want) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(late) {
			b.t.Errorf("the console does not say %q:\n%s", missing, console)
			return
		}
	}
}

// TestDataDiskAlone has a data disk in a machine without a container runtime: if
// the image's boot codes name it, the tools are there to make, check and grow it;
// an image that knows nothing of it uses it, and says what it cannot do.
func TestDataDiskAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine several times")
	}
	t.Parallel()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	spec := f.spec(filepath.Join(t.TempDir(), "data.iso"))
	spec.BootCodes = []string{"data=LABEL=floe-data"} // as README has it
	image, err := f.builder.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	archivetest.Seat(t)
	b := &box{top: t, t: t, arch: arch.AMD64, image: image, disk: dataDisk(t, 64<<20)}
	blank := filepath.Join(t.TempDir(), "blank.img")
	if err := os.WriteFile(blank, make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b.options = []qemu.Option{qemu.Memory(128), drives["virtio"](b.disk), qemu.Data(blank, "blank")}
	enterAnyway(b)
	b.run("echo kept >~/note")
	b.brings("ca-certificates")
	stopCleanly(t, b.r)
	root, err := f.builder.Tools(t.Context(), "checks-disk", "qemu-utils", "e2fsprogs")
	if err != nil {
		t.Fatal(err)
	}
	output(t, root, filepath.Dir(b.disk), "qemu-img", "resize", filepath.Base(b.disk), "256M")
	enterAnyway(b)
	b.expect("how large the grown disk is", "grown", "df -P -m /data | awk 'NR == 2 {print ($2 > 200 ? \"grown\" : $2)}'")
	b.expect("problems", "", "cat /etc/floe/problems 2>/dev/null; true")
	stopCleanly(t, b.r)
	b.image = f.image
	disk := b.options[1]
	b.options[1] = lateDisk(b.disk)
	enterAnyway(b)
	b.plugs()
	b.run("for i in $(seq 300); do [ ! -e ~/note ] || ! tce-status | grep -q ca-certificates || exit 0; usleep 200000; done; exit 1")
	b.options[1] = disk
	b.expect("what was kept", "kept", "cat ~/note")
	b.consoleSays("neither checked nor grown")
	stopCleanly(t, b.r)
	// The superblock: it is not to be seen any more what this was.
	damage(t, b, 1<<20+1024, 1024)
	b.image = image
	enterAnyway(b)
	b.run("for i in $(seq 50); do [ ! -s /etc/floe/problems ] || exit 0; usleep 200000; done; exit 1")
	b.consoleSays("If it was the data disk: sudo e2fsck -f /dev/vda1, again")
	b.mends("/dev/vda1")
	stopCleanly(t, b.r)
	// A whole disk is taken by format= alone, be it blank and the only one.
	if now, err := os.ReadFile(blank); err != nil || len(bytes.Trim(now, "\x00")) > 0 {
		t.Errorf("a blank disk that nobody named was written to: %v", err)
	}
}

// enterAnyway boots and logs in, whether a runtime starts or not.
func enterAnyway(b *box) {
	b.t.Helper()
	b.start(qemu.CDROM)
	c, err := login(b.t, b.r, shared().key)
	if err != nil {
		b.t.Fatal(err)
	}
	b.c = c
}

// damage spoils some bytes of the data disk.
func damage(t *testing.T, b *box, at int64, size int) {
	t.Helper()
	root, err := shared().builder.Tools(t.Context(), "checks-disk", "qemu-utils", "e2fsprogs")
	if err != nil {
		t.Fatal(err)
	}
	dir, name := filepath.Dir(b.disk), filepath.Base(b.disk)
	output(t, root, dir, "qemu-img", "convert", "-O", "raw", name, damaged)
	f, err := os.OpenFile(filepath.Join(dir, damaged), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte("spoilt"), size/6+1)[:size], at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	output(t, root, dir, "qemu-img", "convert", "-O", "qcow2", damaged, name)
}

// tampered copies an image and changes one byte of the package podman in it.
func tampered(t *testing.T, path string) string {
	t.Helper()
	list, err := shared().builder.Packages(t.Context(), arch.AMD64, "podman")
	if err != nil {
		t.Fatal(err)
	}
	var podman assemble.Package
	for _, p := range list {
		if p.Name == "podman" {
			podman = p
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	part, err := os.ReadFile(podman.Path())
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, part)
	if at < 0 {
		t.Fatal("the package is not in the image in one piece")
	}
	whole[at+len(part)/2] ^= 1
	bad := filepath.Join(t.TempDir(), "bad.iso")
	if err := os.WriteFile(bad, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	return bad
}
