// Package stick writes an image onto a disk, so that the disk either has all
// of it, read back and compared, or does not boot.
//
// The order of things is what makes that so:
//
//  1. the image, by its SHA-256, and the disk are looked at; whatever is wrong
//     is refused before anything is lost
//  2. the disk is opened exclusively, and compared with the one that was
//     chosen: model, serial number, size, device number, the kernel's count; a data
//     partition of an earlier Floe that nobody kept or gave up is the end of it
//  3. its first MiB and the backup of its partition table are blanked, so that
//     neither BIOS nor UEFI finds anything to boot, and that is read back
//  4. the image goes onto it from the second MiB on, past the page cache; what it
//     has for the disk's last sectors waits with the first MiB
//  5. that is read back from the disk, and the hash of each MiB of it compared
//     with that of the image when it was looked at: 64 bits with a seed that this
//     process alone knows (hash/maphash), which other bytes have once in 2⁶⁴ times
//  6. the partition tables are made for the size of the disk, and the first
//     MiB is written last
//
// Whatever ends it before leaves a disk that does not boot. A data partition
// that is to be kept stays in one of the two copies of the table all the time.
//
// Writing needs root. Elevate starts a child that has it, in which Serve checks
// everything again; or UDisks has the desktop's service open the disk, and
// nothing here is root. The package asks nobody, and prints nothing.
//
// Zeros of the image are not sent to a disk that can discard and promises zeros
// then; they are read back and compared like the rest. Few sticks promise that.
package stick

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/report"
)

// Data says what becomes of the rest of the disk.
type Data string

// The choices for the rest of the disk.
const (
	NewData  Data = "new"  // a partition for containers; what it held is lost
	KeepData Data = "keep" // the partition that is there stays as it is
	NoData   Data = "none"
)

// Order says what to write where. It crosses from the person's process to
// the one with the right to write, as JSON.
type Order struct {
	Image    string         `json:"image"`  // absolute path
	SHA256   string         `json:"sha256"` // what the image must have, lower-case hexadecimal
	Size     int64          `json:"size"`   // bytes
	Any      bool           `json:"any,omitempty"`
	Disk     disks.Identity `json:"disk"`                // what was chosen
	Data     Data           `json:"data"`                // for images of floe's only
	LoseData bool           `json:"lose_data,omitempty"` // a data partition that is not kept was shown or named to the person
	Unmount  []string       `json:"unmount,omitempty"`   // mount points that the person agreed to lose
	Protect  []string       `json:"protect,omitempty"`   // paths whose disk is needed, besides those that needed finds
}

// Result tells what was written.
type Result struct {
	Path  string        `json:"path"` // of the disk
	Bytes int64         `json:"bytes"`
	Wrote time.Duration `json:"wrote_ns"` // how long writing and flushing took
	Read  time.Duration `json:"read_ns"`  // how long reading back took
	Data  int64         `json:"data"`     // bytes of the data partition; 0: none
	Kept  bool          `json:"kept"`     // it is the one that was there before

	NoRoom bool `json:"no_room"` // there should be one, and the disk has no room for it
}

// NoRoom tells that an order of an image of floe's is for a data partition for
// which its disk has no room: the image is then written without one.
func (o Order) NoRoom() bool { return o.Data == NewData && !DataFits(o.Size, o.Disk.Size) }

const op = "write the image to"

// refuse makes an error about a disk that was left alone.
func refuse(on string, err error, hint string) error {
	return fault.New(fault.Disk, op, on, err, hint)
}

// check finds what is wrong with an order without looking at the machine.
func (o Order) check() error {
	bad := func(what string) error {
		return fault.New(fault.Usage, "understand the order to write", "", errors.New(what), "")
	}
	switch {
	case !strings.HasPrefix(o.Image, "/") || strings.ContainsRune(o.Image, 0):
		return bad("the image's path is not absolute")
	case len(o.SHA256) != 64 || strings.Trim(o.SHA256, "0123456789abcdef") != "":
		return bad("the image's SHA-256 is missing")
	case o.Size <= 0:
		return bad("the image's size is missing")
	case o.Disk.Number.Major == 0 || o.Disk.Size <= 0:
		return bad("no disk is named")
	case o.Data != NewData && o.Data != KeepData && o.Data != NoData:
		return bad(fmt.Sprintf("%q is nothing to do with the rest of the disk", o.Data))
	}
	return nil
}

// Write writes an image to a disk. It must run as root.
//
// The image is read with root's rights, as whoever gave the order has them: they
// could read and write the same without floe. That a variable tells of a sudo
// says only how their shell came to be, and not that somebody else is asking.
//
// The errors' classes: fault.Usage for an image that is none, fault.Disk for a
// disk that was refused or failed, fault.Verify for an image or a disk with
// other bytes than it should have.
func Write(ctx context.Context, o Order, s disks.System, sink report.Sink) (Result, error) {
	return write(ctx, o, s, root{}, nil, sink, func() error { return nil })
}

// write reads the image with the rights of somebody, or with its own for nil, and
// calls drop once everything that takes root is open.
func write(ctx context.Context, o Order, s disks.System, a access, reader *user.User, sink report.Sink, drop func() error) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	o.Protect = append(needed(caller()), o.Protect...)
	stage := report.Start(sink, "write/check", "Look at the image and the disk")
	image, dev, disk, err := open(ctx, o, s, a, reader, stage)
	if err != nil {
		return Result{}, stage.Fail(err)
	}
	defer image.Close()
	defer dev.Close()
	if err := drop(); err != nil {
		return Result{}, stage.Fail(fault.New(fault.Missing, "give up the rights of root", "", err, "Nothing was changed."))
	}
	stage.Done(disk.Name() + ", " + humanize.Bytes(uint64(disk.Size)))
	j, err := newJob(image, o.Data, dev, disk.Path, sink)
	if err != nil {
		return Result{}, err
	}
	if !o.LoseData {
		if err := j.spare(); err != nil {
			return Result{}, err
		}
	}
	return j.run(ctx)
}

// open does everything that comes before the disk is changed.
func open(ctx context.Context, o Order, s disks.System, a access, reader *user.User, stage *report.Stage) (*Image, *block, disks.Disk, error) {
	image, err := inspectAs(ctx, reader, o.Image, o.Any, stage)
	if err != nil {
		return nil, nil, disks.Disk{}, err
	}
	dev, disk, err := openDisk(ctx, o, image, s, a, stage)
	if err != nil {
		image.Close()
		return nil, nil, disks.Disk{}, err
	}
	return image, dev, disk, nil
}

func openDisk(ctx context.Context, o Order, image *Image, s disks.System, a access, stage *report.Stage) (*block, disks.Disk, error) {
	if image.SHA256 != o.SHA256 || image.Size != o.Size {
		return nil, disks.Disk{}, fault.New(fault.Verify, "check the image", o.Image,
			fmt.Errorf("it has the SHA-256 %s, not %s: it changed since it was looked at", image.SHA256, o.SHA256), "Start again.")
	}
	dev, err := openBlock(ctx, o, s, a, stage)
	if err != nil {
		return nil, disks.Disk{}, err
	}
	// Nobody else can open or mount it now. Is it still the same?
	disk, err := look(o, s)
	if err == nil {
		err = dev.compare(o.Disk)
	}
	if err != nil {
		dev.Close()
		return nil, disk, err
	}
	return dev, disk, nil
}

// look finds the disk that was chosen, and refuses any other, and one that is
// in use.
func look(o Order, s disks.System) (disks.Disk, error) {
	disk, err := s.ByNumber(o.Disk.Number, disks.Options{Protect: append([]string{o.Image}, o.Protect...)})
	if err != nil {
		return disk, refuse(o.Disk.Name(), err, "Plug it in again, and choose it again: 'floe disks' lists what is there.")
	}
	if why := o.Disk.Differs(disk.Identity); why != nil {
		return disk, refuse(disk.Path, errors.New("it is not the disk that was chosen: "+strings.Join(why, ", ")),
			"Nothing was changed. Choose again: 'floe disks' lists what is there.")
	}
	if why := disk.Refused(o.Size); why != "" {
		return disk, refuse(disk.Path, errors.New(why), "Nothing was changed. 'floe disks' lists what can be written.")
	}
	return disk, nil
}

// newJob reads what the disk has and plans what it will have.
func newJob(image *Image, data Data, dev device, path string, sink report.Sink) (*job, error) {
	j := &job{image: image, dev: dev, path: path, sink: sink, stall: stallAfter}
	for i := range j.buffers {
		j.buffers[i] = aligned(chunk)
	}
	// What is written first and last must not be where the rest goes. An image of
	// floe's that reached into the backup of the table would bring one of its own.
	least := int64(headSize + wipeSize)
	if least = max(least, image.Size); image.Floe {
		least = max(least, image.Size+tailSize)
	}
	if dev.Size() < least {
		return nil, refuse(path, fmt.Errorf("too small: %s, %s needed", humanize.Bytes(uint64(dev.Size())), humanize.Bytes(uint64(least))), "Nothing was changed.")
	}
	head := aligned(headSize)
	first := head[:min(headSize, image.Size)]
	if err := image.read(first, 0); err != nil {
		return nil, j.unread(err)
	}
	if !image.had(first, 0) {
		return nil, j.changed()
	}
	switch {
	case image.Floe:
	case data == KeepData:
		return nil, refuse(path, errors.New("an image that is not floe's takes all of it: its data partition cannot be kept"), "Nothing was changed.")
	default:
		data = ""
	}
	var err error
	disk := &sectors{dev: dev}
	if j.layout, err = plan(head, disk, image.Size, dev.Size(), data); err != nil {
		if disk.err != nil {
			return nil, j.broken("read", disk.at, disk.err)
		}
		return nil, refuse(path, err, "Nothing was changed.")
	}
	return j, j.holdBack()
}
