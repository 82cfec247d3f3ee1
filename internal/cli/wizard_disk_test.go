package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/assemble/archivetest"
	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/sandbox"
	"floe/internal/store"
)

// stickyDisk is a disk that can be made to take nothing for a while, as worn sticks do:
// its file is on a file system that can be frozen.
type stickyDisk struct {
	disks.Disk
	t     *testing.T
	point *os.File // where that is mounted
}

// What ioctl is asked to stop and to allow writing to a file system, as in linux/fs.h.
const (
	freeze = 0xc0045877
	thaw   = 0xc0045878
)

func newStickyDisk(t *testing.T) *stickyDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loop devices and mounts take root")
	}
	dir := t.TempDir()
	image := filepath.Join(dir, "fs.img")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(160 << 20); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	tools := archivetest.Tools(t, "checks-ext4", "e2fsprogs")
	if err := tools.Run(t.Context(), sandbox.Command{Args: []string{"mkfs.ext4", "-q", "fs.img"}, Work: dir, Stdout: &said, Stderr: &said}); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	device, detach, err := disktest.Attach(f)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(detach)
	at := filepath.Join(dir, "mnt")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(device.Name(), at, "ext4", 0, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
	d := &stickyDisk{t: t, Disk: disktest.LoopIn(t, at, 96)}
	if d.point, err = os.Open(at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.IoctlSetInt(int(d.point.Fd()), thaw, 0)
		d.point.Close()
	})
	return d
}

// sticks lets the disk take nothing until moves is called, once.
func (d *stickyDisk) sticks() (moves func()) {
	d.t.Helper()
	if err := unix.IoctlSetInt(int(d.point.Fd()), freeze, 0); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		d.t.Helper()
		if err := unix.IoctlSetInt(int(d.point.Fd()), thaw, 0); err != nil {
			d.t.Error(err)
		}
	}
}

// pointed tells whether the cursor is on a disk.
func (c *console) pointed(d disks.Disk) bool {
	here := false
	for l := range strings.Lines(c.String()) {
		words := strings.Fields(l)
		switch {
		case len(words) == 0:
		case words[0] == "❯":
			here = true
		case here && strings.HasPrefix(words[0], "/dev/"): // below what it is, which may take several rows
			return words[0] == d.Path
		}
	}
	return false
}

// toErase goes from the welcome to where a disk's name is to be typed, with what ctrl+c
// does on the way.
func (c *console) toErase(d disks.Disk, thorough bool) *console {
	c.t.Helper()
	c.sees("Start").keys("\r")
	for _, s := range screens[:len(screens)-1] {
		c.sees(s).keys("\r")
	}
	c.sees(screens[len(screens)-1]).keys("G\r").sees("Which disk does the image go to?", "enter choose")
	if thorough {
		c.stays("Which disk does the image go to?")
	}
	for range 40 {
		if c.pointed(d) {
			break
		}
		c.keys("j")
		time.Sleep(50 * time.Millisecond)
	}
	if !c.pointed(d) {
		c.t.Fatalf("%s is not reached on\n%s", d.Path, c)
	}
	if thorough {
		c.stays("Which disk does the image go to?", d.Path)
		if !c.pointed(d) {
			c.t.Errorf("after ctrl+c the cursor is elsewhere\n%s", c)
		}
	}
	patience := c.patience
	c.patience = 40 * time.Minute // without a warm store
	c.keys("\r").sees("Erase and write", "Type its name to erase it: loop device")
	c.patience = patience
	time.Sleep(time.Second) // what is typed at once does not count
	return c.keys("loop").sees("❯ loop")
}

// wizardForDisks is the wizard with the person's own store, and loop devices.
func wizardForDisks(t *testing.T) *console {
	t.Helper()
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	return openConsole(t, floeFor(t, time.Hour, []string{"FLOE_STORE=" + dir, "FLOE_MIRROR=" + os.Getenv("FLOE_MIRROR"), "FLOE_RUNTIME=none", "FLOE_LOOP=1"}))
}

// TestWizardDisksOnATerminal: ctrl+c where a disk is chosen, where its name is typed,
// while it is written and while that stops. Staying changes nothing, and leaving leaves
// the terminal as it was, and the disk, until its name was typed.
func TestWizardDisksOnATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds")
	}
	d := newStickyDisk(t)
	c := wizardForDisks(t).toErase(d.Disk, true)
	c.stays("Type its name to erase it", "❯ loop")
	c.keys("\x03").sees("Leave Floe?", "The image stays at").keys("\x03")
	c.ends(0)
	if starts(t, d.Disk) != "old data" {
		t.Fatal("the disk has lost its data")
	}

	moves := d.sticks()
	c = wizardForDisks(t).toErase(d.Disk, false)
	c.keys(" device\r").sees("Writing", "loop device")
	c.asks("Stop writing?", "❯ Keep writing", "Writing", "loop device")
	c.keys("\x03").sees("Stop writing?").keys("j\r").sees("Stopping", "the disk will not boot")
	c.asks("Leave before the writing has stopped?", "❯ Wait", "Stopping")
	moves()
	c.sees("Stopped", "❯ Choose a disk and write again")
	c.stays("Stopped", "❯ Choose a disk and write again")
	c.keys("\x03").sees("Leave Floe?").keys("\x03")
	c.ends(130)

	moves = d.sticks()
	c = wizardForDisks(t).toErase(d.Disk, false)
	c.keys(" device\r").sees("Writing", "loop device")
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	later := time.AfterFunc(time.Second, moves)
	defer later.Stop()
	c.ends(130)
}
