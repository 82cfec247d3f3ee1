package stick

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/assemble"
	"floe/internal/disks"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
)

const mib = 1 << 20

// testImage masters an image of floe's, with so many MiB of noise in it.
func testImage(t testing.TB, seed uint64, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "floe.iso")
	noise := make([]byte, size*mib+12345)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(noise)
	esp, err := iso.ESP(floeLabel, 1, time.Unix(1e9, 0), []iso.ESPFile{{Path: "EFI/BOOT/BOOTX64.EFI", Content: noise[:100_000]}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = iso.Master(t.Context(), iso.Spec{
		Label: floeLabel, ID: [16]byte{byte(seed)}, Time: time.Unix(1e9, 0), ESP: esp, Work: t.TempDir(),
		Files: []iso.File{{Path: "boot/noise", Mode: 0o444, Content: noise}},
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// loop makes a loop device of so many MiB, filled with old data.
func loop(t testing.TB, size int) disks.Disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loop devices take root")
	}
	path := filepath.Join(t.TempDir(), "stick.img")
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
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer control.Close()
	var device *os.File
	for range 20 { // somebody else may take the free one first
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			t.Fatal(err)
		}
		if device, err = os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0); err != nil {
			t.Fatal(err)
		}
		config := unix.LoopConfig{Fd: uint32(f.Fd()), Size: 0}
		config.Info.Flags = unix.LO_FLAGS_PARTSCAN
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			break
		}
		device.Close()
		device = nil
	}
	if device == nil {
		t.Fatal("no loop device can be had")
	}
	t.Cleanup(func() {
		_ = unix.IoctlSetInt(int(device.Fd()), unix.LOOP_CLR_FD, 0)
		device.Close()
	})
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

// again sees the disk as it is now.
func again(t testing.TB, d disks.Disk) disks.Disk {
	t.Helper()
	d, err := disks.Here().ByNumber(d.Number, disks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func order(t testing.TB, image string, d disks.Disk, data Data) Order {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return Order{Image: image, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b)), Disk: d.Identity, Data: data}
}

func write(t testing.TB, o Order) Result {
	t.Helper()
	r, err := Write(t.Context(), o, disks.Here(), report.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// content reads a device, past what is cached of it.
func content(t testing.TB, path string, at, n int64) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_ = unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0)
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// tools are sgdisk and sfdisk from Debian.
var tools = sync.OnceValues(func() (sandbox.Runner, error) {
	dir, err := store.DefaultDir()
	if err != nil {
		return nil, err
	}
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	return assemble.New(assemble.Options{Store: s}).Tools(context.Background(), "checks-stick", "fdisk", "gdisk")
})

// check has a tool verify the partition tables in a loop device's file.
func check(t testing.TB, tool, file string) string {
	t.Helper()
	root, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	dir := filepath.Dir(file)
	err = root.Run(t.Context(), sandbox.Command{Args: []string{tool, "--verify", filepath.Base(file)}, Work: dir, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Errorf("%s: %v", tool, err)
	}
	return out.String()
}
