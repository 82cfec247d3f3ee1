package fat

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// What every volume has.
const (
	copies   = 2    // of the table
	media    = 0xf8 // fixed disk
	bootSign = 0xaa55
)

// What kinds of volumes differ in.
const (
	clusters12 = 4084  // most of a FAT12
	clusters32 = 65525 // fewest of a FAT32

	rootEntries12 = 64 // of the root of a FAT12: 4 sectors
	reserved12    = 1  // sectors
	reserved32    = 32

	infoSector   = 1 // FAT32: how much is free
	backupSector = 6 // FAT32: both once more
)

// shape is how a volume is laid out.
type shape struct {
	kind         Kind
	end          uint32 // entry of the last cluster of a chain
	perCluster   int64  // sectors
	reserved     int64  // sectors before the tables
	rootEntries  int64  // 0: the root lies in clusters
	tableSectors int64  // of one copy
	clusters     int64  // of data
	sectors      int64  // of the volume
}

func newShape(v Volume, root *node) (shape, error) {
	switch v.Kind {
	case FAT12:
		return shape12(v, root)
	case FAT32:
		return shape32(v, root)
	}
	return shape{}, fmt.Errorf("a FAT of %d bits cannot be written", v.Kind)
}

// shape12 is just large enough.
func shape12(v Volume, root *node) (shape, error) {
	if len(root.kids) >= rootEntries12 || root.entries()+1 > rootEntries12 {
		return shape{}, fmt.Errorf("%d names are too many for the root of a FAT12", len(root.kids))
	}
	grain := max(v.Grain/SectorSize, 1)
	for perCluster := int64(1); perCluster <= 8; perCluster *= 2 {
		s := shape{kind: FAT12, end: 0xfff, perCluster: perCluster, reserved: reserved12, rootEntries: rootEntries12}
		s.clusters = max(s.need(root), 1)
		for { // the volume ends with a whole grain; what that adds are clusters too
			s.tableSectors = ((s.clusters+2)*3 + 2*SectorSize - 1) / (2 * SectorSize)
			s.sectors = (s.dataAt()/SectorSize + s.clusters*perCluster + grain - 1) / grain * grain
			held := (s.sectors - s.dataAt()/SectorSize) / perCluster
			if held == s.clusters {
				break
			}
			s.clusters = held
		}
		if s.clusters <= clusters12 {
			return s, nil
		}
	}
	return shape{}, fmt.Errorf("the files are too large for a FAT12")
}

// shape32 has a given size, and the largest clusters that let it be a FAT32.
func shape32(v Volume, root *node) (shape, error) {
	fit := func(perCluster int64) shape {
		s := shape{kind: FAT32, end: 0x0fffffff, perCluster: perCluster, reserved: reserved32, sectors: v.Size / SectorSize}
		s.tableSectors = ((s.sectors/perCluster+2)*4 + SectorSize - 1) / SectorSize
		s.reserved += -(s.reserved + copies*s.tableSectors) & 7 // data begin at a multiple of 4 KiB
		s.clusters = (s.sectors - s.dataAt()/SectorSize) / perCluster
		return s
	}
	s := fit(1)
	for next := fit(2); next.clusters >= clusters32 && next.perCluster <= 64; next = fit(2 * s.perCluster) {
		s = next
	}
	switch need := s.need(root) + s.clustersOf(root); {
	case s.clusters < clusters32:
		return s, fmt.Errorf("%d bytes are too few for a FAT32", v.Size)
	case s.sectors > 1<<32-1:
		return s, fmt.Errorf("%d bytes are too many for a FAT32", v.Size)
	case need > s.clusters:
		return s, fmt.Errorf("the files need %d bytes, and the volume has %d", need*s.perCluster*SectorSize, s.clusters*s.perCluster*SectorSize)
	}
	return s, nil
}

// Room tells how many bytes the files of a FAT32 take, folders included, if
// its clusters have the given size.
func Room(files []File, cluster int64) (int64, error) {
	root, err := newTree(files)
	if err != nil {
		return 0, err
	}
	s := shape{perCluster: cluster / SectorSize}
	return (s.need(root) + s.clustersOf(root)) * cluster, nil
}

// bytes is what a file or folder takes of its clusters.
func (n *node) bytes() int64 {
	if n.folder {
		return (n.entries() + 2) * entrySize // "." and "..", and the root's label
	}
	return n.size
}

func (s shape) clustersOf(n *node) int64 {
	size := s.perCluster * SectorSize
	return (n.bytes() + size - 1) / size
}

// need counts the clusters of all that is below a folder.
func (s shape) need(n *node) int64 {
	sum := int64(0)
	for _, k := range n.kids {
		sum += s.clustersOf(k) + s.need(k)
	}
	return sum
}

func (s shape) rootAt() int64 { return (s.reserved + copies*s.tableSectors) * SectorSize }
func (s shape) dataAt() int64 { return s.rootAt() + s.rootEntries*entrySize }

// at is where a file or folder begins, in bytes.
func (s shape) at(n *node) int64 {
	if n.first == 0 {
		return s.rootAt()
	}
	return s.dataAt() + (n.first-firstCluster)*s.perCluster*SectorSize
}

// entry sets an entry of the table.
func (x *writer) entry(cluster int64, value uint32) {
	if x.shape.kind == FAT32 {
		binary.LittleEndian.PutUint32(x.table[cluster*4:], value)
		return
	}
	b := x.table[cluster*3/2:]
	old := binary.LittleEndian.Uint16(b)
	if cluster%2 == 0 {
		binary.LittleEndian.PutUint16(b, old&0xf000|uint16(value))
	} else {
		binary.LittleEndian.PutUint16(b, old&0x000f|uint16(value)<<4)
	}
}

// bootSectors writes what stands before the tables.
func (x *writer) bootSectors(v Volume, root int64) error {
	boot := x.bootSector(v, root)
	if x.shape.kind == FAT12 {
		return x.put(boot, 0)
	}
	info := make([]byte, SectorSize)
	copy(info, "RRaA")
	copy(info[484:], "rrAa")
	binary.LittleEndian.PutUint32(info[488:], uint32(x.shape.clusters-(x.next-firstCluster))) // free
	binary.LittleEndian.PutUint32(info[492:], uint32(x.next))
	binary.LittleEndian.PutUint16(info[510:], bootSign)
	both := append(boot, info...)
	if err := x.put(both, 0); err != nil {
		return err
	}
	return x.put(both, backupSector*SectorSize)
}

func (x *writer) bootSector(v Volume, root int64) []byte {
	b, s := make([]byte, SectorSize), x.shape
	copy(b, "\xeb\x3c\x90FLOE    ")
	binary.LittleEndian.PutUint16(b[11:], SectorSize)
	b[13] = byte(s.perCluster)
	binary.LittleEndian.PutUint16(b[14:], uint16(s.reserved))
	b[16] = copies
	binary.LittleEndian.PutUint16(b[17:], uint16(s.rootEntries))
	b[21] = media
	binary.LittleEndian.PutUint16(b[24:], 32) // sectors a track
	binary.LittleEndian.PutUint16(b[26:], 2)  // heads
	binary.LittleEndian.PutUint32(b[28:], uint32(v.Start))
	rest := b[36:]
	if s.kind == FAT32 {
		b[1] = 0x58 // the code is further back
		binary.LittleEndian.PutUint32(b[32:], uint32(s.sectors))
		binary.LittleEndian.PutUint32(b[36:], uint32(s.tableSectors))
		binary.LittleEndian.PutUint32(b[44:], uint32(root))
		binary.LittleEndian.PutUint16(b[48:], infoSector)
		binary.LittleEndian.PutUint16(b[50:], backupSector)
		rest = b[64:]
	} else {
		binary.LittleEndian.PutUint16(b[19:], uint16(s.sectors)) // at most 32704 in FAT12 with 8 sectors a cluster
		binary.LittleEndian.PutUint16(b[22:], uint16(s.tableSectors))
	}
	rest[0] = 0x80 // drive
	rest[2] = 0x29 // the next three are there
	binary.LittleEndian.PutUint32(rest[3:], v.Serial)
	copy(rest[7:], x.label[:])
	copy(rest[18:], bytes.TrimSpace(fmt.Appendf(nil, "FAT%d", s.kind)))
	copy(rest[23:], "   ")
	copy(rest[26:], "\xeb\xfe") // run by nobody: loop
	binary.LittleEndian.PutUint16(b[510:], bootSign)
	return b
}
