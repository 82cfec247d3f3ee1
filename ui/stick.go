package ui

import (
	"context"

	"floe/internal/report"
)

// Disk is a disk as it is shown.
type Disk struct {
	Key     string // stands for the disk itself, whatever it is called when it comes back
	Seen    string // another one once it was unplugged
	Path    string // "/dev/sdb"
	Name    string // "SanDisk Ultra Fit"
	Facts   string // "16 GB, usb, serial number ...15103182"
	Holds   string // what is on it: "vfat STICK"
	Lost    []Row  // the same, as far as it would be lost
	Mounts  []string
	Refused string // why it is never written
	Unusual string // why somebody may not mean it
	HasData bool   // it has a data partition of floe's
	Confirm string // what a person types to erase it
	ID      any    // what the house knows it by
}

// Data says what becomes of the rest of a disk.
type Data string

// The choices for the rest of a disk.
const (
	NewData  Data = "new"
	KeepData Data = "keep"
	NoData   Data = "none"
)

// next is the choice behind one, for a disk that has a data partition or not.
func (d Data) next(has bool) Data {
	switch {
	case d == NewData:
		return NoData
	case d == NoData && has:
		return KeepData
	}
	return NewData
}

// words say the choice.
func (d Data) words() string {
	return map[Data]string{
		NewData:  "new data partition on the rest, for containers",
		KeepData: "keep the data partition that is on it",
		NoData:   "no data partition",
	}[d]
}

// WriteOrder is an image, and where it goes.
type WriteOrder struct {
	Image string
	Disk  Disk
	Data  Data
}

// Written is a disk that was written.
type Written struct{ Rows []Row }

// WriteFunc writes.
type WriteFunc func(context.Context, WriteOrder, report.Sink) (Written, error)

// Sticks is what the wizard asks of floe about disks. All but WriterAsks may
// be slow.
type Sticks interface {
	// Disks lists the disks, in the order in which they came.
	Disks(context.Context) ([]Disk, error)

	// DiskChanges tells when listing them again is worth it, and once at the
	// beginning. It is closed when the context ends.
	DiskChanges(context.Context) <-chan struct{}

	// WriterAsks tells that Writer asks the person for a password, for which it
	// is lent the terminal.
	WriterAsks() bool

	// Writer gives what may write to disks.
	Writer(context.Context) (WriteFunc, error)
}
