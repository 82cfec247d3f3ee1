package qcow2

import (
	"crypto/rand"
	"fmt"

	"floe/internal/iso"
)

// DataLabel is the name of the partition that Floe's machines take for their
// data disk.
const DataLabel = "floe-data"

const aligned = 1 << 20 / iso.SectorSize // partitions begin at a whole MiB

// DataDisk is what is on a new data disk of size bytes: a partition table with
// one empty partition, which a machine formats when it boots.
func DataDisk(size int64) ([]Extent, error) {
	total := size / iso.SectorSize
	var disk, part iso.GUID
	for _, id := range []*iso.GUID{&disk, &part} {
		if _, err := rand.Read(id[:]); err != nil {
			return nil, err
		}
		id[7] = id[7]&0x0f | 0x40 // version 4 (RFC 9562), in a GPT's order of bytes
		id[8] = id[8]&0x3f | 0x80
	}
	if total < 64*aligned {
		return nil, fmt.Errorf("a data disk of %d bytes is too small: 64 MiB at least", size)
	}
	primary, backup, err := iso.GPT(total, disk, []iso.Partition{{
		Type: linuxData, ID: part, First: aligned, Sectors: (total - 2*aligned) / aligned * aligned, Name: DataLabel,
	}})
	if err != nil {
		return nil, err
	}
	boot, err := iso.MBR(nil, 0, total, 0)
	if err != nil {
		return nil, err
	}
	return []Extent{
		{Offset: 0, Data: append(boot[:], primary...)},
		{Offset: size - int64(len(backup)), Data: backup},
	}, nil
}

// linuxData is 0FC63DAF-8483-4772-8E79-3D69D8477DE4: data of Linux.
var linuxData = iso.GUID{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}
