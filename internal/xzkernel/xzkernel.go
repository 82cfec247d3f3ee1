// Package xzkernel unpacks kernels that are packed with xz as the kernel's own build
// does it: a stream of one block, whose code has gone through the filter for arm64's
// branches, which the library for xz does not know.
//
// It reads the .xz file format 1.2.1 as far as that goes. Other xz files, and packing,
// are not its business.
package xzkernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// Filters, by their numbers in the format.
const (
	arm64Filter = 0x0a
	lzma2Filter = 0x21
)

// header is what a stream of this kind begins with: magic bytes, and flags that say
// that a CRC-32 stands at each block's end.
var header = []byte{0xfd, '7', 'z', 'X', 'Z', 0, 0, 1}

// Unpack unpacks a kernel. It allocates at most limit bytes for what comes out, and
// fails where that is more, is damaged, or is packed in another way.
func Unpack(packed []byte, limit int64) ([]byte, error) {
	const before = 12 // the header with its checksum
	if len(packed) < before+8 || !bytes.HasPrefix(packed, header) {
		return nil, errors.New("no xz file with a CRC-32")
	}
	filters, size, err := readBlockHeader(packed[before:])
	if err != nil {
		return nil, err
	}
	filtered := len(filters) == 2 && filters[0] == arm64Filter
	if last := len(filters) - 1; filters[last] != lzma2Filter || last > 0 && !filtered {
		return nil, fmt.Errorf("filters %#x are not arm64's and LZMA2", filters)
	}
	rest := bytes.NewReader(packed[before+size:])
	dictionary := max(limit, lzma.MinDictCap) // more is never looked back to
	r, err := lzma.Reader2Config{DictCap: int(dictionary)}.NewReader2(rest)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(plain)) > limit {
		return nil, fmt.Errorf("more than %d bytes come out", limit)
	}
	if filtered {
		toRelative(plain)
	}
	padding := -(len(packed) - before - size - rest.Len()) & 3
	if rest.Len() < padding+4 {
		return nil, io.ErrUnexpectedEOF
	}
	check := packed[len(packed)-rest.Len()+padding:]
	if crc32.ChecksumIEEE(plain) != binary.LittleEndian.Uint32(check) {
		return nil, errors.New("the checksum is another one")
	}
	return plain, nil
}

// readBlockHeader gives the numbers of a block's filters, and the header's size.
func readBlockHeader(block []byte) (filters []uint64, size int, err error) {
	size = (int(block[0]) + 1) * 4
	if size < 8 || len(block) < size {
		return nil, 0, io.ErrUnexpectedEOF
	}
	fields := block[:size-4]
	if crc32.ChecksumIEEE(fields) != binary.LittleEndian.Uint32(block[size-4:]) {
		return nil, 0, errors.New("the block's header is damaged")
	}
	flags, at := fields[1], 2
	number := func() uint64 { // of seven bits a byte
		n, used := binary.Uvarint(fields[at:])
		if used <= 0 {
			err = io.ErrUnexpectedEOF
			return 0
		}
		at += used
		return n
	}
	for _, sizeIsThere := range []byte{0x40, 0x80} { // of what is packed, and of what comes out
		if flags&sizeIsThere != 0 {
			number()
		}
	}
	for range flags&3 + 1 {
		filters = append(filters, number())
		properties := number()
		if err != nil || properties > uint64(len(fields)-at) {
			return nil, 0, io.ErrUnexpectedEOF
		}
		at += int(properties)
	}
	return filters, size, err
}

// toRelative undoes the filter: it had made what branches reach absolute, for the same
// then looks the same everywhere.
func toRelative(code []byte) {
	for at := 0; at+4 <= len(code); at += 4 {
		word, here := binary.LittleEndian.Uint32(code[at:]), uint32(at)
		switch {
		case word>>26 == 0b100101: // BL, which counts instructions
			target := word - here>>2
			word = 0b100101<<26 | target&(1<<26-1)
		case word&0x9f000000 == 0x90000000: // ADRP, which counts pages of 4096 bytes
			page := word>>29&3 | word>>3&0x1ffffc
			if (page+1<<17)&(7<<18) != 0 {
				continue // further away than 512 MiB: the filter leaves it
			}
			page -= here >> 12
			sign := -(page >> 17 & 1) & (7 << 21)
			word = word&0x9000001f | page&3<<29 | page&0x3fffc<<3 | sign
		}
		binary.LittleEndian.PutUint32(code[at:], word)
	}
}
