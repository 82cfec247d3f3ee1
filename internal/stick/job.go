package stick

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
)

// job writes one image to one device.
type job struct {
	image   *Image
	dev     device
	path    string // of the device, for people
	layout  layout
	buffers [workers][]byte // of chunk bytes
	sink    report.Sink
	stall   time.Duration // without progress, before it is said
	began   bool          // the disk has lost what it held
}

// stallAfter is how long a disk may take nothing before that is said. Sticks
// pause for seconds while they tidy up.
const stallAfter = 5 * time.Second

// spare refuses a disk whose data partition would be lost without having been
// named. Whoever chose the disk saw what the kernel knows of it, and that may be
// less: it does not look at a table again that changed, and reads neither a loop
// device's nor the copy of a damaged one.
func (j *job) spare() error {
	if j.layout.keep {
		return nil
	}
	disk := &sectors{dev: j.dev}
	p, ok := dataOn(disk, j.dev.Size())
	switch {
	case ok:
	case disk.err != nil:
		return j.broken("read", disk.at, disk.err)
	default:
		return nil
	}
	hint := "Nothing was changed. 'floe write' keeps it with --keep-data, and loses it with --new-data or --no-data."
	if !j.image.Floe {
		hint = "Nothing was changed. An image that is not floe's takes all of the disk: --no-data says that it may be lost."
	}
	return fault.New(fault.Usage, op, j.path, fmt.Errorf("it has a data partition of an earlier Floe, %s, and nobody said that it may be lost",
		humanize.Bytes(uint64(p.Sectors*iso.SectorSize))), hint)
}

// Erasing is the stage from whose start on a disk has lost what it held.
const Erasing = "write/blank"

// run does the steps from the first change of the disk on.
func (j *job) run(ctx context.Context) (Result, error) {
	result := Result{Path: j.path, Bytes: j.image.Size, Data: j.layout.data.Sectors * iso.SectorSize, Kept: j.layout.keep, NoRoom: j.layout.noRoom}
	for _, step := range []struct {
		id, title string
		took      *time.Duration
		do        func(context.Context, *report.Stage) (string, error)
	}{
		{Erasing, "Make the disk unbootable meanwhile", nil, j.blank},
		{"write/body", "Write", &result.Wrote, j.write},
		{"write/flush", "Flush", &result.Wrote, j.flush},
		{"write/verify", "Read back and compare", &result.Read, j.verify},
		{"write/finish", "Make the disk bootable", nil, j.finish},
	} {
		if err := ctx.Err(); err != nil {
			return result, j.cancelled(err)
		}
		stage, start := report.Start(j.sink, step.id, step.title), time.Now()
		said, err := step.do(ctx, stage)
		if step.took != nil {
			*step.took += time.Since(start)
		}
		if err != nil {
			if ctx.Err() != nil && !isDevice(err) {
				err = j.cancelled(ctx.Err())
			}
			return result, stage.Fail(err)
		}
		stage.Done(said)
	}
	return result, nil
}

// isDevice tells whether an error is one that the disk made.
func isDevice(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && (e.Class == fault.Disk || e.Class == fault.Verify)
}

// state says what the disk is like after something went wrong.
func (j *job) state() string {
	switch {
	case !j.began:
		return "Nothing was changed."
	case j.layout.keep:
		return "The disk does not boot now. Its data partition is still there: write it again with --keep-data."
	}
	return "The disk has lost what it held, and does not boot: write it again."
}

func (j *job) cancelled(err error) error {
	return fault.New(fault.Cancelled, op, j.path, err, j.state())
}

// broken says in words what a disk's error means.
func (j *job) broken(what string, at int64, err error) error {
	place := humanize.Bytes(uint64(at))
	why, hint := fmt.Errorf("it fails to %s at %s: %w", what, place, err), "The disk may be worn out; try another one. "
	switch {
	case j.dev.Gone():
		why, hint = fmt.Errorf("it was pulled out at %s", place), "Plug it in again. "
	case errors.Is(err, unix.ENOSPC), errors.Is(err, errShort):
		why, hint = fmt.Errorf("it ends at %s, before the size that it claims", place), "Sticks that claim more than they have are sold; use another one. "
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EPERM):
		why, hint = fmt.Errorf("it takes nothing more at %s: %w", place, err), "Worn sticks protect themselves against writing; use another one. "
	}
	return fault.New(fault.Disk, op, j.path, why, hint+j.state())
}

// other is the error of a disk that gives back what it was not given.
func (j *job) other(where string) error {
	return fault.New(fault.Verify, op, j.path, errors.New("it gives back other bytes than it was given, "+where),
		"The disk is worn out, or claims more than it has; use another one. "+j.state())
}

// unread is the error of an image that cannot be read any more.
func (j *job) unread(err error) error {
	return fault.New(fault.Missing, "read the image", j.image.Name(), err, j.state())
}

// changed is the error of an image that is not any more what was looked at.
func (j *job) changed() error {
	return fault.New(fault.Verify, op, j.path, errors.New("the image changed while it was being written"), "Leave it alone meanwhile. "+j.state())
}

// errShort is the error of a device that takes or gives less than it should.
var errShort = errors.New("the disk ends here")

func (j *job) put(b []byte, at int64) error {
	n, err := j.dev.WriteAt(b, at)
	if err == nil && n < len(b) {
		err = errShort
	}
	if err != nil {
		return j.broken("write", at+int64(n), err)
	}
	return nil
}

// last is where the backup of the partition table goes.
func (j *job) last() int64 { return j.dev.Size() - tailSize }

// blank takes away what boots: the first MiB, and the backup of the partition
// table, by which UEFI would find the rest.
func (j *job) blank(_ context.Context, stage *report.Stage) (string, error) {
	_, stop := j.watch(stage, 0)
	defer stop()
	j.began = true
	if err := j.put(j.layout.blankHead, 0); err != nil {
		return "", err
	}
	if j.layout.keep {
		// The copy of the table is all that there is while the table is being
		// written, and the other way round.
		if err := j.settle(0); err != nil {
			return "", err
		}
	} else {
		// Whatever kept its own tables at the end: RAID, ZFS, an older GPT.
		size := min(wipeSize, j.dev.Size()-headSize) / iso.SectorSize * iso.SectorSize
		if err := j.put(aligned(int(size)), j.dev.Size()-size); err != nil {
			return "", err
		}
	}
	if err := j.put(j.layout.blankTail, j.last()); err != nil {
		return "", err
	}
	if err := j.settle(0); err != nil {
		return "", err
	}
	// A worn disk may take everything and keep what it had, which boots.
	for _, end := range []struct {
		b  []byte
		at int64
	}{{j.layout.blankHead, 0}, {j.layout.blankTail, j.last()}} {
		if same, err := j.has(end.b, end.at); err != nil || !same {
			return "", cmp.Or(err, j.stubborn())
		}
	}
	if j.layout.keep {
		return "the data partition stays", nil
	}
	return "", nil
}

// settle has all that was written on the medium, and nothing of it in memory.
func (j *job) settle(at int64) error {
	if err := errors.Join(j.dev.Flush(), j.dev.Forget()); err != nil {
		return j.broken("flush", at, err)
	}
	return nil
}

// has reads back, and tells whether the disk has these bytes.
func (j *job) has(b []byte, at int64) (bool, error) {
	back := aligned(len(b))
	if n, err := j.dev.ReadAt(back, at); err != nil {
		return false, j.broken("read", at+int64(n), err)
	}
	return bytes.Equal(b, back), nil
}

// stubborn is the error of a disk that takes writes and does not do them.
func (j *job) stubborn() error {
	return fault.New(fault.Verify, op, j.path, errors.New("it takes what is written and keeps what it had"),
		"The disk is worn out; use another one. It may still hold what it held, and boot as before.")
}

func (j *job) flush(_ context.Context, stage *report.Stage) (string, error) {
	_, stop := j.watch(stage, 0)
	defer stop()
	return "", j.settle(j.image.Size)
}

// finish writes the partition tables, and the first MiB last.
func (j *job) finish(_ context.Context, stage *report.Stage) (string, error) {
	_, stop := j.watch(stage, 0)
	defer stop()
	l := j.layout
	if err := j.tables(); err != nil {
		// It may boot, from either copy of the table, and it may be wrong.
		_ = j.put(l.blankHead, 0)
		_ = j.put(l.blankTail, j.last())
		_ = j.dev.Flush()
		return "", err
	}
	if err := j.dev.Reread(); err != nil {
		stage.Log("the kernel does not read the new partition table before the disk is plugged in again: " + err.Error())
	}
	size := humanize.Bytes(uint64(l.data.Sectors * iso.SectorSize))
	switch {
	case l.keep:
		return "data partition kept, " + size, nil
	case l.hasData():
		return "data partition of " + size, nil
	case l.noRoom:
		return "no data partition: the disk has no room for one", nil
	}
	return "", nil
}

// tables empties the data partition, and writes what makes the disk bootable.
func (j *job) tables() error {
	l := j.layout
	if l.hasData() && !l.keep {
		zero := aligned(dataWipe)
		start, end := l.data.First*iso.SectorSize, (l.data.First+l.data.Sectors)*iso.SectorSize
		for _, at := range []int64{start, end - dataWipe} {
			if err := j.put(zero, at); err != nil {
				return err
			}
		}
	}
	if err := j.putBack(l.tail, j.last()); err != nil {
		return err
	}
	return j.putBack(l.head, 0)
}

// putBack writes, flushes and reads back.
func (j *job) putBack(b []byte, at int64) error {
	if err := j.put(b, at); err != nil {
		return err
	}
	if err := j.settle(at); err != nil {
		return err
	}
	same, err := j.has(b, at)
	if err == nil && !same {
		err = j.other("at " + humanize.Bytes(uint64(at)))
	}
	return err
}

func speed(bytes int64, took time.Duration) string {
	if took <= 0 || bytes <= 0 {
		return humanize.Bytes(uint64(max(bytes, 0)))
	}
	return fmt.Sprintf("%s, %s/s", humanize.Bytes(uint64(bytes)), humanize.Bytes(uint64(float64(bytes)/took.Seconds())))
}
