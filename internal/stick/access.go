package stick

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/report"
)

// access is the right to do with a disk what not everybody may. What it opens
// is compared with what was chosen before anything is changed.
type access interface {
	// open opens the disk exclusively and past the page cache: while it is
	// open, nobody can mount it or a partition of it. The error is EBUSY if
	// somebody has.
	open(ctx context.Context, disk disks.Disk) (*os.File, error)
	unmount(ctx context.Context, point string) error
	reread(b *block) error
}

// root is the access of root.
type root struct{}

func (root) open(_ context.Context, disk disks.Disk) (*os.File, error) {
	fd, err := unix.Open(disk.Path, unix.O_RDWR|unix.O_EXCL|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), disk.Path), nil
}

func (root) unmount(_ context.Context, point string) error {
	return unix.Unmount(point, unix.UMOUNT_NOFOLLOW)
}

// reread tries for two seconds, for as long as udev looks at what was written.
// Loop devices may have no partitions.
func (root) reread(b *block) error {
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

const (
	opens = 4                      // how often a disk is opened that somebody else has open
	pause = 300 * time.Millisecond // before the next time
)

// openBlock finds the disk that was chosen, unmounts what was agreed to, and
// opens it for this process alone. Whoever is in between, as a desktop that
// mounts it again or udev that looks at it, gets out of the way a few times.
func openBlock(ctx context.Context, o Order, s disks.System, a access, stage *report.Stage) (*block, error) {
	for i := 1; ; i++ {
		disk, err := look(o, s)
		if err != nil {
			return nil, err
		}
		if err := unmount(ctx, disk, o.Unmount, a, stage); err != nil {
			return nil, err
		}
		f, err := a.open(ctx, disk)
		if err == nil {
			return &block{File: f, disk: disk, system: s, access: a}, nil
		}
		if !errors.Is(err, unix.EBUSY) || i == opens {
			return nil, opening(disk, err)
		}
		select {
		case <-ctx.Done():
			return nil, fault.New(fault.Cancelled, op, disk.Path, ctx.Err(), "Nothing was changed.")
		case <-time.After(pause):
		}
	}
}

// opening says in words why a disk could not be opened.
func opening(disk disks.Disk, err error) error {
	const unharmed = "Nothing was changed."
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	for _, tt := range []struct {
		errno     unix.Errno
		why, hint string
	}{
		{unix.EBUSY, "something else has it open, or has mounted it again",
			unharmed + " Close what uses it, and eject it in the file manager without unplugging it; then try again."},
		{unix.ENOMEDIUM, "no medium is in it", unharmed},
		{unix.EROFS, "it is write-protected", "Many sticks and cards have a small switch for that."},
		{unix.ENXIO, "it was pulled out", unharmed},
		{unix.ENODEV, "it was pulled out", unharmed},
		{unix.ENOENT, "it was pulled out", unharmed},
		{unix.EACCES, err.Error(), "Writing to a disk takes root."},
		{unix.EPERM, err.Error(), "Writing to a disk takes root."},
	} {
		if errors.Is(err, tt.errno) {
			return refuse(disk.Path, errors.New(tt.why), tt.hint)
		}
	}
	return refuse(disk.Path, err, unharmed)
}

// unmount takes away the mounts of the disk, all of which the person must have
// agreed to lose.
func unmount(ctx context.Context, disk disks.Disk, agreed []string, a access, stage *report.Stage) error {
	mounts := disk.Mounts()
	for _, m := range mounts {
		if !contains(agreed, m.At) {
			return refuse(disk.Path, fmt.Errorf("it is mounted on %s, and that was not agreed to", m.What), "Nothing was changed. Unmount it, or choose the disk again.")
		}
	}
	for _, m := range slices.Backward(mounts) { // the last came last, and may be on another
		if err := a.unmount(ctx, m.At); err != nil {
			if _, ok := errors.AsType[*fault.Error](err); ok {
				return err
			}
			what := err
			if errors.Is(err, unix.EBUSY) {
				what = errors.New("a program has a file or a folder open there, or something is mounted below")
			}
			return fault.New(fault.Disk, "unmount", m.What, what, "Nothing was written. Close what uses it (a file manager, a shell) and try again.")
		}
		stage.Log("unmounted " + m.What)
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
