package assemble_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"floe/assemble"
	"floe/internal/arch"
	"floe/qemu"
)

// otherData makes a data disk that Floe must leave alone.
func otherData(t *testing.T) string {
	t.Helper()
	return ext4(t, t.TempDir(), "-L", "floe-data")
}

// lateDisk is a disk that QEMU has, for a box to plug in.
func lateDisk(path string) qemu.Option {
	return qemu.Extra("-device", "qemu-xhci,id=usb", "-drive", "if=none,id=late,format=qcow2,file="+path)
}

// plugs plugs the late disk in, at USB.
func (b *box) plugs() {
	b.t.Helper()
	s := watch(b.t, b.r)
	s.plug("late")
	s.qmp.Close() // QEMU listens to one at a time, and its power button is to come
}

// packagesDisk makes a disk labelled "stuff" with packages in the folder "packages",
// the load list "lab.lst" that names one of them, and a list that is signed.
func packagesDisk(t *testing.T, name string, more ...string) string {
	t.Helper()
	f := shared()
	list, err := f.builder.Packages(t.Context(), arch.AMD64, append(more, name)...)
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	folder := filepath.Join(work, "disk", "packages")
	addPackages(t, folder, list)
	if err := os.WriteFile(filepath.Join(folder, "lab.lst"), []byte(name+".tcz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return ext4(t, work, "-L", "stuff", "-d", "disk")
}

// addPackages puts packages into a folder, as 'floe pack' does.
func addPackages(t *testing.T, folder string, list []assemble.Package) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	key := shared().key
	sign := func(sums []byte) ([]byte, error) { return assemble.SignSums(sums, key) }
	if err := assemble.AddPackages(folder, list, key.PublicKey(), sign); err != nil {
		t.Fatal(err)
	}
}

// ext4 makes an image of a file system in a folder.
func ext4(t *testing.T, work string, options ...string) string {
	t.Helper()
	root, err := shared().builder.Tools(t.Context(), "checks-disk", "qemu-utils", "e2fsprogs")
	if err != nil {
		t.Fatal(err)
	}
	output(t, root, work, append(append([]string{"mke2fs", "-q", "-t", "ext4"}, options...), "disk.img", "16M")...)
	return filepath.Join(work, "disk.img")
}

// swapDisk makes an image of a disk to swap to, with busybox.
func swapDisk(t *testing.T, label string) string {
	t.Helper()
	programs, disk := programsHere(t, shared().builder), filepath.Join(t.TempDir(), "swap.img")
	if err := os.WriteFile(disk, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(programs, "busybox"), "mkswap", "-L", label, disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return disk
}
