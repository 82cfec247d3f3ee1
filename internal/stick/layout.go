package stick

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/dustin/go-humanize"

	"floe/internal/iso"
)

const (
	headSize = 1 << 20 // bytes at the start of a disk that are written last
	tailSize = iso.BackupSectors * iso.SectorSize
	wipeSize = 1 << 20 // bytes at the end of the disk that are wiped
	dataWipe = 4 << 20 // bytes at either end of a new data partition that are: no file system has a signature further in

	grain     = 1 << 20   // data partitions begin and end at multiples of this
	roomLeast = 1 << 30   // what a large disk keeps free for larger images to come
	dataLeast = 32 << 20  // a smaller data partition is not worth it
	maxSector = 1<<32 - 1 // of the size in a protective MBR
)

// layout is what a disk will have, and what it has meanwhile.
type layout struct {
	head, tail           []byte // at last; no tail: zeros
	blankHead, blankTail []byte // while the image is being written
	data                 iso.Partition
	keep                 bool
	noRoom               bool // for the data partition that there should be
}

// hasData tells whether there will be a data partition.
func (l layout) hasData() bool { return l.data.Sectors > 0 }

// plan lays a disk out. Head is the image's first MiB, disk the disk as it is;
// no data means an image that is not floe's, which goes onto the disk as it
// is. Sizes are in bytes.
func plan(head []byte, disk io.ReaderAt, image, size int64, data Data) (l layout, err error) {
	l = layout{head: head, tail: aligned(tailSize), blankHead: aligned(headSize), blankTail: aligned(tailSize)}
	if data == "" {
		return l, nil
	}
	table, err := iso.ReadGPT(readerAt(head))
	if err != nil {
		return l, fmt.Errorf("the image: %w", err)
	}
	// That of a card's image is as small as can be, and not where it would stay.
	table.Partitions = slices.DeleteFunc(table.Partitions, func(p iso.Partition) bool { return p.Name == iso.DataName })
	total := size / iso.SectorSize
	switch data {
	case KeepData:
		if l.data, err = oldData(disk, image, size); err != nil {
			return l, err
		}
		l.keep = true
	case NewData:
		l.data = newData(image, size)
		l.noRoom = !l.hasData()
	}
	if l.hasData() {
		table.Partitions = append(table.Partitions, l.data)
	}
	primary, backup, err := iso.GPT(total, table.Disk, table.Partitions)
	if err != nil {
		return l, err
	}
	putTable(l.head, primary, total)
	copy(l.tail, backup)
	if l.keep {
		primary, backup, err = iso.GPT(total, table.Disk, []iso.Partition{l.data})
		if err != nil {
			return l, err
		}
		sector, err := iso.MBR(nil, 0, total, 0)
		if err != nil {
			return l, err
		}
		copy(l.blankHead, sector[:])
		copy(l.blankHead[iso.SectorSize:], primary)
		copy(l.blankTail, backup)
	}
	return l, nil
}

// putTable puts a partition table into the first MiB of an image, whose
// protective MBR then covers the whole disk (UEFI 2.10, table 5-4). A hybrid
// one, of a card's image, stays: it has a partition in its first entry.
func putTable(head, primary []byte, total int64) {
	copy(head[iso.SectorSize:], primary)
	const (
		first       = 446 // entry
		kind, size  = 4, 12
		typeProtect = 0xee
	)
	if head[first+kind] != typeProtect {
		return
	}
	binary.LittleEndian.PutUint32(head[first+size:], uint32(min(total-1, maxSector)))
}

// oldData finds the data partition that is to be kept.
func oldData(disk io.ReaderAt, image, size int64) (iso.Partition, error) {
	p, ok := dataOn(disk, size)
	if !ok {
		_, err := iso.ReadGPT(disk)
		if err == nil {
			err = errors.New("none is called " + iso.DataName)
		}
		return p, fmt.Errorf("there is no data partition to keep: %w", err)
	}
	if start := p.First * iso.SectorSize; start < max(image, headSize) {
		return p, fmt.Errorf("its data partition begins at %s, and the image needs %s: it cannot be kept",
			humanize.IBytes(uint64(start)), humanize.IBytes(uint64(image)))
	}
	return p, nil
}

// dataOn finds the data partition of an earlier Floe: in the partition table of
// a disk, or in the copy at the disk's end unless the table gives its room to
// something else. One of the two is whole at every moment of a writing that
// keeps it, wherever that is torn off.
func dataOn(disk io.ReaderAt, size int64) (p iso.Partition, ok bool) {
	table, err := iso.ReadGPT(disk)
	if p, ok = table.Find(iso.DataName); err == nil && ok {
		return p, true
	}
	backup, err := iso.ReadBackupGPT(disk, size/iso.SectorSize)
	p, ok = backup.Find(iso.DataName)
	return p, err == nil && ok && !table.Overlaps(p)
}

// newData places a data partition behind the image, with room in between for
// larger images to come: twice the image's size, or an eighth of the disk up to
// a GiB. It is empty where the disk has no room.
func newData(image, size int64) iso.Partition {
	end := (size - tailSize) / grain * grain
	for _, room := range []int64{max(2*image, min(size/8, roomLeast)), image} {
		start := (max(room, headSize) + grain - 1) / grain * grain
		if end-start >= dataLeast {
			var id iso.GUID
			_, _ = rand.Read(id[:]) // never fails
			id[7], id[8] = id[7]&0x0f|0x40, id[8]&0x3f|0x80
			return iso.DataPartition(id, start/iso.SectorSize, (end-start)/iso.SectorSize)
		}
	}
	return iso.Partition{}
}

// DataFits tells whether a disk has room for a data partition behind an image,
// both of so many bytes.
func DataFits(image, disk int64) bool { return newData(image, disk).Sectors > 0 }

// readerAt reads from bytes.
type readerAt []byte

func (b readerAt) ReadAt(p []byte, at int64) (int, error) {
	if at > int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
