// Package qcow2 makes new disk images in QEMU's format qcow2, version 3, as
// docs/interop/qcow2.txt in QEMU's source has it: of any size, empty but for a
// few sectors that are written at once. Such an image takes no room on the host
// for what the guest has not written.
//
// Of an image that is there it tells how large the disk is, and makes it larger. It does
// not read what is on one, and knows nothing of snapshots, backing files, compression or
// encryption: QEMU itself does the rest.
package qcow2

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// The shape of an image.
const (
	clusterBits = 16
	cluster     = 1 << clusterBits // bytes
	l2Entries   = cluster / 8      // clusters of the disk that an L2 table maps
	refEntries  = cluster / 2      // clusters of the file that a refcount block counts, with 16 bits for each
	headerSize  = 104

	// MaxSize is how large a disk can be here, in bytes: 8 TiB, whose table of
	// tables fits into two clusters.
	MaxSize = 2 * l2Entries * l2Entries * cluster

	copied = 1 << 63 // the flag of a cluster that only one table refers to
)

// Extent is data at a place of the disk.
type Extent struct {
	Offset int64 // bytes from the disk's start
	Data   []byte
}

// Write writes the image of a disk of size bytes, a multiple of 512, that is
// zeros but for the extents.
func Write(w io.WriterAt, size int64, extents ...Extent) error {
	if size <= 0 || size%512 != 0 || size > MaxSize {
		return fmt.Errorf("a disk of %d bytes: it must be a multiple of 512, and %d at most", size, int64(MaxSize))
	}
	l1Size := (size + l2Entries*cluster - 1) / (l2Entries * cluster)
	l1Clusters := (l1Size*8 + cluster - 1) / cluster

	// Header, refcount table, one refcount block, L1 table; then L2 tables and
	// data, as they are needed.
	const tableAt, blockAt, l1At = 1 * cluster, 2 * cluster, 3 * cluster
	im := image{w: w, next: l1At + l1Clusters*cluster, l1: make([]byte, l1Clusters*cluster), l2: map[int64]*table{}}
	for _, e := range extents {
		if e.Offset < 0 || e.Offset+int64(len(e.Data)) > size {
			return fmt.Errorf("data at %d is not within the disk", e.Offset)
		}
		if err := im.put(e); err != nil {
			return err
		}
	}
	for _, t := range im.l2 {
		im.write(t.entries, t.at)
	}
	used := im.next / cluster
	if used > refEntries {
		return fmt.Errorf("%d bytes of data are too many for a new image", im.next)
	}
	block := make([]byte, cluster)
	for i := range used {
		binary.BigEndian.PutUint16(block[2*i:], 1)
	}
	refTable := binary.BigEndian.AppendUint64(nil, blockAt)
	im.write(im.l1, l1At)
	im.write(block, blockAt)
	im.write(append(refTable, make([]byte, cluster-len(refTable))...), tableAt)
	im.write(header(size, l1Size, l1At, tableAt), 0)
	return im.err
}

// header is the header of version 3, and the end of its extensions.
func header(size, l1Size, l1At, tableAt int64) []byte {
	be := binary.BigEndian
	h := []byte("QFI\xfb")
	h = be.AppendUint32(h, 3)
	h = append(h, make([]byte, 8+4)...) // no backing file
	h = be.AppendUint32(h, clusterBits)
	h = be.AppendUint64(h, uint64(size))
	h = be.AppendUint32(h, 0) // not encrypted
	h = be.AppendUint32(h, uint32(l1Size))
	h = be.AppendUint64(h, uint64(l1At))
	h = be.AppendUint64(h, uint64(tableAt))
	h = be.AppendUint32(h, 1)             // cluster of refcount table
	h = append(h, make([]byte, 4+8)...)   // no snapshots
	h = append(h, make([]byte, 8+8+8)...) // no features beyond
	h = be.AppendUint32(h, 4)             // refcounts of 16 bits
	h = be.AppendUint32(h, headerSize)
	return append(h, make([]byte, cluster-len(h))...)
}

// image is an image that is being written. The first error counts.
type image struct {
	w    io.WriterAt
	next int64 // where the file's next cluster goes
	l1   []byte
	l2   map[int64]*table // by number
	err  error
}

type table struct {
	at      int64
	entries []byte
}

func (im *image) write(p []byte, at int64) {
	if im.err == nil {
		_, im.err = im.w.WriteAt(p, at)
	}
}

func (im *image) take() int64 {
	at := im.next
	im.next += cluster
	return at
}

// put writes an extent, cluster by cluster.
func (im *image) put(e Extent) error {
	for len(e.Data) > 0 && im.err == nil {
		n := e.Offset / cluster
		inside := e.Offset % cluster
		part := e.Data[:min(int64(len(e.Data)), cluster-inside)]
		t := im.table(n / l2Entries)
		entry := t.entries[8*(n%l2Entries):][:8]
		if binary.BigEndian.Uint64(entry) != 0 {
			return fmt.Errorf("two extents are in the 64 KiB at %d", n*cluster)
		}
		at := im.take()
		binary.BigEndian.PutUint64(entry, uint64(at)|copied)
		im.write(slices.Concat(make([]byte, inside), part, make([]byte, cluster-inside-int64(len(part)))), at)
		e.Offset += int64(len(part))
		e.Data = e.Data[len(part):]
	}
	return nil
}

// table gives the n-th L2 table.
func (im *image) table(n int64) *table {
	t, ok := im.l2[n]
	if !ok {
		t = &table{at: im.take(), entries: make([]byte, cluster)}
		im.l2[n] = t
		binary.BigEndian.PutUint64(im.l1[8*n:], uint64(t.at)|copied)
	}
	return t
}
