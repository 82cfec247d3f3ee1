// Package sdcard writes the image of a memory card for machines whose firmware
// reads files from a FAT: a boot partition with these files, and an empty
// partition for data.
//
// In the file, by sectors of 512 bytes:
//
//	0       hybrid MBR: the boot partition, and what it protects of the GPT
//	1       primary GPT
//	8192    boot partition: FAT32
//	...     data partition: zeros
//	end     backup GPT
//
// The hybrid is for the Raspberry Pi 3, whose ROM knows no GPT and looks at the
// first entry of the MBR only. Linux, and newer firmware, goes by the GPT as
// soon as the MBR has an entry of the type "protective"; it stands second,
// since some of the firmware in between objects to it elsewhere.
//
// Unused sectors are holes in the file. The package makes no file systems for
// data: the booted system does that, when it has made the partition as large
// as the card.
package sdcard

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"floe/internal/fat"
	"floe/internal/fault"
	"floe/internal/iso"

	"github.com/google/renameio/v2"
)

// Sizes, in bytes.
const (
	grain     = 4 << 20  // partitions begin and end at multiples of this, as large as a card's own blocks
	bootLeast = 64 << 20 // of the boot partition; larger ones are twice as large each
	bootMost  = 2 << 30
	dataSize  = 32 << 20
)

// Spec says what to write. The same Spec gives the same bytes.
type Spec struct {
	Label string   // name of the boot partition and its volume
	ID    [16]byte // all identifiers derive from it
	Time  time.Time
	Files []fat.File // of the boot partition
}

// Write writes the image to out. The file appears there, or takes the place of
// an older one, when it is whole.
func Write(ctx context.Context, spec Spec, out string) error {
	const op = "write the card's image"
	f, err := renameio.NewPendingFile(out, renameio.WithPermissions(0o644))
	if err != nil {
		return fault.New(fault.Missing, op, out, err, "see that the folder is there, can be written and has room")
	}
	defer f.Cleanup()
	err = write(ctx, spec, f.File)
	if err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.New(fault.Build, op, out, err, "see that there is room on the disk")
	}
	return nil
}

func write(ctx context.Context, spec Spec, f *os.File) error {
	boot, err := bootSize(spec.Files)
	if err != nil {
		return err
	}
	size := grain + boot + dataSize + grain
	if err := f.Truncate(size); err != nil {
		return err
	}
	_, err = fat.Write(ctx, io.NewOffsetWriter(f, grain), fat.Volume{
		Kind: fat.FAT32, Label: spec.Label, Serial: binary.BigEndian.Uint32(spec.ID[:]), Time: spec.Time,
		Files: spec.Files, Size: boot, Start: grain / iso.SectorSize,
	})
	if err != nil {
		return err
	}
	parts := []iso.Partition{
		{Type: basicType(), ID: iso.Derive(spec.ID, "boot"), First: grain / iso.SectorSize, Sectors: boot / iso.SectorSize, Name: spec.Label},
		iso.DataPartition(iso.Derive(spec.ID, "data"), (grain+boot)/iso.SectorSize, dataSize/iso.SectorSize),
	}
	primary, backup, err := iso.GPT(size/iso.SectorSize, iso.Derive(spec.ID, "disk"), parts)
	if err != nil {
		return err
	}
	mbr := hybrid(parts[0], binary.BigEndian.Uint32(spec.ID[4:]))
	if _, err := f.WriteAt(append(mbr, primary...), 0); err != nil {
		return err
	}
	_, err = f.WriteAt(backup, size-int64(len(backup)))
	return err
}

// bootSize gives the boot partition's size: a power of two with a quarter to
// spare, for a larger kernel to come or another package.
func bootSize(files []fat.File) (int64, error) {
	for size := int64(bootLeast); size <= bootMost; size *= 2 {
		room, err := fat.Room(files, size>>17) // about the size of the clusters
		if err != nil {
			return 0, err
		}
		if room <= size-size/4 {
			return size, nil
		}
	}
	return 0, fmt.Errorf("the files are too large for a boot partition of %d bytes", bootMost)
}

// basicType is EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, Microsoft's basic data,
// which every system shows to people: config.txt is theirs to edit.
func basicType() iso.GUID {
	return iso.GUID{0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7}
}

// Types of entries of an MBR.
const (
	typeFAT32   = 0x0c // with sectors counted, not cylinders
	typeProtect = 0xee
)

// hybrid makes an MBR with the boot partition in its first entry. The second
// covers the GPT, up to the boot partition; the disk has the signature id.
func hybrid(boot iso.Partition, id uint32) []byte {
	b := make([]byte, iso.SectorSize)
	binary.LittleEndian.PutUint32(b[440:], id)
	for i, e := range []struct {
		kind           byte
		first, sectors int64
	}{{typeFAT32, boot.First, boot.Sectors}, {typeProtect, 1, boot.First - 1}} {
		at := b[446+16*i:]
		copy(at[1:4], []byte{0xfe, 0xff, 0xff}) // no cylinders: see the sectors
		at[4] = e.kind
		copy(at[5:8], []byte{0xfe, 0xff, 0xff})
		binary.LittleEndian.PutUint32(at[8:], uint32(e.first))
		binary.LittleEndian.PutUint32(at[12:], uint32(e.sectors))
	}
	binary.LittleEndian.PutUint16(b[510:], 0xaa55)
	return b
}
