package iso

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// stampTree puts the caller's time, owner root and well-formed identifiers
// over what go-diskfs took from the clock and from the host.
func (m *master) stampTree() error {
	t, d := m.spec.Time.UTC(), m.meta.descriptor(primaryVolume)
	stampDescriptor(d, m.spec.Label, t)
	return m.meta.walk(d, func(r record) error {
		stampRecord(r, t)
		return nil
	})
}

// The identifiers of a volume descriptor: place and length. go-diskfs fills
// them with zeros, ECMA-119 section 7.4.3 wants spaces.
func identifiers(label string) []struct {
	at, size int
	text     string
} {
	return []struct {
		at, size int
		text     string
	}{
		{8, 32, "LINUX"},   // system
		{40, 32, label},    // volume
		{190, 128, label},  // volume set
		{318, 128, ""},     // publisher
		{446, 128, "FLOE"}, // data preparer
		{574, 128, ""},     // application
		{702, 37, ""},      // files with copyright, abstract, bibliography
		{739, 37, ""},
		{776, 37, ""},
	}
}

func stampDescriptor(d []byte, label string, t time.Time) {
	for _, id := range identifiers(label) {
		field := d[id.at : id.at+id.size]
		copy(field, id.text+strings.Repeat(" ", id.size-len(id.text)))
	}
	for i, when := range []string{longTime(t), longTime(t), longTime(time.Time{}), longTime(time.Time{})} { // created, modified, expires, effective
		copy(d[vdTimes+i*vdTimeSize:], when)
	}
	stampRecord(record{raw: d[vdRoot : vdRoot+vdRootSize]}, t)
}

// longTime is the form of ECMA-119 section 8.4.26.1; zero is "not given".
func longTime(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat("0", 16) + "\x00"
	}
	return t.Format("20060102150405") + "00\x00"
}

// shortTime is the form of ECMA-119 section 9.1.5.
func shortTime(t time.Time) []byte {
	return []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0}
}

func stampRecord(r record, t time.Time) {
	copy(r.raw[18:], shortTime(t))
	if r.folder() { // go-diskfs leaves out the rest of the last block
		both(r.raw[10:], (r.size()+BlockSize-1)/BlockSize*BlockSize)
	}
	for _, e := range r.extra {
		switch string(e[:2]) {
		case "TF": // Rock Ridge 1.12, section 4.1.6
			for at := 5; at+7 <= len(e) && e[4]&0x80 == 0; at += 7 {
				copy(e[at:], shortTime(t))
			}
		case "PX": // section 4.1.1; one link for a folder says "not counted"
			mode := binary.LittleEndian.Uint32(e[4:])
			if r.folder() {
				mode = 0o040755
			}
			both(e[4:], mode)
			both(e[12:], 1) // links
			both(e[20:], 0) // owner
			both(e[28:], 0) // group
		}
	}
}

// both writes a number in both byte orders, ECMA-119 section 7.3.3.
func both(b []byte, v uint32) {
	binary.LittleEndian.PutUint32(b, v)
	binary.BigEndian.PutUint32(b[4:], v)
}

// writeTree finishes the first view of the tree and saves it.
func (m *master) writeTree() error {
	// The volume takes in everything, so that a copy by its size is whole.
	both(m.meta.descriptor(primaryVolume)[vdSize:], uint32(m.layout.Size/BlockSize))
	if err := m.stampCatalogue(); err != nil {
		return err
	}
	for _, r := range []region{m.meta.volumes, m.meta.folders, m.meta.catalogue} {
		if err := m.save(r); err != nil {
			return err
		}
	}
	return nil
}

// stampCatalogue names the maker in the boot catalogue ("El Torito" 1.0,
// section 2) and points the UEFI entry at the EFI system partition.
func (m *master) stampCatalogue() error {
	const entry, idAt, idSize, sumAt = 32, 4, 24, 28
	c := m.meta.catalogue.data
	copy(c[idAt:idAt+idSize], append([]byte("FLOE"), make([]byte, idSize)...))
	binary.LittleEndian.PutUint16(c[sumAt:], 0)
	var sum uint16
	for i := 0; i < entry; i += 2 {
		sum += binary.LittleEndian.Uint16(c[i:])
	}
	binary.LittleEndian.PutUint16(c[sumAt:], -sum)
	for e := c[entry:]; len(e) >= entry; e = e[entry:] {
		if e[0] == 0x88 && binary.LittleEndian.Uint32(e[8:]) == m.reserved {
			sectors := m.layout.ESP.Sectors
			if sectors > 0xffff {
				sectors = 0 // UEFI 2.10 section 13.3.2.1: to the end of the medium
			}
			binary.LittleEndian.PutUint16(e[6:], uint16(sectors))
			binary.LittleEndian.PutUint32(e[8:], m.esp)
			return nil
		}
	}
	return fmt.Errorf("the boot catalogue has no entry for UEFI")
}

// bootImage tells a GRUB core image where it lies: in the boot information
// table of mkisofs, which the code for CDs reads, and in GRUB's own list of
// blocks, which says where the image goes on behind its first five sectors.
func bootImage(image []byte, block uint32) ([]byte, error) {
	const table, tableSize, sumFrom, list = 8, 56, 64, 2548
	if len(image) < list+8 {
		return nil, fmt.Errorf("%d bytes are no boot image of GRUB", len(image))
	}
	b := bytes.Clone(image)
	binary.LittleEndian.PutUint64(b[list:], uint64(block)*4+5)
	var sum uint32
	for i := sumFrom; i < len(b); i += 4 {
		var word [4]byte
		copy(word[:], b[i:])
		sum += binary.LittleEndian.Uint32(word[:])
	}
	clear(b[table : table+tableSize])
	for i, v := range []uint32{firstDescriptor, block, uint32(len(b)), sum} {
		binary.LittleEndian.PutUint32(b[table+4*i:], v)
	}
	return b, nil
}
