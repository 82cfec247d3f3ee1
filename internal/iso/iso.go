// Package iso masters a hybrid image: one file that boots as a CD and, copied
// to a USB stick as it is, as a disk, on BIOS and on UEFI.
//
// In the file, by blocks of 2048 bytes:
//
//	0       MBR with GRUB's boot code, and the primary GPT
//	16      ISO 9660 volume descriptors: primary, El Torito
//	        folders (with Rock Ridge), path tables, boot catalogue
//	        the primary descriptor again, as seen from partition 1
//	        files
//	        folders and path tables as seen from partition 1
//	        EFI system partition: partition 2, and El Torito's UEFI image
//	end     backup GPT
//
// go-diskfs lays out the ISO 9660 tree. The rest is done here: the tables, the
// boot loader's pointers to itself, identifiers padded as ECMA-119 wants
// them, times and owners that are the caller's and not the host's, and the
// second view of the tree.
//
// That second view makes partition 1 a file system of its own. It matters
// because Linux gives a disk to one user at a time, as a whole or by
// partitions: a stick whose ISO 9660 is mounted as a whole disk has no
// partitions to mount. With it, the image and a data partition behind it
// can be used at once. The partitions do not overlap.
//
// It does not write deep trees (more than 7 folders), links or devices, and it
// does not sign anything for Secure Boot. There is no Joliet tree: go-diskfs
// 1.9.4 points its folders at those of the other tree, which GRUB, preferring
// Joliet, cannot read; without one, Windows shows the names in capitals, 8.3.
package iso

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"floe/internal/fault"

	"github.com/google/renameio/v2"
)

// BlockSize is the size of a block of ISO 9660.
const BlockSize = 2048

// Spec says what to master. The same Spec gives the same bytes.
type Spec struct {
	Label string   // volume name: 1 to 32 of A to Z, 0 to 9 and "_"
	Files []File   // any order
	BIOS  *BIOS    // nil: not for BIOS
	ESP   []byte   // image of the EFI system partition, whole blocks; see function ESP
	ID    [16]byte // all GUIDs derive from it
	Time  time.Time
	Work  string // folder for a small temporary tree; "" is the system's
}

// File is a file of the image. Folders come by themselves.
type File struct {
	Path    string // relative to the root, such as "boot/vmlinuz"
	Mode    uint32 // permissions, such as 0o444
	Source  string // file of the host with the content; "": Content has it
	Content []byte
}

// BIOS names what boots on a BIOS.
type BIOS struct {
	Image string // path of a File: a core image of GRUB's format i386-pc-eltorito
	MBR   []byte // GRUB's boot_hybrid.img
}

// Extent is a piece of the image, in sectors of 512 bytes.
type Extent struct{ First, Sectors int64 }

// Layout tells where things are in a mastered image.
type Layout struct {
	Size int64  // bytes
	Data Extent // partition 1: ISO 9660
	ESP  Extent // partition 2
}

// Master makes the image at out. The file appears there, or takes the place of
// an older one, when it is whole.
func Master(ctx context.Context, spec Spec, out string) (Layout, error) {
	const op = "master the image"
	if err := spec.check(); err != nil {
		return Layout{}, fault.New(fault.Build, op, out, err, "")
	}
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return Layout{}, fault.New(fault.Usage, op, out, fs.ErrInvalid, "name a file; a disk is written from the finished image")
	}
	f, err := renameio.NewPendingFile(out, renameio.WithPermissions(0o644))
	if err != nil {
		return Layout{}, fault.New(fault.Missing, op, out, err, "see that the folder is there, can be written and has room")
	}
	defer f.Cleanup()
	layout, err := write(ctx, spec, f.File)
	if err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		if ctx.Err() != nil {
			return Layout{}, ctx.Err()
		}
		return Layout{}, fault.New(fault.Build, op, out, err, "see that there is room on the disk")
	}
	return layout, nil
}

// write masters into an empty file.
func write(ctx context.Context, spec Spec, f *os.File) (Layout, error) {
	m := &master{ctx: ctx, spec: spec, f: f}
	for _, step := range []func() error{m.makeTree, m.readTree, m.stampTree, m.writeFiles, m.placeTails, m.writeView, m.writeTree, m.writeTables} {
		if err := ctx.Err(); err != nil {
			return Layout{}, err
		}
		if err := step(); err != nil {
			return Layout{}, err
		}
	}
	return m.layout, nil
}

// master is an image in the making. Blocks are counted from its start.
type master struct {
	ctx  context.Context
	spec Spec
	f    *os.File

	tree     uint32 // blocks that go-diskfs used
	meta     meta
	places   map[string]place // files by path
	reserved uint32           // block of the second set of descriptors
	offset   uint32           // block where partition 1 starts
	view     uint32           // block of the second tree
	esp      uint32           // block of the EFI system partition
	biosAt   uint32           // block of the BIOS image
	layout   Layout
}

type place struct {
	block uint32
	size  int64
}

func (m *master) writeAt(p []byte, block uint32) error {
	_, err := m.f.WriteAt(p, int64(block)*BlockSize)
	return err
}

// writeFiles puts the contents where the tree says that they are.
func (m *master) writeFiles() error {
	for _, file := range m.spec.Files {
		at, ok := m.places[file.Path]
		if !ok {
			return fmt.Errorf("%s got no place in the image", file.Path)
		}
		if m.spec.BIOS != nil && file.Path == m.spec.BIOS.Image {
			m.biosAt = at.block
		}
		if err := m.writeFile(file, at); err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
	}
	return nil
}

func (m *master) writeFile(file File, at place) error {
	if m.spec.BIOS != nil && file.Path == m.spec.BIOS.Image {
		image, err := file.read()
		if err == nil {
			image, err = bootImage(image, at.block)
		}
		if err != nil {
			return err
		}
		return m.writeAt(image, at.block)
	}
	if file.Source == "" {
		return m.writeAt(file.Content, at.block)
	}
	src, err := os.Open(file.Source)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, err := m.f.Seek(int64(at.block)*BlockSize, io.SeekStart); err != nil {
		return err
	}
	const piece = 4 << 20
	for left := at.size; left > 0; {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(m.f, src, min(left, piece))
		if err != nil {
			return fmt.Errorf("%s: %w", file.Source, err)
		}
		left -= n
	}
	return nil
}

// placeTails decides what comes behind the tree of go-diskfs.
func (m *master) placeTails() error {
	m.view = m.tree
	m.esp = m.view + m.meta.folders.blocks()
	end := int64(m.esp)*BlockSize + int64(len(m.spec.ESP)) + gptSectors*SectorSize
	end = (end + BlockSize - 1) / BlockSize * BlockSize
	const perBlock = BlockSize / SectorSize
	m.layout = Layout{
		Size: end,
		Data: Extent{First: int64(m.offset) * perBlock, Sectors: int64(m.esp-m.offset) * perBlock},
		ESP:  Extent{First: int64(m.esp) * perBlock, Sectors: int64(len(m.spec.ESP)) / SectorSize},
	}
	return nil
}

// writeTables writes what is outside of ISO 9660: both partition tables, the
// boot sector and the EFI system partition.
func (m *master) writeTables() error {
	id, total := m.spec.ID, m.layout.Size/SectorSize
	if err := m.f.Truncate(m.layout.Size); err != nil {
		return err
	}
	if err := m.writeAt(m.spec.ESP, m.esp); err != nil {
		return err
	}
	primary, backup, err := GPT(total, Derive(id, "disk"), []Partition{
		{Type: linuxType(), ID: Derive(id, "data"), First: m.layout.Data.First, Sectors: m.layout.Data.Sectors, Attributes: attrReadOnly, Name: m.spec.Label},
		{Type: espType(), ID: Derive(id, "esp"), First: m.layout.ESP.First, Sectors: m.layout.ESP.Sectors, Name: "EFI system partition"},
	})
	if err != nil {
		return err
	}
	var code []byte
	if m.spec.BIOS != nil {
		code = m.spec.BIOS.MBR
	}
	// GRUB's image starts with the code for CDs, one block; a disk's boot
	// sector goes on with what comes behind it.
	sector, err := MBR(code, uint64(m.biosAt)*4+4, total, serial(id))
	if err != nil {
		return err
	}
	if _, err := m.f.WriteAt(append(sector[:], primary...), 0); err != nil {
		return err
	}
	_, err = m.f.WriteAt(backup, m.layout.Size-int64(len(backup)))
	return err
}
