package iso

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// writeView writes the tree once more as it looks from partition 1, whose
// first block is m.offset: a descriptor where a volume there has it, 16 blocks
// on, and copies of folders and path tables in which every block is less by
// the offset. Files are the same for both.
func (m *master) writeView() error {
	if int64(m.offset)*BlockSize < gptFirst*SectorSize {
		return fmt.Errorf("partition 1 would start in the partition table, at block %d", m.offset)
	}
	// Everything is found by its old address and gets its new one.
	view := meta{volumes: m.meta.volumes.copy(), folders: m.meta.folders.copy()}
	moved := func(block uint32) uint32 {
		switch {
		case block == 0: // no content
			return 0
		case view.folders.has(block):
			block += m.view - view.folders.first
		}
		return block - m.offset
	}
	primary := view.descriptor(primaryVolume)
	if err := view.move(primary, moved); err != nil {
		return err
	}
	both(primary[vdSize:], m.esp-m.offset)
	view.folders.first = m.view
	if err := m.save(region{m.reserved, append(bytes.Clone(primary), view.descriptor(lastVolume)...)}); err != nil {
		return err
	}
	return m.save(view.folders)
}

// move gives everything below a descriptor, and the descriptor itself, new
// addresses.
func (t meta) move(d []byte, to func(uint32) uint32) error {
	err := t.walk(d, func(r record) error {
		both(r.raw[2:], to(r.extent()))
		for _, e := range r.extra {
			if string(e[:2]) == "CE" {
				both(e[4:], to(binary.LittleEndian.Uint32(e[4:])))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(d[vdTableSize:])
	for _, table := range []struct {
		at    int
		order binary.ByteOrder
	}{{vdTableL, binary.LittleEndian}, {vdTableM, binary.BigEndian}} {
		block := table.order.Uint32(d[table.at:])
		b, err := t.at(block, size)
		if err != nil {
			return err
		}
		for len(b) >= 8 && b[0] > 0 { // ECMA-119 section 9.4
			table.order.PutUint32(b[2:], to(table.order.Uint32(b[2:])))
			b = b[8+int(b[0])+int(b[0])%2:]
		}
		table.order.PutUint32(d[table.at:], to(block))
	}
	both(d[vdRoot+2:], to(binary.LittleEndian.Uint32(d[vdRoot+2:])))
	return nil
}
