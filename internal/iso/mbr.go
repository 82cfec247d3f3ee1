package iso

import (
	"encoding/binary"
	"fmt"
	"math"
)

// SectorSize is the size of a disk's sector, in which MBR and GPT count.
const SectorSize = 512

// Places in a master boot record, UEFI 2.10 table 5-1, and in GRUB's
// boot_hybrid.img.
const (
	mbrCode      = 440   // bytes of boot code
	mbrKernelAt  = 0x1b0 // boot_hybrid.img: 64-bit sector of what it loads
	mbrSignature = 440
	mbrTable     = 446
	mbrEntry     = 16
	mbrMagic     = 510
)

// MBR makes the first sector of an image of total sectors: GRUB's boot code
// for disks, and a protective table that hands everything to the GPT.
//
// Code is boot_hybrid.img; it continues at the sector kernel. Without code
// the sector boots nothing. ID is the disk's 32-bit signature.
//
// The table's second entry has the type "empty" and covers just this sector.
// It is there for its active flag: some BIOSes boot no disk without one, and
// UEFI forbids it on the protective entry. xorriso's --mbr-force-bootable
// writes the same.
func MBR(code []byte, kernel uint64, total int64, id uint32) ([SectorSize]byte, error) {
	var b [SectorSize]byte
	if code != nil {
		if len(code) != SectorSize || binary.LittleEndian.Uint16(code[mbrMagic:]) != 0xaa55 {
			return b, fmt.Errorf("boot code of %d bytes is no boot sector", len(code))
		}
		copy(b[:mbrCode], code)
		binary.LittleEndian.PutUint64(b[mbrKernelAt:], kernel)
		active := b[mbrTable+mbrEntry:]
		active[0] = 0x80
		copy(active[1:4], []byte{0, 1, 0}) // sector 1 of cylinder 0, head 0
		copy(active[5:8], []byte{0, 1, 0})
		binary.LittleEndian.PutUint32(active[12:], 1)
	}
	binary.LittleEndian.PutUint32(b[mbrSignature:], id)
	protect := b[mbrTable:]
	copy(protect[1:4], []byte{0, 2, 0}) // sector 2
	protect[4] = 0xee
	copy(protect[5:8], []byte{0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(protect[8:], 1)
	binary.LittleEndian.PutUint32(protect[12:], uint32(min(total-1, math.MaxUint32)))
	binary.LittleEndian.PutUint16(b[mbrMagic:], 0xaa55)
	return b, nil
}
