package assemble_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/board"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/sshclient"
	"floe/internal/store"
)

// piPatience is how long QEMU's Raspberry Pi may take. It has four processors
// whatever the host has, and its USB interrupts them all the time.
const piPatience = 3 * patience

// pi is an image for the Raspberry Pi, and what its firmware would read of it.
type pi struct {
	image *assemble.Image
	tools *sandbox.Root
	dir   string // with card.img and the files of the boot partition
}

func newPi(t *testing.T, runtimes ...string) pi {
	t.Helper()
	testImage(t)
	f := shared()
	p := pi{tools: archivetest.Tools(t, "checks-card", "fdisk", "gdisk", "dosfstools", "mtools"), dir: t.TempDir()}
	spec := f.spec(filepath.Join(p.dir, "card.img"))
	spec.Arch, spec.Board, spec.Runtimes = arch.ARM64, board.RaspberryPi, runtimes
	var err error
	if p.image, err = f.builder.Image(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	p.ask(t, "mcopy", "-s", "-i", "card.img@@4M", "::*", ".")
	return p
}

// ask runs a program in the folder.
func (p pi) ask(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, p.tools, p.dir, args...)
}

func (p pi) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRaspberryPi has other programs check the card's image, and boots a
// Raspberry Pi 3 from it as far as QEMU is one: its firmware is not emulated,
// so that the kernel is loaded from the same files by QEMU. From there on it is
// the card, the serial console and a network on USB.
func TestRaspberryPi(t *testing.T) {
	t.Parallel() // arm64's kernel is made while others boot
	p := newPi(t)
	for program, fine := range map[string]string{"sfdisk": "No errors detected.", "sgdisk": "No problems found."} {
		if said := p.ask(t, program, "--verify", "card.img"); !strings.Contains(said, fine) {
			t.Errorf("%s: %s", program, said)
		}
	}
	boot, size := p.read(t, "card.img"), 4<<20+64<<20
	if err := os.WriteFile(filepath.Join(p.dir, "boot.fat"), []byte(boot[4<<20:size]), 0o644); err != nil {
		t.Fatal(err)
	}
	p.ask(t, "fsck.fat", "-n", "boot.fat") // fails on anything that it would mend
	for _, name := range []string{"bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat", "firmware-licence.txt",
		"bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb", "cde/optional/e2fsprogs.tcz"} {
		if p.read(t, name) == "" {
			t.Errorf("%s is empty", name)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:kernel=|initramfs |cmdline=)(\S+)`).FindAllStringSubmatch(p.read(t, "config.txt"), -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			p.read(t, name)
		}
	}
	if core := len(p.read(t, "core.img")); core%4 != 0 {
		t.Errorf("core.img has %d bytes: the kernel would not find what is behind it", core)
	}
	again := newPi(t)
	if again.image.SHA256 != p.image.SHA256 {
		t.Errorf("built again, the image is %s, not %s", again.image.SHA256, p.image.SHA256)
	}
	// The same with a runtime, which makes the boot partition larger.
	seal := newPi(t, "podman")
	seal.ask(t, "sfdisk", "--verify", "card.img")
	if list := seal.read(t, "cde/onboot.lst"); list != "podman.tcz\n" || seal.read(t, "cde/optional/podman.tcz") == "" {
		t.Errorf("with podman, the card loads %q", list)
	}
	archivetest.Seat(t)
	p.bootPi3(t)
}

// TestCardsKernel: the kernel is asked for once, by what would be two to wait for each other,
// and the lock file names the firmware beside what everything else was made of.
func TestCardsKernel(t *testing.T) {
	t.Parallel()
	_, _ = testImage(t)
	var asked atomic.Int32
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	b := reporting(t, dir, report.Func(func(e report.Event) {
		if e.Kind == report.Started && e.Stage == "kernel/arm64" {
			asked.Add(1)
		}
	}))
	spec := shared().spec(filepath.Join(t.TempDir(), "card.img"))
	spec.Arch, spec.Board = arch.ARM64, board.RaspberryPi
	image, err := b.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the kernel was asked for %d times", n)
	}
	wantLocked(t, image, "linux-source-6.12", "busybox", "dropbear", "gcc-14-aarch64-linux-gnu", "raspi-firmware", "e2fsprogs")
}

// bootPi3 boots the card to a command over ssh, and powers off.
func (p pi) bootPi3(t *testing.T) {
	// QEMU's cards have a power of two for their size.
	card, first := filepath.Join(p.dir, "card.img"), p.read(t, "card.img")[:512]
	if err := os.Truncate(card, 128<<20); err != nil {
		t.Fatal(err)
	}
	initrd := p.read(t, "core.img") + p.read(t, "personal.img")
	if err := os.WriteFile(filepath.Join(p.dir, "initrd"), []byte(initrd), 0o644); err != nil {
		t.Fatal(err)
	}
	m := startPi3(t, p)
	keys := m.sees(t, regexp.MustCompile(`ssh host key (SHA256:\S+)`))
	m.sees(t, regexp.MustCompile(`address \S+ on usb0`))
	ctx, cancel := context.WithTimeout(t.Context(), piPatience)
	defer cancel()
	c, err := sshclient.Dial(ctx, sshclient.Options{
		Addr: m.addr, User: "floe", Signers: []ssh.Signer{shared().key}, HostKeys: []string{keys[1]},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for command, want := range map[string]string{
		"uname -m; hostname; nproc":                             "aarch64\ntestbox\n4",
		"cat /sys/firmware/devicetree/base/model | tr -d '\\0'": "Raspberry Pi 3 Model B",
		// Its two controllers are found in any order.
		"grep /media/floe /proc/mounts | cut -d' ' -f1-3 | tr 1 0": "/dev/mmcblk0p0 /media/floe vfat",
		"grep ' /data ' /proc/mounts | cut -d' ' -f1-3 | tr 1 0":   "/dev/mmcblk0p2 /data ext4",
		"cat /sys/class/tty/console/active":                        "tty0 ttyS1",
	} {
		if got := say(t, c, command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	// 32 MiB in the image, and the rest of a card.
	if got := say(t, c, "cat /sys/class/block/mmcblk[01]p2/size"); len(got) < 6 || got < "100000" {
		t.Errorf("the data partition has %s sectors: it did not grow with its card", got)
	}
	say(t, c, "echo kept | sudo tee /data/here; sync")
	if _, err := c.Run(ctx, "sudo poweroff"); err != nil {
		t.Logf("poweroff: %v", err) // the connection may end first
	}
	m.ends(t)
	// The ROM of a Pi 3 finds the boot partition in the first sector only.
	if now := p.read(t, "card.img")[:512]; now != first {
		t.Errorf("the first sector was % x, and is % x since the data partition grew", first[440:], now[440:])
	}
}

// pi3 is QEMU's Raspberry Pi 3.
type pi3 struct {
	console, addr string
	ended         chan error
}

func startPi3(t *testing.T, p pi) *pi3 {
	t.Helper()
	program := archivetest.QEMU(t, arch.ARM64)
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &pi3{console: filepath.Join(p.dir, "console"), addr: listen.Addr().String(), ended: make(chan error, 1)}
	listen.Close()
	args := append([]string{}, program.Argv[1:]...)
	for _, dir := range program.DataDirs {
		args = append(args, "-L", dir)
	}
	at := func(name string) string { return filepath.Join(p.dir, name) }
	args = append(args, "-machine", "raspi3b", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", at("kernel8.img"), "-initrd", at("initrd"), "-dtb", at("bcm2837-rpi-3-b.dtb"),
		"-append", strings.TrimSpace(p.read(t, "cmdline.txt")),
		"-drive", "if=sd,format=raw,file="+at("card.img"),
		"-serial", "null", "-serial", "file:"+m.console,
		"-netdev", "user,id=net,hostfwd=tcp:"+m.addr+"-:22", "-device", "usb-net,netdev=net")
	cmd := exec.Command(program.Argv[0], args...)
	cmd.Env = append(os.Environ(), program.Env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { m.ended <- cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		if t.Failed() {
			text, _ := os.ReadFile(m.console)
			t.Logf("QEMU: %s\nconsole:\n%s", &said, text[max(0, len(text)-8000):])
		}
	})
	return m
}

// sees waits until the console says something.
func (m *pi3) sees(t *testing.T, pattern *regexp.Regexp) []string {
	t.Helper()
	late := time.After(piPatience)
	for {
		text, _ := os.ReadFile(m.console)
		if found := pattern.FindStringSubmatch(string(text)); found != nil {
			return found
		}
		select {
		case err := <-m.ended:
			t.Fatalf("QEMU ended: %v", err)
		case <-late:
			t.Fatalf("the console does not say %s", pattern)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ends waits until the machine has powered itself off.
func (m *pi3) ends(t *testing.T) {
	t.Helper()
	select {
	case err := <-m.ended:
		if err != nil {
			t.Error(fmt.Errorf("QEMU ended: %w", err))
		}
	case <-time.After(piPatience):
		t.Error("the machine did not power off")
	}
}
