package stick

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/report"
)

// device is a disk that is open for writing. Reads and writes are of whole
// sectors, from and to memory that aligned gave.
type device interface {
	io.ReaderAt
	io.WriterAt
	Size() int64               // bytes
	Discard(at, n int64) error // that part reads as zeros from now on, and nothing was sent
	Flush() error              // everything written is on the medium
	Forget() error             // nothing of it stays in the page cache
	Reread() error             // the kernel reads the partition table
	Gone() bool                // it was pulled out
}

// aligned gives zeroed memory that direct I/O takes, at the start of a page.
func aligned(size int) []byte {
	page := os.Getpagesize()
	b := make([]byte, size+page)
	skip := 0
	if over := int(uintptr(unsafe.Pointer(&b[0])) % uintptr(page)); over != 0 {
		skip = page - over
	}
	return b[skip : skip+size : skip+size]
}

// block is a block device, open exclusively and past the page cache.
type block struct {
	*os.File
	disk   disks.Disk
	system disks.System
}

// BLKGETDISKSEQ, of <linux/fs.h>: the count of the disk that is open, which no
// other disk ever gets.
const blkGetDiskSeq = 0x80081280

// openBlock opens the disk for this process alone: while it is open, nobody
// can mount it or a partition of it.
func openBlock(disk disks.Disk) (*block, error) {
	const tries = 4
	for i := 1; ; i++ {
		fd, err := unix.Open(disk.Path, unix.O_RDWR|unix.O_EXCL|unix.O_DIRECT|unix.O_CLOEXEC, 0)
		if err == nil {
			return &block{File: os.NewFile(uintptr(fd), disk.Path), disk: disk}, nil
		}
		if errors.Is(err, unix.EBUSY) && i < tries {
			time.Sleep(300 * time.Millisecond) // udev may just be looking at it
			continue
		}
		return nil, refuse(disk.Path, opening(err), openingHint(err))
	}
}

func opening(err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return errors.New("something else has it open, or has mounted it again")
	case errors.Is(err, unix.ENOMEDIUM):
		return errors.New("no medium is in it")
	case errors.Is(err, unix.EROFS):
		return errors.New("it is write-protected")
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOENT):
		return errors.New("it was pulled out")
	}
	return err
}

func openingHint(err error) string {
	switch {
	case errors.Is(err, unix.EBUSY):
		return "Nothing was changed. Close what uses it, and eject it in the file manager without unplugging it; then try again."
	case errors.Is(err, unix.EROFS):
		return "Many sticks and cards have a small switch for that."
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "Writing to a disk takes root."
	}
	return "Nothing was changed."
}

// compare makes sure that what is open is what was chosen.
func (b *block) compare(chosen disks.Identity) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(b.Fd()), &st); err != nil {
		return refuse(b.disk.Path, err, "")
	}
	number := disks.Number{Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev)}
	var seq, size uint64
	if err := b.ioctl(unix.BLKGETSIZE64, unsafe.Pointer(&size)); err != nil {
		return refuse(b.disk.Path, err, "")
	}
	if err := b.ioctl(blkGetDiskSeq, unsafe.Pointer(&seq)); err != nil {
		seq = chosen.Sequence // a kernel before 5.15
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK || number != chosen.Number || int64(size) != chosen.Size || seq != chosen.Sequence {
		return refuse(b.disk.Path, errors.New("it is not the disk that was chosen: it was exchanged"), "Nothing was changed. Choose again.")
	}
	return nil
}

func (b *block) ioctl(request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, b.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// Size is the disk's, in bytes.
func (b *block) Size() int64 { return b.disk.Size }

// Discard has the disk give a part of it up, if it promises that this reads as
// zeros afterwards. A plain discard promises nothing; of a hole that is punched
// the kernel knows it, by what the disk said of itself, and it fails rather than
// send zeros (BLKDEV_ZERO_NOFALLBACK in Linux' block/fops.c).
func (b *block) Discard(at, n int64) error {
	return unix.Fallocate(int(b.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n)
}

// Flush waits until everything is on the medium, the disk's own cache
// included.
func (b *block) Flush() error { return b.Sync() }

// Forget drops the disk's pages from the page cache.
func (b *block) Forget() error {
	if err := b.ioctl(unix.BLKFLSBUF, nil); err != nil && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		return err
	}
	return unix.Fadvise(int(b.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// Reread has the kernel read the partition table. Loop devices may have none.
func (b *block) Reread() error {
	var err error
	for range 10 {
		err = b.ioctl(unix.BLKRRPART, nil)
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if errors.Is(err, unix.EINVAL) && b.disk.Bus == disks.Loop {
		return nil
	}
	return err
}

// Gone tells whether the disk is no longer there.
func (b *block) Gone() bool {
	_, err := b.system.ByNumber(b.disk.Number, disks.Options{})
	return err != nil
}

// unmount takes away the mounts of the disk, all of which the person must have
// agreed to lose.
func unmount(disk disks.Disk, agreed []string, stage *report.Stage) error {
	points := disk.Mounts()
	for _, p := range points {
		if !contains(agreed, p) {
			return refuse(disk.Path, fmt.Errorf("it is mounted on %s, and that was not agreed to", p), "Nothing was changed. Unmount it, or choose the disk again.")
		}
	}
	for i := len(points) - 1; i >= 0; i-- { // the last came last, and may be on another
		if err := unix.Unmount(points[i], unix.UMOUNT_NOFOLLOW); err != nil {
			what := err
			if errors.Is(err, unix.EBUSY) {
				what = errors.New("a program has a file or a folder open there")
			}
			return fault.New(fault.Disk, "unmount", points[i], what, "Nothing was written. Close what uses it (a file manager, a shell) and try again.")
		}
		stage.Log("unmounted " + points[i])
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if strings.TrimRight(l, "/") == strings.TrimRight(s, "/") {
			return true
		}
	}
	return false
}
