package iso

import (
	"context"
	"time"

	"floe/internal/fat"
)

// ESPFile is a file of an EFI system partition.
type ESPFile = fat.File

// ESP makes the image of an EFI system partition, just large enough for its
// files: up to 16 MiB. Label is the volume's name, serial its number; every
// entry carries the time t. The length is a multiple of BlockSize.
//
// It is a FAT12, since UEFI takes any FAT of less than 65525 clusters for
// FAT12 or FAT16 whatever it says of itself.
func ESP(label string, serial uint32, t time.Time, files []ESPFile) ([]byte, error) {
	var image memory
	size, err := fat.Write(context.Background(), &image, fat.Volume{
		Kind: fat.FAT12, Label: label, Serial: serial, Time: t, Files: files, Grain: BlockSize,
	})
	if err != nil {
		return nil, err
	}
	return append(image, make([]byte, size-int64(len(image)))...), nil
}

// memory is a file in memory.
type memory []byte

// WriteAt writes, behind the end as well.
func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	if more := at + int64(len(b)) - int64(len(*m)); more > 0 {
		*m = append(*m, make([]byte, more)...)
	}
	return copy((*m)[at:], b), nil
}
