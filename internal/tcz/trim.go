package tcz

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A Go program that imports the package plugin exports each of its symbols, so
// that plugins can be linked against them: in dockerd 16 of 94 MB, hardly
// compressible. Floe loads no Go plugins. trim empties that table in place:
// nothing moves, and what is no longer named becomes zeroes, which cost nothing
// in a squashfs.
//
// A name with a character that no C identifier has is dropped; only a plugin
// could ask for it. All others stay, for a C library may look them up.
// See the System V ABI, chapter 5, and for DT_GNU_HASH the comments in glibc's
// elf/dl-lookup.c.
func trim(data []byte) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB {
		return errors.New("only 64-bit little-endian programs are trimmed")
	}
	t := trimmer{data: data, sections: map[string]*elf.Section{}}
	for _, s := range f.Sections {
		t.sections[s.Name] = s
	}
	for _, name := range []string{".dynsym", ".dynstr", ".gnu.hash", ".gnu.version", ".dynamic"} {
		if t.sections[name] == nil {
			return fmt.Errorf("it has no section %s", name)
		}
	}
	if t.sections[".hash"] != nil {
		return errors.New("it has a second table of symbols, .hash")
	}
	return t.run()
}

type trimmer struct {
	data     []byte
	sections map[string]*elf.Section
}

// Sizes of the structures of ELF64.
const (
	symSize  = 24
	relaSize = 24
)

// bytes gives the content of a section, to be changed in place.
func (t *trimmer) bytes(name string) []byte {
	s := t.sections[name]
	if s == nil {
		return nil
	}
	return t.data[s.Offset : s.Offset+s.Size]
}

func (t *trimmer) run() error {
	le := binary.LittleEndian
	syms, versions, strs, hash := t.bytes(".dynsym"), t.bytes(".gnu.version"), t.bytes(".dynstr"), t.bytes(".gnu.hash")
	total, first := len(syms)/symSize, int(le.Uint32(hash[4:])) // symbols before the first are imports
	if first > total || len(versions) < 2*total {
		return errors.New("its table of symbols is damaged")
	}
	wanted := t.wanted(total)
	place := make([]int, total) // where a symbol goes; -1: nowhere
	used := make([]bool, len(strs))
	var names []string
	next := first
	for i := range total {
		name := text(strs, le.Uint32(syms[i*symSize:]))
		switch {
		case i < first:
			place[i] = i
		case isC(name) || wanted[i]:
			place[i] = next
			copy(syms[next*symSize:], syms[i*symSize:(i+1)*symSize])
			copy(versions[next*2:], versions[i*2:i*2+2])
			names = append(names, name)
			next++
		default:
			place[i] = -1
			continue
		}
		mark(used, strs, le.Uint32(syms[i*symSize:]))
	}
	if next == total {
		return errNeedless
	}
	table := gnuHash(first, names)
	if len(table) > len(hash) {
		return errors.New("its table of symbols does not get smaller")
	}
	for _, name := range []string{".rela.dyn", ".rela.plt"} {
		if err := renumber(t.bytes(name), place); err != nil {
			return err
		}
	}
	clear(syms[next*symSize:])
	clear(versions[next*2:])
	clear(hash[copy(hash, table):])
	t.markDynamic(used)
	for i := range strs {
		if !used[i] {
			strs[i] = 0
		}
	}
	return nil
}

// wanted says which symbols relocations name.
func (t *trimmer) wanted(total int) []bool {
	list := make([]bool, total)
	for _, name := range []string{".rela.dyn", ".rela.plt"} {
		for rela := t.bytes(name); len(rela) >= relaSize; rela = rela[relaSize:] {
			if i := binary.LittleEndian.Uint64(rela[8:]) >> 32; i < uint64(total) {
				list[i] = true
			}
		}
	}
	return list
}

// isC says whether a name could be that of something in C.
func isC(name string) bool {
	return !slices.ContainsFunc([]byte(name), func(c byte) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

func text(strs []byte, at uint32) string {
	s, _, _ := bytes.Cut(strs[at:], []byte{0})
	return string(s)
}

// mark notes that a string is used.
func mark(used []bool, strs []byte, at uint32) {
	for i := int(at); i < len(strs) && strs[i] != 0; i++ {
		used[i] = true
	}
}

// markDynamic notes the strings that the dynamic section and the versions of
// imported symbols use.
func (t *trimmer) markDynamic(used []bool) {
	le := binary.LittleEndian
	strs, dynamic := t.bytes(".dynstr"), t.bytes(".dynamic")
	for ; len(dynamic) >= 16; dynamic = dynamic[16:] {
		switch elf.DynTag(le.Uint64(dynamic)) {
		case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH:
			mark(used, strs, uint32(le.Uint64(dynamic[8:])))
		}
	}
	need := t.bytes(".gnu.version_r") // Elf64_Verneed, each with its Elf64_Vernaux
	for at := 0; at+16 <= len(need); {
		v := need[at:]
		mark(used, strs, le.Uint32(v[4:]))
		aux := at + int(le.Uint32(v[8:]))
		for range le.Uint16(v[2:]) {
			mark(used, strs, le.Uint32(need[aux+8:]))
			aux += int(le.Uint32(need[aux+12:]))
		}
		step := int(le.Uint32(v[12:]))
		if step == 0 {
			break
		}
		at += step
	}
}

// renumber gives relocations the new places of their symbols.
func renumber(rela []byte, place []int) error {
	le := binary.LittleEndian
	for ; len(rela) >= relaSize; rela = rela[relaSize:] {
		info := le.Uint64(rela[8:])
		old := int(info >> 32)
		if old >= len(place) || place[old] < 0 {
			return fmt.Errorf("a relocation needs symbol %d", old)
		}
		le.PutUint64(rela[8:], uint64(place[old])<<32|info&0xffffffff)
	}
	return nil
}

// gnuHash makes a DT_GNU_HASH table with a single bucket, in which the order of
// the symbols is free; the Bloom filter keeps lookups of other names away.
func gnuHash(first int, names []string) []byte {
	const shift = 26
	words := 1
	for words*64 < len(names)*8 {
		words *= 2
	}
	bloom := make([]uint64, words)
	bucket := uint32(first)
	if len(names) == 0 {
		bucket = 0
	}
	var chain []uint32
	for i, name := range names {
		h := uint32(5381)
		for _, c := range []byte(name) {
			h = h*33 + uint32(c)
		}
		bloom[int(h/64)%words] |= 1<<(h%64) | 1<<(h>>shift%64)
		last := uint32(0)
		if i == len(names)-1 {
			last = 1
		}
		chain = append(chain, h&^1|last)
	}
	var b bytes.Buffer
	for _, part := range []any{[]uint32{1, uint32(first), uint32(words), shift}, bloom, bucket, chain} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err) // the types have fixed sizes, and a buffer takes all
		}
	}
	return b.Bytes()
}
