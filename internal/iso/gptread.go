package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode/utf16"
)

// DataName is the name of the partition in which a stick keeps what containers
// leave behind. The booted system looks for it.
const DataName = "floe-data"

// Table is a GUID partition table as it was read.
type Table struct {
	Disk       GUID
	Partitions []Partition // by place; numbers of the entries are not kept
}

// The errors of a table that cannot be read.
var (
	errNoGPT = errors.New("no GUID partition table is there")
	errShape = errors.New("the partition table has a shape that is not usual")
	errSum   = errors.New("the partition table is damaged: its checksum is wrong")
)

// ReadGPT reads the primary partition table of a disk or of an image, and
// checks its checksums. It reads what GPT writes: an array right behind the
// header, of 128 entries of 128 bytes.
func ReadGPT(disk io.ReaderAt) (Table, error) {
	b := make([]byte, gptFirst*SectorSize)
	if _, err := disk.ReadAt(b, 0); err != nil {
		return Table{}, err
	}
	h := b[SectorSize:][:SectorSize]
	switch array, err := parseHeader(h, 1); {
	case err != nil:
		return Table{}, err
	case array != 2:
		return Table{}, errShape
	}
	return parseArray(h, b[2*SectorSize:])
}

// ReadBackupGPT reads the copy of the partition table that a disk of total
// sectors has at its end: its header in the last sector, its array where that
// says. It takes no table whose header belongs elsewhere.
func ReadBackupGPT(disk io.ReaderAt, total int64) (Table, error) {
	if total < gptFirst+gptSectors {
		return Table{}, errNoGPT
	}
	h := make([]byte, SectorSize)
	if _, err := disk.ReadAt(h, (total-1)*SectorSize); err != nil {
		return Table{}, err
	}
	first, err := parseHeader(h, total-1)
	switch {
	case err != nil:
		return Table{}, err
	case first < gptFirst || first > total-gptSectors:
		return Table{}, errShape
	}
	array := make([]byte, gptArray*SectorSize)
	if _, err := disk.ReadAt(array, first*SectorSize); err != nil {
		return Table{}, err
	}
	return parseArray(h, array)
}

// parseHeader checks a header, which belongs into one sector, and gives the
// first sector of its array.
func parseHeader(h []byte, self int64) (array int64, err error) {
	if string(h[:8]) != "EFI PART" {
		return 0, errNoGPT
	}
	clean := append([]byte(nil), h[:gptHeaderSize]...)
	binary.LittleEndian.PutUint32(clean[16:], 0)
	array = int64(binary.LittleEndian.Uint64(h[72:])) // one below zero is refused with those outside the disk
	switch {
	case binary.LittleEndian.Uint32(h[12:]) != gptHeaderSize || int64(binary.LittleEndian.Uint64(h[24:])) != self ||
		binary.LittleEndian.Uint32(h[80:]) != gptEntries || binary.LittleEndian.Uint32(h[84:]) != gptEntrySize:
		return 0, errShape
	case crc32.ChecksumIEEE(clean) != binary.LittleEndian.Uint32(h[16:]):
		return 0, errSum
	}
	return array, nil
}

// parseArray reads the array of a header that was checked.
func parseArray(h, array []byte) (Table, error) {
	if crc32.ChecksumIEEE(array) != binary.LittleEndian.Uint32(h[88:]) {
		return Table{}, errSum
	}
	t := Table{Disk: GUID(h[56:72])}
	for e := range slices.Chunk(array, gptEntrySize) {
		p, err := parsePartition(e)
		if err != nil {
			return Table{}, err
		}
		if p.Type != (GUID{}) {
			t.Partitions = append(t.Partitions, p)
		}
	}
	slices.SortStableFunc(t.Partitions, func(a, b Partition) int { return int(min(1, max(-1, a.First-b.First))) })
	return t, nil
}

func parsePartition(e []byte) (Partition, error) {
	first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
	const most = 1 << 54 // sectors; bytes still fit an int64
	if first > most || last > most || last+1 < first {
		return Partition{}, fmt.Errorf("the partition table has a partition from sector %d to %d", first, last)
	}
	var name []uint16
	for i := range gptName {
		u := binary.LittleEndian.Uint16(e[56+2*i:])
		if u == 0 {
			break
		}
		name = append(name, u)
	}
	return Partition{
		Type: GUID(e[0:16]), ID: GUID(e[16:32]), First: int64(first), Sectors: int64(last) - int64(first) + 1,
		Attributes: binary.LittleEndian.Uint64(e[48:]), Name: string(utf16.Decode(name)),
	}, nil
}

// Find gives the partition with a name.
func (t Table) Find(name string) (Partition, bool) {
	i := slices.IndexFunc(t.Partitions, func(p Partition) bool { return p.Name == name })
	if i < 0 {
		return Partition{}, false
	}
	return t.Partitions[i], true
}

// Overlaps tells whether a partition takes room that one of the table has.
func (t Table) Overlaps(p Partition) bool {
	return slices.ContainsFunc(t.Partitions, func(o Partition) bool {
		return o.First < p.First+p.Sectors && p.First < o.First+o.Sectors
	})
}

// DataPartition makes the entry of a partition for data of Linux.
func DataPartition(id GUID, first, sectors int64) Partition {
	return Partition{Type: linuxType(), ID: id, First: first, Sectors: sectors, Name: DataName}
}

// BackupSectors is how many sectors at the end of a disk the backup of the
// table takes; PrimarySectors how many the primary takes, from sector 1.
const (
	BackupSectors  = gptSectors
	PrimarySectors = gptSectors
)

// Label reads the volume name of an ISO 9660 file system, ECMA-119 section
// 8.4. It fails where there is none.
func Label(disk io.ReaderAt) (string, error) {
	b := make([]byte, BlockSize)
	if _, err := disk.ReadAt(b, 16*BlockSize); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if string(b[:6]) != "\x01CD001" {
		return "", errors.New("no ISO 9660 file system is in it")
	}
	return string(trimRight(b[40:72])), nil
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return b
}
