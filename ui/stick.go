package ui

import (
	"context"
	"slices"
	"strings"

	"floe/internal/report"
)

// Disk is a disk as it is shown.
type Disk struct {
	Key     string // stands for the disk itself, whatever it is called when it comes back
	Seen    string // another one once it was unplugged
	Path    string // "/dev/sdb"
	Name    string // "SanDisk Ultra Fit"
	Facts   string // "16 GB, usb, serial ...15103182"
	Holds   string // what is on it: "vfat STICK"
	Lost    []Row  // the same, as far as it would be lost
	Mounts  []string
	Refused string // why it is never written
	Unusual string // why somebody may not mean it
	HasData bool   // it has a data partition of floe's
	NoRoom  bool   // beside the image it has none for a new data partition
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

// choices are what can become of the rest of a disk, the usual one first: what
// there is is kept. Where there is no room, to want none is the same as to want one.
func (d Disk) choices() (list []Data) {
	if d.HasData {
		list = append(list, KeepData)
	}
	if list = append(list, NewData); !d.NoRoom {
		list = append(list, NoData)
	}
	return list
}

// after is the choice behind one.
func (d Disk) after(data Data) Data {
	list := d.choices()
	return list[(slices.Index(list, data)+1)%len(list)]
}

// words say what a choice comes to.
func (d Disk) words(data Data) string {
	if data == NewData && d.NoRoom {
		return "no data partition: the disk has no room for one"
	}
	return map[Data]string{
		NewData:  "data partition for containers on the rest",
		KeepData: "keep the data partition that is on it",
		NoData:   "no data partition",
	}[data]
}

// WriteOrder is an image, and where it goes.
type WriteOrder struct {
	Image string
	Size  int64 // of the image, in bytes
	Disk  Disk
	Data  Data
	Fixed bool // the image is for a board
}

// medium is what an image is written to: one for a board to a card that stays in it.
func medium(fixed bool) string {
	if fixed {
		return "memory card"
	}
	return "USB stick"
}

// again looks at the order's disk once more: minutes may have gone by since it
// was chosen. It says why the disk can be written no longer.
func (o WriteOrder) again(ctx context.Context, house House) (now Disk, why string) {
	list, err := house.Disks(ctx, o.Size)
	if err != nil {
		return Disk{}, reason(err)
	}
	for _, d := range list {
		switch {
		case d.Key != o.Disk.Key:
		case d.Refused != "":
			return Disk{}, "it cannot be written any more: " + d.Refused
		case d.Seen != o.Disk.Seen:
			return Disk{}, "it was pulled out and plugged in again; choose it once more"
		default:
			return d, ""
		}
	}
	return Disk{}, "it is not there any more"
}

// confirms tells whether what was typed is the name of the disk.
func (d Disk) confirms(typed string) bool {
	return d.Confirm != "" && strings.EqualFold(strings.Join(strings.Fields(typed), " "), d.Confirm)
}

// loss says in words what becomes of what is on a disk; kept rows are OK.
func (o WriteOrder) loss() (rows []Row) {
	for _, r := range o.Disk.Lost {
		row := Row{Key: "lost", Value: r.Value}
		if r.Level == OK && o.Data == KeepData {
			row.Level, row.Key = OK, "kept"
		}
		rows = append(rows, row)
	}
	for _, m := range o.Disk.Mounts {
		rows = append(rows, Row{Key: "unmounted", Value: m})
	}
	return append(rows, Row{Key: "then", Value: o.Disk.words(o.Data)})
}

// careful tells what a person may not expect of an order.
func (o WriteOrder) careful() (list []string) {
	if o.Disk.Unusual != "" {
		list = append(list, o.Disk.Unusual)
	}
	if o.Data == NewData && o.Disk.NoRoom {
		list = append(list, "there is no room for a data partition: containers are lost at switch-off")
	}
	return list
}

// warning is what an order comes to.
func (o WriteOrder) warning() string {
	if o.Data == KeepData {
		return "Everything on this disk will be lost, but its data partition."
	}
	return "Everything on this disk will be lost."
}

// Written is a disk that was written.
type Written struct{ Rows []Row }

// WriteFunc writes.
type WriteFunc func(context.Context, WriteOrder, report.Sink) (Written, error)

// Sticks is what the wizard asks of floe about disks. All but WriterAsks may
// be slow.
type Sticks interface {
	// Disks lists the disks, in the order in which they came. Those that have
	// fewer bytes than the image needs are refused.
	Disks(ctx context.Context, need int64) ([]Disk, error)

	// DiskChanges tells when listing them again is worth it, and once at the
	// beginning. It is closed when the context ends.
	DiskChanges(context.Context) <-chan struct{}

	// WriterAsks tells that Writer asks the person for a password, for which it
	// is lent the terminal.
	WriterAsks() bool

	// Writer gives what may write to disks.
	Writer(context.Context) (WriteFunc, error)
}
