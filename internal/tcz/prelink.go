package tcz

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Debian links some Go programs so that they can be loaded at any address. Go's
// tables of types and functions are then full of pointers that the dynamic linker
// has to set at every start: in dockerd 342,290, in 2,009 pages. Each of these pages is
// read from the medium, copied and never given back, and the table that lists
// the pointers has 8 MB itself. prelink links such a program to a fixed address once,
// in place: its pages stay those of the file, of which the page cache keeps
// as many as there is room for.
//
// What is lost is that the program's own code lies at another address at each
// start. Debian's containerd, runc and podman lie at a fixed one as well.
// See the System V ABI, chapters 4 and 5, and its supplements for the processors.
func prelink(data []byte) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	kind, known := relocations[f.Machine]
	switch {
	case f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || !known:
		return errors.New("only programs for amd64 and arm64 are linked to a fixed address")
	case f.Type == elf.ET_EXEC:
		return errNeedless
	case f.Type != elf.ET_DYN || f.Section(".interp") == nil:
		return errors.New("it is no program that can be loaded at any address")
	}
	p := prelinker{data: data, file: f, kind: kind, tags: map[elf.DynTag]uint64{}}
	for _, step := range []func() error{p.read, p.relocate, p.dynamic, p.symbols, p.headers} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// fixed is where a program goes: where linkers put those that cannot be moved.
const fixed = 0x400000

// relocations are the types that differ from processor to processor. All others
// that a program has ask for a symbol's value, wherever the program lies.
var relocations = map[elf.Machine]relocationKinds{
	elf.EM_X86_64:  {uint32(elf.R_X86_64_RELATIVE), uint32(elf.R_X86_64_IRELATIVE), uint32(elf.R_X86_64_JMP_SLOT)},
	elf.EM_AARCH64: {uint32(elf.R_AARCH64_RELATIVE), uint32(elf.R_AARCH64_IRELATIVE), uint32(elf.R_AARCH64_JUMP_SLOT)},
}

// relocationKinds are types of relocations: a place gets an address in the program;
// what a function there gives; the address of a function of a library, before
// whose first call it leads to code that looks the function up.
type relocationKinds struct{ relative, indirect, slot uint32 }

type prelinker struct {
	data []byte
	file *elf.File
	kind relocationKinds
	tags map[elf.DynTag]uint64 // the dynamic section as it was
	left int                   // bytes of the table of relocations that stay
}

// read reads the dynamic section.
func (p *prelinker) read() error {
	for entry := range records(p.section(elf.SHT_DYNAMIC), dynSize) {
		tag := elf.DynTag(binary.LittleEndian.Uint64(entry))
		if !slices.Contains(dynamicAddresses, tag) && !slices.Contains(dynamicNumbers, tag) {
			return fmt.Errorf("what its dynamic section says by %v is not known", tag)
		}
		p.tags[tag] = binary.LittleEndian.Uint64(entry[8:])
	}
	return nil
}

// at gives the bytes at a program's address, as it was linked.
func (p *prelinker) at(addr, size uint64) ([]byte, error) {
	for _, s := range p.file.Progs {
		if s.Type == elf.PT_LOAD && addr >= s.Vaddr && addr-s.Vaddr+size <= s.Filesz {
			return p.data[s.Off+addr-s.Vaddr:][:size], nil
		}
	}
	return nil, fmt.Errorf("nothing of the file is at its address %#x", addr)
}

// table gives a table that the dynamic section names; nothing if it names none.
func (p *prelinker) table(addr, size elf.DynTag) ([]byte, error) {
	if p.tags[size] == 0 {
		return nil, nil
	}
	return p.at(p.tags[addr], p.tags[size])
}

// section gives the content of the section of a type; nothing if there is none.
func (p *prelinker) section(kind elf.SectionType) []byte {
	s := p.file.SectionByType(kind)
	if s == nil {
		return nil
	}
	return p.data[s.Offset:][:s.FileSize]
}

// shift adds the new address to a number.
func shift(number []byte) {
	le := binary.LittleEndian
	le.PutUint64(number, le.Uint64(number)+fixed)
}

// relocate does what the dynamic linker would, where that is known beforehand,
// and moves the rest.
func (p *prelinker) relocate() error {
	le := binary.LittleEndian
	table, err := p.table(elf.DT_RELA, elf.DT_RELASZ)
	if err != nil {
		return err
	}
	kept := table[:0]
	for rela := range records(table, relaSize) {
		place, err := p.at(le.Uint64(rela), 8)
		if err != nil {
			return err
		}
		switch le.Uint32(rela[8:]) {
		case p.kind.relative:
			le.PutUint64(place, le.Uint64(rela[16:])+fixed)
			continue
		case p.kind.indirect:
			shift(rela[16:])
		}
		shift(rela)
		kept = append(kept, rela...)
	}
	clear(table[len(kept):])
	p.left = len(kept)
	if table, err = p.table(elf.DT_JMPREL, elf.DT_PLTRELSZ); err != nil {
		return err
	}
	for rela := range records(table, relaSize) {
		place, err := p.at(le.Uint64(rela), 8)
		if err != nil {
			return err
		}
		switch le.Uint32(rela[8:]) {
		case p.kind.slot:
			shift(place)
		case p.kind.indirect:
			shift(rela[16:])
		}
		shift(rela)
	}
	return nil
}

const dynSize = 16 // of Elf64_Dyn

// records cuts a table into its records. What is behind the last whole one is
// left out. A record may be changed, and moved forward, once it was seen.
func records(table []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(table) >= size && yield(table[:size]) {
			table = table[size:]
		}
	}
}

// Tags of the dynamic section, by what has to be done with their values.
var (
	dynamicAddresses = []elf.DynTag{
		elf.DT_PLTGOT, elf.DT_HASH, elf.DT_STRTAB, elf.DT_SYMTAB, elf.DT_RELA, elf.DT_INIT, elf.DT_FINI, elf.DT_JMPREL,
		elf.DT_INIT_ARRAY, elf.DT_FINI_ARRAY, elf.DT_PREINIT_ARRAY, elf.DT_GNU_HASH, elf.DT_VERSYM, elf.DT_VERNEED, elf.DT_VERDEF,
		elf.DT_TLSDESC_PLT, elf.DT_TLSDESC_GOT,
	}
	dynamicNumbers = []elf.DynTag{
		elf.DT_NULL, elf.DT_NEEDED, elf.DT_PLTRELSZ, elf.DT_RELASZ, elf.DT_RELAENT, elf.DT_STRSZ, elf.DT_SYMENT, elf.DT_SONAME,
		elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_PLTREL, elf.DT_DEBUG, elf.DT_TEXTREL, elf.DT_BIND_NOW, elf.DT_INIT_ARRAYSZ,
		elf.DT_FINI_ARRAYSZ, elf.DT_PREINIT_ARRAYSZ, elf.DT_FLAGS, elf.DT_FLAGS_1, elf.DT_RELACOUNT, elf.DT_VERNEEDNUM, elf.DT_VERDEFNUM,
	}
)

// dynamic moves what the dynamic section names.
func (p *prelinker) dynamic() error {
	le := binary.LittleEndian
	for entry := range records(p.section(elf.SHT_DYNAMIC), dynSize) {
		tag, value := elf.DynTag(le.Uint64(entry)), entry[8:]
		switch {
		case tag == elf.DT_RELASZ:
			le.PutUint64(value, uint64(p.left))
		case tag == elf.DT_RELACOUNT:
			le.PutUint64(value, 0)
		case tag == elf.DT_FLAGS_1:
			le.PutUint64(value, le.Uint64(value)&^uint64(elf.DF_1_PIE))
		case slices.Contains(dynamicAddresses, tag):
			shift(value)
		}
	}
	return nil
}

// symbols moves what lies in the program and has a name.
func (p *prelinker) symbols() error {
	le := binary.LittleEndian
	for _, s := range p.file.Sections {
		if s.Type != elf.SHT_DYNSYM && s.Type != elf.SHT_SYMTAB {
			continue
		}
		for sym := range records(p.data[s.Offset:][:s.FileSize], symSize) {
			kind, section := elf.ST_TYPE(sym[4]), elf.SectionIndex(le.Uint16(sym[6:]))
			if kind != elf.STT_TLS && section != elf.SHN_UNDEF && section != elf.SHN_ABS {
				shift(sym[8:])
			}
		}
	}
	return nil
}

// headers moves the program itself.
func (p *prelinker) headers() error {
	le := binary.LittleEndian
	le.PutUint16(p.data[16:], uint16(elf.ET_EXEC))
	shift(p.data[24:]) // where it starts
	segments, sections := p.data[le.Uint64(p.data[32:]):], p.data[le.Uint64(p.data[40:]):]
	for i, s := range p.file.Progs {
		if fixed%max(s.Align, 1) != 0 {
			return fmt.Errorf("a part of it wants an address that is a multiple of %#x", s.Align)
		}
		if s.Memsz > 0 {
			header := segments[i*int(le.Uint16(p.data[54:])):]
			shift(header[16:])
			shift(header[24:])
		}
	}
	for i, s := range p.file.Sections {
		header := sections[i*int(le.Uint16(p.data[58:])):]
		if s.Flags&elf.SHF_ALLOC != 0 {
			shift(header[16:])
		}
		if s.Type == elf.SHT_RELA && s.Addr == p.tags[elf.DT_RELA] {
			le.PutUint64(header[32:], uint64(p.left))
		}
	}
	return nil
}
