package assemble

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"floe/internal/xzkernel"
)

// Places in the header of a kernel that unpacks itself under UEFI,
// drivers/firmware/efi/libstub/zboot-header.S in the source of Linux, and in
// that of a plain one, Documentation/arch/arm64/booting.rst.
const (
	zbootMagicAt   = 4
	zbootPayloadAt = 8  // 32 bits: its place, and its size
	zbootKindAt    = 24 // text: how it is compressed
	plainMagicAt   = 56
)

// unpacksItself says whether a kernel is one that unpacks itself under UEFI.
func unpacksItself(image []byte) bool {
	return len(image) >= 64 && bytes.HasPrefix(image, []byte("MZ")) && string(image[zbootMagicAt:][:4]) == "zimg"
}

// plainKernel takes the kernel out of one that unpacks itself under UEFI, for
// firmware that is no UEFI.
func plainKernel(image []byte) ([]byte, error) {
	if !unpacksItself(image) {
		return nil, errors.New("the kernel is none that unpacks itself under UEFI")
	}
	at := uint64(binary.LittleEndian.Uint32(image[zbootPayloadAt:]))
	size := uint64(binary.LittleEndian.Uint32(image[zbootPayloadAt+4:]))
	if at+size > uint64(len(image)) {
		return nil, fmt.Errorf("the kernel's payload of %d bytes is not there", size)
	}
	kind, _, _ := bytes.Cut(image[zbootKindAt:plainMagicAt], []byte{0})
	unpack, known := unpackers[string(kind)]
	if !known {
		return nil, fmt.Errorf("the kernel is packed with %q", kind)
	}
	plain, err := unpack(image[at : at+size])
	if err != nil {
		return nil, fmt.Errorf("unpack the kernel: %w", err)
	}
	if len(plain) < 64 || string(plain[plainMagicAt:][:4]) != "ARM\x64" {
		return nil, errors.New("what the kernel holds is no kernel for arm64")
	}
	return plain, nil
}

// largestKernel is what one may unpack to, in bytes.
const largestKernel = 64 << 20

// unpackers are by what the header says: xz, or gzip where Floe's patch did not fit;
// images of before have zstd.
var unpackers = map[string]func(packed []byte) ([]byte, error){
	"xz": func(packed []byte) ([]byte, error) { return xzkernel.Unpack(packed, largestKernel) },
	"gzip": func(packed []byte) ([]byte, error) {
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(r, largestKernel))
	},
	"zstd": func(packed []byte) ([]byte, error) {
		r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderMaxMemory(largestKernel))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(io.LimitReader(r, largestKernel))
	},
}
