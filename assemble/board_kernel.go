package assemble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"floe/internal/xzkernel"
)

// Places in the header of a kernel that unpacks itself under UEFI,
// drivers/firmware/efi/libstub/zboot-header.S in the source of Linux, and in
// that of a plain one, Documentation/arch/arm64/booting.rst.
const (
	zbootMagicAt   = 4
	zbootPayloadAt = 8  // 32 bits: its place, and its size; 32 bits behind it are what it unpacks to
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
	if kind, _, _ := bytes.Cut(image[zbootKindAt:plainMagicAt], []byte{0}); string(kind) != "xz" {
		return nil, fmt.Errorf("the kernel is packed with %q, not with xz", kind)
	}
	at := uint64(binary.LittleEndian.Uint32(image[zbootPayloadAt:]))
	size := uint64(binary.LittleEndian.Uint32(image[zbootPayloadAt+4:]))
	if at+size+4 > uint64(len(image)) {
		return nil, fmt.Errorf("the kernel's payload of %d bytes is not there", size)
	}
	plain, err := xzkernel.Unpack(image[at:at+size], int64(binary.LittleEndian.Uint32(image[at+size:])))
	if err != nil {
		return nil, fmt.Errorf("unpack the kernel: %w", err)
	}
	if len(plain) < 64 || string(plain[plainMagicAt:][:4]) != "ARM\x64" {
		return nil, errors.New("what the kernel holds is no kernel for arm64")
	}
	return plain, nil
}
