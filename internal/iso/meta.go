package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
)

// Types of volume descriptors, ECMA-119 section 8.
const (
	bootRecord    = 0
	primaryVolume = 1
	lastVolume    = 255

	firstDescriptor = 16 // block
	descriptors     = 2  // in the second set: primary, terminator
)

// Places in a volume descriptor, ECMA-119 section 8.4, from 0. Those named
// "both" are numbers in both byte orders.
const (
	vdSize      = 80 // both
	vdTableSize = 132
	vdTableL    = 140 // little-endian
	vdTableM    = 148 // big-endian
	vdRoot      = 156
	vdRootSize  = 34
	vdTimes     = 813
	vdTimeSize  = 17
	vdCatalogue = 71 // El Torito's boot record
)

// region is a run of blocks that is held in memory.
type region struct {
	first uint32
	data  []byte
}

func (r region) blocks() uint32          { return uint32(len(r.data) / BlockSize) }
func (r region) has(block uint32) bool   { return block >= r.first && block < r.first+r.blocks() }
func (r region) at(block uint32) []byte  { return r.data[(block-r.first)*BlockSize:] }
func (r region) copy() region            { return region{r.first, append([]byte(nil), r.data...)} }
func (m *master) save(r region) error    { return m.writeAt(r.data, r.first) }
func (m *master) load(r *region) error   { return m.readAt(r.data, r.first) }
func newRegion(first, end uint32) region { return region{first, make([]byte, (end-first)*BlockSize)} }
func (m *master) readAt(p []byte, block uint32) error {
	_, err := m.f.ReadAt(p, int64(block)*BlockSize)
	return err
}

// meta is all of an image that is neither files nor tables: what must be known
// to change a time or to move a folder.
type meta struct {
	volumes   region // descriptors
	folders   region // with path tables
	catalogue region
}

// at gives bytes from a block of the folders on.
func (t meta) at(block uint32, size uint32) ([]byte, error) {
	if t.folders.has(block) && uint32(len(t.folders.at(block))) >= size {
		return t.folders.at(block)[:size], nil
	}
	return nil, fmt.Errorf("block %d with %d bytes is not among the folders", block, size)
}

// descriptor gives the volume descriptor of a type, nil if there is none.
func (t meta) descriptor(kind byte) []byte {
	for b := t.volumes.data; len(b) > 0; b = b[BlockSize:] {
		if b[0] == kind {
			return b[:BlockSize]
		}
	}
	return nil
}

// readTree loads what go-diskfs has made, and learns from it where files are.
func (m *master) readTree() error {
	info, err := m.f.Stat()
	if err != nil {
		return err
	}
	// Descriptors stand from block 16 to the terminator; folders follow.
	end := uint32(firstDescriptor)
	for kind := byte(0); kind != lastVolume; end++ {
		var b [7]byte
		if err := m.readAt(b[:], end); err != nil || string(b[1:6]) != "CD001" {
			return errors.New("the tree has no end of its volume descriptors")
		}
		kind = b[0]
	}
	m.meta.volumes = newRegion(firstDescriptor, end)
	if err := m.load(&m.meta.volumes); err != nil {
		return err
	}
	primary, boot := m.meta.descriptor(primaryVolume), m.meta.descriptor(bootRecord)
	if primary == nil || boot == nil {
		return errors.New("the tree lacks a volume descriptor")
	}
	m.tree = binary.LittleEndian.Uint32(primary[vdSize:])
	if info.Size() > int64(m.tree)*BlockSize {
		return fmt.Errorf("the tree says %d blocks, its file has %d bytes", m.tree, info.Size())
	}
	if err := m.f.Truncate(int64(m.tree) * BlockSize); err != nil { // zeros at the end were not written
		return err
	}
	catalogue := binary.LittleEndian.Uint32(boot[vdCatalogue:])
	m.reserved = catalogue + 1 // go-diskfs sorts the catalogue before all files
	m.offset = m.reserved - firstDescriptor
	m.meta.folders = newRegion(end, catalogue)
	m.meta.catalogue = newRegion(catalogue, catalogue+1)
	for _, r := range []*region{&m.meta.folders, &m.meta.catalogue} {
		if err := m.load(r); err != nil {
			return err
		}
	}
	return m.findFiles()
}

func (m *master) findFiles() error {
	m.places = map[string]place{}
	err := m.meta.walk(m.meta.descriptor(primaryVolume), func(r record) error {
		if !r.folder() && !r.dot {
			m.places[r.path] = place{block: r.extent(), size: int64(r.size())}
		}
		return nil
	})
	for name, p := range m.places {
		if err == nil && p.size > 0 && p.block < m.reserved {
			err = fmt.Errorf("%s lies before the second set of volume descriptors", name)
		}
	}
	return err
}

// record is a directory record, ECMA-119 section 9.1.
type record struct {
	raw   []byte
	path  string   // by its Rock Ridge names
	dot   bool     // "." or ".."
	extra [][]byte // entries of the system use area, continuations followed
}

func (r record) extent() uint32 { return binary.LittleEndian.Uint32(r.raw[2:]) }
func (r record) size() uint32   { return binary.LittleEndian.Uint32(r.raw[10:]) }
func (r record) folder() bool   { return r.raw[25]&2 != 0 }

// walk calls visit with every directory record below a volume descriptor.
// Visit may change the record; where its folder lies is taken before.
func (t meta) walk(descriptor []byte, visit func(record) error) error {
	type folder struct {
		extent, size uint32
		path         string
	}
	root := record{raw: descriptor[vdRoot : vdRoot+vdRootSize]}
	todo := []folder{{root.extent(), root.size(), "."}}
	for len(todo) > 0 {
		dir := todo[0]
		todo = todo[1:]
		data, err := t.at(dir.extent, dir.size)
		if err != nil {
			return err
		}
		for off, n := 0, 0; off+33 < len(data); n++ {
			length := int(data[off])
			if length == 0 { // the next record did not fit into this block
				off = (off/BlockSize + 1) * BlockSize
				n--
				continue
			}
			r := record{raw: data[off : off+length], dot: n < 2}
			off += length
			var name string
			if r.extra, name, err = t.systemUse(r.raw); err != nil {
				return err
			}
			if !r.dot {
				r.path = path.Join(dir.path, name)
				if r.folder() {
					todo = append(todo, folder{r.extent(), r.size(), r.path})
				}
			}
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// systemUse gives the entries of a record's system use area (SUSP, IEEE P1281)
// and the name that its NM entries make.
func (t meta) systemUse(raw []byte) (list [][]byte, name string, err error) {
	area := raw[33+int(raw[32])+1-int(raw[32])%2:]
	var next []byte // where a CE entry says that it goes on
	for {
		if len(area) < 4 || area[2] < 4 || int(area[2]) > len(area) {
			if next == nil {
				return list, name, nil
			}
			area, next = next, nil
			continue
		}
		e := area[:area[2]]
		area = area[len(e):]
		list = append(list, e)
		switch string(e[:2]) {
		case "NM":
			name += string(e[5:])
		case "CE":
			block, off, size := binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[12:]), binary.LittleEndian.Uint32(e[20:])
			more, err := t.at(block, off+size)
			if err != nil {
				return nil, "", err
			}
			next = more[off:]
		}
	}
}
