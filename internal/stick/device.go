package stick

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
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

// sectors reads whole sectors of a device to memory of any kind. It keeps the
// first error, for readers who go on without what they did not get.
type sectors struct {
	dev device
	at  int64
	err error
}

func (s *sectors) ReadAt(b []byte, at int64) (int, error) {
	direct := aligned(len(b))
	n, err := s.dev.ReadAt(direct, at)
	if n < len(b) && (err == nil || errors.Is(err, io.EOF)) {
		err = errShort
	}
	if err != nil && s.err == nil {
		s.at, s.err = at+int64(n), err
	}
	return copy(b, direct[:n]), err
}

// block is a block device, open exclusively and past the page cache.
type block struct {
	*os.File
	disk   disks.Disk
	system disks.System
	access access
}

// BLKGETDISKSEQ, of <linux/fs.h>: the count of the disk that is open, which no
// other disk ever gets.
const blkGetDiskSeq = 0x80081280

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
	if sector, err := unix.IoctlGetInt(int(b.Fd()), unix.BLKSSZGET); err != nil || sector != b.disk.Sector {
		return refuse(b.disk.Path, fmt.Errorf("its sectors have %d bytes, not %d", sector, b.disk.Sector), "Nothing was changed.")
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

// Reread has the kernel read the partition table.
func (b *block) Reread() error { return b.access.reread(b) }

const (
	leaving = 2 * time.Second // how long a disk may still be seen whose writes fail because it was pulled out
	glance  = 50 * time.Millisecond
)

// Gone tells whether the disk is no longer there. It is asked after an error: what
// is under way fails before the kernel has taken the disk away, so that it waits
// a little for that.
func (b *block) Gone() bool {
	for late := time.Now().Add(leaving); b.system.Has(b.disk.Identity); time.Sleep(glance) {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}
