package iso

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// The shape of the FAT12 file system that ESP makes (Microsoft's "FAT: General
// Overview of On-Disk Format", 1.03). FAT12, since UEFI takes any FAT of less
// than 65525 clusters for FAT12 or FAT16 whatever it says of itself.
const (
	fatReserved    = 1
	fatCopies      = 2
	fatRootEntries = 64 // 4 sectors
	fatDirEntry    = 32
	fatMaxClusters = 4084
	fatEnd         = 0xfff // last cluster of a chain
	fatMedia       = 0xf8  // fixed disk
)

const (
	fatLabel     = 0x08
	fatDirectory = 0x10
	fatArchive   = 0x20
)

// ESPFile is a file of an EFI system partition.
type ESPFile struct {
	Path    string // such as "EFI/BOOT/BOOTX64.EFI": upper case, 8.3 names
	Content []byte
}

// ESP makes the image of an EFI system partition, just large enough for its
// files: FAT12, up to 16 MiB. Label is the volume's name, serial its number;
// every entry carries the time t, in UTC. The length is a multiple of 2048.
//
// It exists because go-diskfs stamps its FAT with the wall clock and leaves a
// lost cluster that fsck.fat objects to.
func ESP(label string, serial uint32, t time.Time, files []ESPFile) ([]byte, error) {
	if year := t.UTC().Year(); year < 1980 || year > 2107 {
		return nil, fmt.Errorf("time %s does not fit a FAT", t.UTC().Format(time.DateOnly))
	}
	root := &fatNode{dir: true}
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b ESPFile) int { return strings.Compare(a.Path, b.Path) }) {
		if err := root.add(f); err != nil {
			return nil, err
		}
	}
	if len(root.kids)+1 > fatRootEntries {
		return nil, fmt.Errorf("%d names are too many for the root of the EFI system partition", len(root.kids))
	}
	for perCluster := 1; perCluster <= 8; perCluster *= 2 {
		v := newFAT(perCluster, root)
		if v.clusters <= fatMaxClusters {
			v.write(label, serial, t.UTC(), root)
			return v.image, nil
		}
	}
	return nil, fmt.Errorf("files are too large for an EFI system partition of FAT12")
}

// fatNode is a file or a folder.
type fatNode struct {
	name    [11]byte
	dir     bool
	content []byte
	kids    []*fatNode
	first   int // cluster; 0: none, or the root
}

func (n *fatNode) add(f ESPFile) error {
	parts := strings.Split(f.Path, "/")
	for i, part := range parts {
		name, err := fatName(part)
		if err != nil {
			return fmt.Errorf("EFI system partition: %s: %w", f.Path, err)
		}
		at := slices.IndexFunc(n.kids, func(k *fatNode) bool { return k.name == name })
		file := i == len(parts)-1
		switch {
		case at < 0:
			n.kids = append(n.kids, &fatNode{name: name, dir: !file})
			at = len(n.kids) - 1
		case file || !n.kids[at].dir:
			return fmt.Errorf("EFI system partition: %s is there twice", path.Join(parts[:i+1]...))
		}
		n = n.kids[at]
	}
	n.content = f.Content
	return nil
}

// fatName gives the 11 bytes of an 8.3 name.
func fatName(s string) (name [11]byte, err error) {
	base, ext, _ := strings.Cut(s, ".")
	const known = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	if base == "" || len(base) > 8 || len(ext) > 3 || strings.Trim(base+ext, known) != "" {
		return name, fmt.Errorf("%q is no name of eight and three capital letters", s)
	}
	copy(name[:], fmt.Sprintf("%-8s%-3s", base, ext))
	return name, nil
}

// fat is a volume in the making.
type fat struct {
	image      []byte
	perCluster int // sectors
	clusters   int // of data
	fatSectors int // of one copy
	sectors    int // of the volume
	next       int // first free cluster
}

func (n *fatNode) bytes() int {
	if n.dir {
		return (len(n.kids) + 2) * fatDirEntry // and "." and ".."
	}
	return len(n.content)
}

func (v *fat) count(n *fatNode) int {
	size := v.perCluster * SectorSize
	return (n.bytes() + size - 1) / size
}

func newFAT(perCluster int, root *fatNode) *fat {
	v := &fat{perCluster: perCluster, next: 2}
	var need func(n *fatNode) int
	need = func(n *fatNode) int {
		sum := 0
		for _, k := range n.kids {
			sum += v.count(k) + need(k)
		}
		return sum
	}
	v.clusters = max(need(root), 1)
	for { // the image ends with a whole block; what that adds are clusters too
		v.fatSectors = ((v.clusters+2)*3 + 2*SectorSize - 1) / (2 * SectorSize)
		const unit = BlockSize / SectorSize
		v.sectors = (v.dataAt()/SectorSize + v.clusters*perCluster + unit - 1) / unit * unit
		held := (v.sectors - v.dataAt()/SectorSize) / perCluster
		if held == v.clusters {
			break
		}
		v.clusters = held
	}
	v.image = make([]byte, v.sectors*SectorSize)
	return v
}

func (v *fat) rootAt() int { return (fatReserved + fatCopies*v.fatSectors) * SectorSize }
func (v *fat) dataAt() int { return v.rootAt() + fatRootEntries*fatDirEntry }

func (v *fat) write(label string, serial uint32, t time.Time, root *fatNode) {
	name := [11]byte(bytes.ToUpper(fmt.Appendf(nil, "%-11.11s", label)))
	v.bootSector(name, serial)
	v.setFAT(0, 0xf00|fatMedia)
	v.setFAT(1, fatEnd)
	at := v.image[v.rootAt():v.dataAt()]
	putDirEntry(at, name, fatLabel, 0, 0, t)
	v.fill(at[fatDirEntry:], root, 0, t)
	size := v.fatSectors * SectorSize
	copy(v.image[fatReserved*SectorSize+size:], v.image[fatReserved*SectorSize:][:size])
}

// fill writes the entries of folder n, and what is below it.
func (v *fat) fill(at []byte, n *fatNode, parent int, t time.Time) {
	for i, k := range n.kids {
		data := v.chain(k)
		attr, size := byte(fatArchive), len(k.content)
		if k.dir {
			attr, size = fatDirectory, 0
			putDirEntry(data, [11]byte([]byte(".          ")), fatDirectory, k.first, 0, t)
			putDirEntry(data[fatDirEntry:], [11]byte([]byte("..         ")), fatDirectory, n.first, 0, t)
			v.fill(data[2*fatDirEntry:], k, n.first, t)
		} else {
			copy(data, k.content)
		}
		putDirEntry(at[i*fatDirEntry:], k.name, attr, k.first, size, t)
	}
}

// chain gives n its clusters, one after the other, and the room they are.
func (v *fat) chain(n *fatNode) []byte {
	count, size := v.count(n), v.perCluster*SectorSize
	if count == 0 {
		return nil
	}
	n.first = v.next
	for c := n.first; c < n.first+count-1; c++ {
		v.setFAT(c, c+1)
	}
	v.next += count
	v.setFAT(v.next-1, fatEnd)
	return v.image[v.dataAt()+(n.first-2)*size:][:count*size]
}

// setFAT sets a 12-bit entry of the first copy.
func (v *fat) setFAT(cluster, value int) {
	b := v.image[fatReserved*SectorSize+cluster*3/2:]
	old := binary.LittleEndian.Uint16(b)
	if cluster%2 == 0 {
		binary.LittleEndian.PutUint16(b, old&0xf000|uint16(value))
	} else {
		binary.LittleEndian.PutUint16(b, old&0x000f|uint16(value)<<4)
	}
}

func (v *fat) bootSector(label [11]byte, serial uint32) {
	b := v.image
	copy(b, "\xeb\x3c\x90FLOE    ")
	binary.LittleEndian.PutUint16(b[11:], SectorSize)
	b[13] = byte(v.perCluster)
	binary.LittleEndian.PutUint16(b[14:], fatReserved)
	b[16] = fatCopies
	binary.LittleEndian.PutUint16(b[17:], fatRootEntries)
	binary.LittleEndian.PutUint16(b[19:], uint16(v.sectors)) // at most 32704 in FAT12 with 8 sectors a cluster
	b[21] = fatMedia
	binary.LittleEndian.PutUint16(b[22:], uint16(v.fatSectors))
	binary.LittleEndian.PutUint16(b[24:], 32) // sectors a track
	binary.LittleEndian.PutUint16(b[26:], 2)  // heads
	b[36] = 0x80                              // drive
	b[38] = 0x29                              // the next three are there
	binary.LittleEndian.PutUint32(b[39:], serial)
	copy(b[43:], label[:])
	copy(b[54:], "FAT12   ")
	copy(b[62:], "\xeb\xfe") // run by nobody: loop
	binary.LittleEndian.PutUint16(b[mbrMagic:], 0xaa55)
}

func putDirEntry(b []byte, name [11]byte, attr byte, cluster, size int, t time.Time) {
	copy(b, name[:])
	b[11] = attr
	date := uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	clock := uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
	if attr != fatLabel {
		binary.LittleEndian.PutUint16(b[14:], clock) // created
		binary.LittleEndian.PutUint16(b[16:], date)
		binary.LittleEndian.PutUint16(b[18:], date) // read
	}
	binary.LittleEndian.PutUint16(b[22:], clock) // written
	binary.LittleEndian.PutUint16(b[24:], date)
	binary.LittleEndian.PutUint16(b[26:], uint16(cluster))
	binary.LittleEndian.PutUint32(b[28:], uint32(size))
}
