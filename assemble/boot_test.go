package assemble_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/initramfs"
	"floe/internal/sshclient"
	"floe/qemu"
)

// patience is how long a machine may take from power-on to ssh. It is far
// more than it needs; nothing is measured here.
const patience = 4 * time.Minute

// machines is a home for machines of this test.
func machines(t *testing.T) qemu.Home {
	t.Helper()
	runtime, err := os.MkdirTemp("", "floe") // short: a socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	return qemu.Home{State: t.TempDir(), Runtime: runtime}
}

// boot starts a machine and waits until ssh is ready.
func boot(t *testing.T, options ...qemu.Option) *qemu.Running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return reaches(ctx, t, qemu.SSHReady, func() *qemu.Running { return start(t, options...) })
}

// reaches waits for a stage of a machine that it starts: once more if QEMU itself gives
// up before there is a kernel, as floe does.
func reaches(ctx context.Context, t *testing.T, stage qemu.Stage, start func() *qemu.Running) *qemu.Running {
	t.Helper()
	r := start()
	_, err := r.Reached(ctx, stage)
	if err != nil && r.Aborted() {
		t.Logf("started once more: %v", err)
		r = start()
		_, err = r.Reached(ctx, stage)
	}
	if err != nil {
		t.Fatalf("%s is not ready: %v", stage, err)
	}
	return r
}

// start starts a machine that ends with the test.
func start(t *testing.T, options ...qemu.Option) *qemu.Running {
	t.Helper()
	return startOn(t, arch.AMD64, options...)
}

// startOn is start for either architecture.
func startOn(t *testing.T, a arch.Arch, options ...qemu.Option) *qemu.Running {
	t.Helper()
	m, err := qemu.New("test", a, append([]qemu.Option{qemu.Memory(128)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := machines(t).Start(t.Context(), archivetest.QEMU(t, a), m, qemu.Launch{Accel: qemu.DetectAccel(a, qemu.Host{})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console:\n%s", strings.Join(r.Console().Tail(60), "\n"))
		}
		r.Kill()
	})
	return r
}

// login connects with a key; the host key is the one the console told.
func login(t *testing.T, r *qemu.Running, key ssh.Signer) (*sshclient.Client, error) {
	t.Helper()
	return loginAs(t, r, "floe", key)
}

// loginAs connects as a user, as soon as ssh is ready.
func loginAs(t *testing.T, r *qemu.Running, user string, key ssh.Signer) (*sshclient.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := r.Reached(ctx, qemu.SSHReady); err != nil {
		return nil, err
	}
	return sshclient.Dial(ctx, sshclient.Options{
		Addr: r.SSHAddr(), User: user, Signers: []ssh.Signer{key}, HostKeys: r.Guest().HostKeys,
	})
}

// say runs a command that must succeed, and gives what it printed.
func say(t *testing.T, c *sshclient.Client, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	result, err := c.Run(ctx, command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	if result.Code != 0 {
		t.Fatalf("%s: status %d\n%s%s", command, result.Code, result.Stdout, result.Stderr)
	}
	return strings.TrimSpace(string(result.Stdout))
}

// enter boots and logs in with the image's key.
func enter(t *testing.T, options ...qemu.Option) (*qemu.Running, *sshclient.Client) {
	t.Helper()
	_, key := testImage(t)
	r := boot(t, options...)
	c, err := login(t, r, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return r, c
}

// TestBootsFourWays boots one image as CD and as USB stick on BIOS and on
// UEFI, each to a command over ssh. The drive that UEFI boots a CD from is a
// SATA one, as in most machines and in other programs' virtual ones.
func TestBootsFourWays(t *testing.T) {
	testImage(t)
	for _, way := range []struct {
		firmware qemu.Firmware
		medium   string
		plug     func(image string) qemu.Option
	}{
		{qemu.BIOS, "cd", func(image string) qemu.Option { return qemu.Boot(qemu.CDROM, image) }},
		{qemu.BIOS, "usb", func(image string) qemu.Option { return qemu.Boot(qemu.USBStick, image) }},
		{qemu.UEFI, "sata cd", sataCD},
		{qemu.UEFI, "usb", func(image string) qemu.Option { return qemu.Boot(qemu.USBStick, image) }},
	} {
		t.Run(string(way.firmware)+" "+way.medium, func(t *testing.T) {
			t.Parallel()
			image, key := testImage(t)
			archivetest.Seat(t)
			r := boot(t, qemu.With(way.firmware), way.plug(image.Path), qemu.Memory(192))
			c, err := login(t, r, key)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			efi := say(t, c, "test -d /sys/firmware/efi && echo uefi || echo bios")
			if efi != string(way.firmware) {
				t.Errorf("booted by %s", efi)
			}
			if got := say(t, c, "uname -s; id -un; hostname"); got != "Linux\nfloe\ntestbox" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// sataCD plugs an image into a CD drive on a SATA controller.
func sataCD(image string) qemu.Option {
	return qemu.Extra(
		"-device", "ich9-ahci,id=sata",
		"-drive", "if=none,id=sata-cd,format=raw,media=cdrom,readonly=on,file="+image,
		"-device", "ide-cd,bus=sata.0,drive=sata-cd,bootindex=1",
	)
}

// TestInside looks at a running system: who may do what, what is mounted,
// what listens. It ends with a reboot, a second login and the power button.
func TestInside(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	archivetest.Seat(t)
	r, c := enter(t, qemu.Boot(qemu.CDROM, image.Path))
	settled(t, c)
	for _, tt := range []struct{ name, command, want string }{
		{"user", "id -u; id -gn; pwd", "1000\nfloe\n/home/floe"},
		{"root without a password", "sudo id -u", "0"},
		{"no password anywhere", "sudo awk -F: '$2 != \"*\" && $2 != \"!\" && $2 != \"x\" {print $1}' /etc/passwd; sudo cat /etc/shadow 2>/dev/null | awk -F: '$2 !~ /^[!*]/ {print $1}'", ""},
		{"only ssh listens", "netstat -ltn | awk '/LISTEN/ {sub(/.*:/, \"\", $4); print $4}' | sort -u", "22"},
		{"version", ". /etc/os-release; echo $ID", "floe"},
		{"cgroup v2 only", "stat -f -c %t /sys/fs/cgroup; grep -c cgroup /proc/mounts", "63677270\n1"},
		{"zram swap", "awk 'NR==2 {print $1}' /proc/swaps", "/dev/zram0"},
		{"quiet", "cut -f 1 /proc/sys/kernel/printk", "4"},
		{"64-bit", "getconf LONG_BIT 2>/dev/null || uname -m", "x86_64"},
		{"name in hosts", "grep -c testbox /etc/hosts", "1"},
	} {
		if got := say(t, c, tt.command); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, controller := range []string{"cpu", "cpuset", "io", "memory", "hugetlb", "pids", "rdma", "misc"} {
		if got := say(t, c, "cat /sys/fs/cgroup/cgroup.subtree_control"); !strings.Contains(" "+got+" ", " "+controller+" ") {
			t.Errorf("controller %s is not delegated: %s", controller, got)
		}
	}
	again := reboot(t, r, c)
	if got := say(t, again, "cut -d. -f1 /proc/uptime"); len(got) > 2 {
		t.Errorf("up for %s s after a reboot", got)
	}
	again.Close()
	stopCleanly(t, r)
}

// reboot reboots from inside and logs in once more. A machine without a data
// disk makes a new host key at each boot: a second one tells the new boot from
// the old one.
func reboot(t *testing.T, r *qemu.Running, c *sshclient.Client) *sshclient.Client {
	t.Helper()
	_, key := testImage(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Run(ctx, "sudo reboot"); err != nil && ctx.Err() != nil {
		t.Fatal(err)
	}
	c.Close()
	for len(r.Guest().HostKeys) < 2 {
		_, changed := r.Milestones()
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-ctx.Done():
			t.Fatal("the machine did not come back after a reboot")
		}
	}
	if _, err := r.Reached(ctx, qemu.SSHReady); err != nil {
		t.Fatal(err)
	}
	again, err := login(t, r, key)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestPivotRoot does what a container runtime does, on a root of its own and on
// the one that is there when the memory does not suffice for that: the kernel's,
// bound on itself, as it is without a code. That is told, and nothing is lost.
func TestPivotRoot(t *testing.T) {
	for _, tt := range []struct{ name, root, problems, active string }{
		{"noembed", "tmpfs", "", "tty0 ttyS0"},
		{"noembed without the memory", "rootfs", "NOEMBED FAILED: too little memory to move the system to a tmpfs; going on as without it", "ttyS0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, key := testImage(t)
			f := shared()
			spec := f.spec(filepath.Join(t.TempDir(), "floe.iso"))
			spec.BootCodes = []string{"noembed"}
			image, err := f.builder.Image(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			machine := qemu.Boot(qemu.CDROM, image.Path)
			if tt.problems != "" {
				machine = tooLarge(t, image.Path)
			}
			archivetest.Seat(t)
			r := boot(t, machine)
			c, err := login(t, r, key)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			const script = `sudo unshare -m sh -ec '
				mkdir -p /tmp/new; mount -t tmpfs none /tmp/new; mkdir -p /tmp/new/old /tmp/new/bin
				cp /bin/busybox /tmp/new/bin/; cd /tmp/new
				pivot_root . old
				exec /bin/busybox chroot . /bin/busybox ls /'`
			if got := say(t, c, script); !strings.Contains(got, "old") {
				t.Errorf("got %q", got)
			}
			settled(t, c)
			for command, want := range map[string]string{
				`awk '$2 == "/" {print $3}' /proc/mounts | tail -n 1`: tt.root,
				"cat /etc/floe/problems 2>/dev/null; true":            tt.problems,
				"sudo dmesg | sed -n 's/.*floe: NOEMBED/NOEMBED/p'":   tt.problems,
				"find /newroot | wc -l":                               "1",
				"cat /sys/class/tty/console/active":                   tt.active,
			} {
				if got := say(t, c, command); got != want {
					t.Errorf("%s: got %q, want %q", command, got, want)
				}
			}
			if tt.problems == "" {
				return
			}
			if got := say(t, c, "stat -c %s /large"); got != strconv.Itoa(largeFile) {
				t.Errorf("what was too large to be moved has %s bytes", got)
			}
			if console := strings.Join(r.Console().Tail(1000), "\n"); !strings.Contains(console, "floe: PROBLEM: "+tt.problems) {
				t.Errorf("the console does not tell:\n%s", console)
			}
		})
	}
}

// largeFile is a file's size, in bytes: 128 MiB hold it once, but not twice.
const largeFile = 42 << 20

// tooLarge boots an image with such a file in its root, and with one console:
// by name, it stands in the place of both.
func tooLarge(t *testing.T, image string) qemu.Option {
	t.Helper()
	work := t.TempDir()
	l, err := assemble.Load(t.Context(), image, work)
	if err != nil {
		t.Fatal(err)
	}
	a := initramfs.New(time.Unix(0, 0))
	a.File("large", 0o644, 0, 0, make([]byte, largeFile))
	data, err := a.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(work, "large.img")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	codes := slices.DeleteFunc(l.Args, func(word string) bool { return strings.HasPrefix(word, "console=tty0") })
	return qemu.Direct(l.Kernel, append(l.Initrds, path), strings.Join(codes, " "))
}

// TestWrongKeyIsRefused asks with a key that the image does not know.
func TestWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	archivetest.Seat(t)
	r := boot(t, qemu.Boot(qemu.CDROM, image.Path), qemu.Memory(64))
	stranger, _, err := sshclient.Identity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := login(t, r, stranger)
	if err == nil {
		c.Close()
		t.Fatal("a key that the image does not know was let in")
	}
	if fault.Code(err) != int(fault.Missing) {
		t.Errorf("exit code %d for %v", fault.Code(err), err)
	}
}

// stopCleanly presses the power button and wants the machine to go by itself.
func stopCleanly(t *testing.T, r *qemu.Running) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ending, err := r.Stop(ctx, qemu.Patience{PowerOff: 50 * time.Second, Quit: time.Second, Term: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if ending != qemu.PoweredOff {
		t.Errorf("the machine did not listen to its power button: %s", ending)
	}
}
