// Package disktest makes disks and images for tests: loop devices that go away
// with the test, and images of floe's that need no build. It is for tests only.
package disktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/iso"
)

const mib = 1 << 20

// Image masters an image of floe's with so many MiB of noise in it, which the
// seed decides.
func Image(t testing.TB, seed uint64, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "floe.iso")
	noise := make([]byte, size*mib+12345)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(noise)
	esp, err := iso.ESP("FLOE", 1, time.Unix(1e9, 0), []iso.ESPFile{{Path: "EFI/BOOT/BOOTX64.EFI", Content: noise[:100_000]}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = iso.Master(t.Context(), iso.Spec{
		Label: "FLOE", ID: [16]byte{byte(seed)}, Time: time.Unix(1e9, 0), ESP: esp, Work: t.TempDir(),
		Files: []iso.File{{Path: "boot/noise", Mode: 0o444, Content: noise}},
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Loop makes a loop device of so many MiB, with old data at both ends. It takes
// root; without it the test is skipped.
func Loop(t testing.TB, size int) disks.Disk {
	t.Helper()
	return LoopIn(t, t.TempDir(), size)
}

// LoopIn is Loop with the device's file in a folder that is there.
func LoopIn(t testing.TB, dir string, size int) disks.Disk {
	t.Helper()
	return loop(t, dir, size, unix.LO_FLAGS_PARTSCAN)
}

// Unparsed is Loop with a device of which the kernel reads no partition table.
func Unparsed(t testing.TB, size int) disks.Disk {
	t.Helper()
	return loop(t, t.TempDir(), size, 0)
}

func loop(t testing.TB, dir string, size int, flags uint32) disks.Disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loop devices take root")
	}
	path := filepath.Join(dir, "stick.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	old := []byte(strings.Repeat("old data ", 200_000))
	for _, at := range []int64{0, int64(size)*mib - int64(len(old))} {
		if _, err := f.WriteAt(old, max(0, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(int64(size) * mib); err != nil {
		t.Fatal(err)
	}
	device, detach, err := attach(f, flags)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(detach)
	number, err := disks.Resolve(device.Name())
	if err != nil {
		t.Fatal(err)
	}
	d, err := disks.Here().ByNumber(number, disks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Again sees a disk as it is now.
func Again(t testing.TB, d disks.Disk) disks.Disk {
	t.Helper()
	d, err := disks.Here().ByNumber(d.Number, disks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Content reads n bytes of a disk or of its file, past what is cached of it.
func Content(t testing.TB, path string, at, n int64) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_ = unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0) // a file has none
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

// Holds tells whether a disk, or its file, has an image, but for the partition
// tables, which are made for the disk.
func Holds(t testing.TB, path, image string) bool {
	t.Helper()
	want, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	got := Content(t, path, 0, int64(len(want)))
	const code, tables = 440, (1 + iso.PrimarySectors) * iso.SectorSize
	return bytes.Equal(got[:code], want[:code]) && bytes.Equal(got[tables:], want[tables:])
}

// Readable opens the way to a file of the test's for other users.
func Readable(t testing.TB, path string) {
	t.Helper()
	for dir := filepath.Dir(path); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// Attach makes a loop device of a file, until detach is called.
func Attach(f *os.File) (device *os.File, detach func(), err error) {
	return attach(f, unix.LO_FLAGS_PARTSCAN)
}

// AttachAs makes the loop device of that name of a file, once it is free: a
// device that was detached goes when the last who looks at it has closed it, and
// until then the kernel answers EBUSY or ENXIO. It goes when it is closed.
func AttachAs(name string, f *os.File) (device *os.File, err error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		device, err = configure(name, f, unix.LO_FLAGS_AUTOCLEAR)
		if passing := errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENXIO); !passing || time.Now().After(end) {
			return device, err
		}
	}
}

func attach(f *os.File, flags uint32) (device *os.File, detach func(), err error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer control.Close()
	for range 20 { // somebody else may take the free one first
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, nil, err
		}
		device, err = configure(fmt.Sprintf("/dev/loop%d", n), f, flags)
		switch {
		case err == nil:
			return device, func() {
				_ = unix.IoctlSetInt(int(device.Fd()), unix.LOOP_CLR_FD, 0)
				device.Close()
			}, nil
		case !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENXIO):
			return nil, nil, err
		}
	}
	return nil, nil, errors.New("no loop device can be had")
}

func configure(name string, f *os.File, flags uint32) (*os.File, error) {
	device, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	config := unix.LoopConfig{Fd: uint32(f.Fd()), Info: unix.LoopInfo64{Flags: flags}}
	if err := unix.IoctlLoopConfigure(int(device.Fd()), &config); err != nil {
		device.Close()
		return nil, err
	}
	return device, nil
}
