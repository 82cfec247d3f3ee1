// Package fat writes FAT file systems: FAT12 just as large as its files, as an
// EFI system partition is, and FAT32 of a given size, as the boot partition of
// a memory card is.
//
// It writes a volume once, from front to back: it changes none and reads none.
// All files are known beforehand, and each lies in one piece. The same Volume
// gives the same bytes. There is no FAT16.
//
// It exists because go-diskfs 1.9.4 stamps its FAT with the wall clock and
// leaves a lost cluster that fsck.fat objects to.
//
// Specification followed: Microsoft's "FAT: General Overview of On-Disk
// Format", 1.03.
package fat

import (
	"context"
	"fmt"
	"io"
	"time"
)

// SectorSize is the size of a sector.
const SectorSize = 512

// Kind is a kind of FAT, by the bits of its entries.
type Kind int

// The kinds. Which one a volume is of, others know by the number of its
// clusters alone, whatever it says of itself.
const (
	FAT12 Kind = 12 // at most 4084 clusters
	FAT32 Kind = 32 // at least 65525 clusters
)

// Volume says what to write.
type Volume struct {
	Kind   Kind
	Label  string    // name of the volume: 11 of A to Z, 0 to 9, "_" and "-"
	Serial uint32    // its number
	Time   time.Time // of every entry; what is written is UTC
	Files  []File    // any order; folders come by themselves

	// Size is the size of a FAT32 volume in bytes, from 34 MiB. A FAT12 is as
	// large as its files make it, and a multiple of Grain.
	Size, Grain int64

	// Start is the sector of the disk where the volume begins.
	Start int64
}

// File is a file of the volume.
type File struct {
	Path    string // relative to the root, such as "EFI/BOOT/BOOTX64.EFI"
	Source  string // file of the host with the content; "": Content has it
	Content []byte
}

// Write writes the volume and gives its size in bytes. Of a FAT32 it writes
// only what is not zero: w must be zeros before.
func Write(ctx context.Context, w io.WriterAt, v Volume) (int64, error) {
	if year := v.Time.UTC().Year(); year < 1980 || year > 2107 {
		return 0, fmt.Errorf("time %s does not fit a FAT", v.Time.UTC().Format(time.DateOnly))
	}
	label, err := labelName(v.Label)
	if err != nil {
		return 0, err
	}
	root, err := newTree(v.Files)
	if err != nil {
		return 0, err
	}
	s, err := newShape(v, root)
	if err != nil {
		return 0, err
	}
	x := &writer{ctx: ctx, w: w, shape: s, label: label, stamp: newStamp(v.Time.UTC()), next: firstCluster}
	x.table = make([]byte, s.tableSectors*SectorSize)
	return s.sectors * SectorSize, x.write(v, root)
}

// firstCluster is the number of a volume's first cluster.
const firstCluster = 2

// writer is a volume in the making.
type writer struct {
	ctx   context.Context
	w     io.WriterAt
	shape shape
	label [11]byte
	stamp stamp
	table []byte // the FAT itself
	next  int64  // first free cluster
}

func (x *writer) write(v Volume, root *node) error {
	x.entry(0, x.shape.end&^0xff|media)
	x.entry(1, x.shape.end)
	if x.shape.rootEntries == 0 {
		x.place(root)
	}
	if err := x.folder(root, nil); err != nil {
		return err
	}
	for at := range copies {
		if err := x.put(x.table, (x.shape.reserved+int64(at)*x.shape.tableSectors)*SectorSize); err != nil {
			return err
		}
	}
	return x.bootSectors(v, root.first)
}

// put writes bytes.
func (x *writer) put(b []byte, at int64) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	_, err := x.w.WriteAt(b, at)
	return err
}

// place gives a file or folder its clusters, one after the other.
func (x *writer) place(n *node) {
	count := x.shape.clustersOf(n)
	if count == 0 {
		return
	}
	n.first = x.next
	x.next += count
	for c := n.first; c < x.next-1; c++ {
		x.entry(c, uint32(c+1))
	}
	x.entry(x.next-1, x.shape.end)
}

// folder writes a folder and what is in it.
func (x *writer) folder(n, parent *node) error {
	var list []byte
	if parent == nil {
		list = x.stamp.entry(list, x.label, attrLabel, 0, 0)
	} else {
		up := parent.first
		if parent.root {
			up = 0 // however the root is kept
		}
		list = x.stamp.entry(list, [11]byte([]byte(".          ")), attrFolder, n.first, 0)
		list = x.stamp.entry(list, [11]byte([]byte("..         ")), attrFolder, up, 0)
	}
	for _, k := range n.kids {
		x.place(k)
		attr := byte(attrArchive)
		if k.folder {
			attr = attrFolder
		}
		list = k.longEntries(list)
		list = x.stamp.entry(list, k.short, attr, k.first, k.size)
		var err error
		if k.folder {
			err = x.folder(k, n)
		} else {
			err = x.content(k)
		}
		if err != nil {
			return err
		}
	}
	return x.put(list, x.shape.at(n))
}

// content writes a file's bytes.
func (x *writer) content(n *node) error {
	if n.size == 0 {
		return nil
	}
	if n.file.Source == "" {
		return x.put(n.file.Content, x.shape.at(n))
	}
	return n.stream(func(b []byte, offset int64) error { return x.put(b, x.shape.at(n)+offset) })
}
