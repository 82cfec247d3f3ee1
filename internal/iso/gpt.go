package iso

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf16"
)

// The shape of a GUID partition table, UEFI 2.10 section 5.3.
const (
	gptEntries    = 128
	gptEntrySize  = 128
	gptHeaderSize = 92
	gptArray      = gptEntries * gptEntrySize / SectorSize // sectors
	gptSectors    = 1 + gptArray                           // header and array: either copy
	gptFirst      = 1 + gptSectors                         // first sector for partitions
	gptName       = 36                                     // UTF-16 units
)

// Attributes of a partition.
const (
	attrReadOnly = 1 << 60 // as defined for Microsoft's and Linux's data partitions
)

// GUID is an identifier in the byte order of a GPT: its first three fields are
// little-endian.
type GUID [16]byte

// String gives the usual text form.
func (g GUID) String() string {
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X",
		binary.LittleEndian.Uint32(g[0:]), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:16])
}

// Derive gives the GUID for one use of an image's ID: always the same for the
// same two, and of version 8 (RFC 9562), "made as the maker pleases".
func Derive(id [16]byte, use string) GUID {
	sum := sha256.Sum256(append(id[:], use...))
	var g GUID
	copy(g[:], sum[:])
	g[7] = g[7]&0x0f | 0x80 // little-endian: the version is in the last byte of its field
	g[8] = g[8]&0x3f | 0x80
	return g
}

// espType is C12A7328-F81F-11D2-BA4B-00A0C93EC93B, the EFI system partition.
func espType() GUID {
	return GUID{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}
}

// linuxType is 0FC63DAF-8483-4772-8E79-3D69D8477DE4, data of Linux. Unlike
// Microsoft's basic data, which other images use for their ISO 9660 part, it
// does not make Windows offer to format the stick.
func linuxType() GUID {
	return GUID{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}
}

// Partition is one entry of a GPT.
type Partition struct {
	Type, ID   GUID
	First      int64 // sector
	Sectors    int64
	Attributes uint64
	Name       string // at most 36 UTF-16 units
}

// GPT makes both copies of the partition table of a disk of total sectors.
// The primary belongs to sector 1, the backup to the last 33 sectors.
// Partitions must lie between them, in ascending order, and not overlap.
func GPT(total int64, disk GUID, parts []Partition) (primary, backup []byte, err error) {
	last := total - 1 - gptSectors // last sector for partitions
	array := make([]byte, gptArray*SectorSize)
	free := int64(gptFirst)
	if len(parts) > gptEntries {
		return nil, nil, fmt.Errorf("%d partitions are more than a GPT holds", len(parts))
	}
	for i, p := range parts {
		end := p.First + p.Sectors - 1
		name := utf16.Encode([]rune(p.Name))
		switch {
		case p.Sectors < 1 || p.First < free || end > last:
			return nil, nil, fmt.Errorf("partition %d (sectors %d to %d) does not fit between %d and %d", i+1, p.First, end, free, last)
		case len(name) > gptName:
			return nil, nil, fmt.Errorf("partition name %q is too long", p.Name)
		}
		free = end + 1
		e := array[i*gptEntrySize:]
		copy(e[0:], p.Type[:])
		copy(e[16:], p.ID[:])
		binary.LittleEndian.PutUint64(e[32:], uint64(p.First))
		binary.LittleEndian.PutUint64(e[40:], uint64(end))
		binary.LittleEndian.PutUint64(e[48:], p.Attributes)
		for j, u := range name {
			binary.LittleEndian.PutUint16(e[56+2*j:], u)
		}
	}
	header := func(self, other, table int64) []byte {
		h := make([]byte, SectorSize)
		copy(h, "EFI PART")
		binary.LittleEndian.PutUint32(h[8:], 0x00010000) // revision 1.0
		binary.LittleEndian.PutUint32(h[12:], gptHeaderSize)
		binary.LittleEndian.PutUint64(h[24:], uint64(self))
		binary.LittleEndian.PutUint64(h[32:], uint64(other))
		binary.LittleEndian.PutUint64(h[40:], gptFirst)
		binary.LittleEndian.PutUint64(h[48:], uint64(last))
		copy(h[56:], disk[:])
		binary.LittleEndian.PutUint64(h[72:], uint64(table))
		binary.LittleEndian.PutUint32(h[80:], gptEntries)
		binary.LittleEndian.PutUint32(h[84:], gptEntrySize)
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(array))
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:gptHeaderSize]))
		return h
	}
	primary = append(header(1, total-1, 2), array...)
	backup = append(append([]byte(nil), array...), header(total-1, 1, total-gptSectors)...)
	return primary, backup, nil
}
