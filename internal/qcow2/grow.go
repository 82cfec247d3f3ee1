package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Places in the header.
const (
	sizeAt = 24 // of the disk; the encryption, 4 bytes, and the L1 table's size and place are behind it
	l1End  = 48 // end of the L1 table's place
)

// Image is an image's file.
type Image interface {
	io.ReaderAt
	io.WriterAt
}

// Size tells how large the disk of an image is, in bytes.
func Size(r io.ReaderAt) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(h[sizeAt:])), nil
}

func readHeader(r io.ReaderAt) ([]byte, error) {
	h := make([]byte, headerSize)
	if _, err := r.ReadAt(h, 0); err != nil {
		return nil, fmt.Errorf("its header cannot be read: %w", err)
	}
	if string(h[:4]) != "QFI\xfb" || binary.BigEndian.Uint32(h[4:]) != 3 {
		return nil, errors.New("it is no qcow2 image of version 3")
	}
	return h, nil
}

// Grow makes the disk of an image that Write made larger: what is new of it reads as
// zeros. Nobody else may have the file open. What QEMU itself has more work to do for is
// an error, and the image stays as it is.
func Grow(f Image, size int64) error {
	h, err := readHeader(f)
	if err != nil {
		return err
	}
	be := binary.BigEndian
	l1Was, l1At := int64(be.Uint32(h[36:])), int64(be.Uint64(h[40:]))
	l1Size := (size + l2Entries*cluster - 1) / (l2Entries * cluster)
	room := (l1Was*8 + cluster - 1) / cluster * cluster / 8 // entries: tables have whole clusters
	switch {
	case size%512 != 0 || size < int64(be.Uint64(h[sizeAt:])):
		return fmt.Errorf("a disk of %d bytes cannot become one of %d", be.Uint64(h[sizeAt:]), size)
	case be.Uint32(h[20:]) != clusterBits || be.Uint64(h[8:]) != 0 || be.Uint32(h[32:]) != 0 || be.Uint32(h[60:]) != 0 || be.Uint64(h[72:]) != 0:
		return errors.New("it has a backing file, snapshots or features that floe does not know")
	case l1Size > room:
		return fmt.Errorf("its tables have room for %d bytes at most", room*l2Entries*cluster)
	}
	added := make([]byte, 8*max(0, l1Size-l1Was))
	if _, err := f.ReadAt(added, l1At+8*l1Was); err != nil {
		return fmt.Errorf("its table cannot be read: %w", err)
	}
	for _, b := range added {
		if b != 0 {
			return errors.New("behind its table there is something")
		}
	}
	be.PutUint64(h[sizeAt:], uint64(size))
	be.PutUint32(h[36:], uint32(max(l1Size, l1Was)))
	_, err = f.WriteAt(h[sizeAt:l1End], sizeAt) // at once: both belong together
	return err
}
