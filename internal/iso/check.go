package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

const (
	maxDepth = 7   // folders; ECMA-119 6.8.2.1 allows eight with the root
	maxName  = 128 // bytes; keeps a folder's record below its 255
	maxLabel = 32  // characters
	maxBytes = 4e9 // of a file in one extent
)

// reservedName is the hidden file whose blocks hold the second set of volume
// descriptors. It sorts before every other name.
const reservedName = "0"

// check finds every mistake that can be seen before anything is written.
func (s Spec) check() error {
	const known = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	if s.Label == "" || len(s.Label) > maxLabel || strings.Trim(s.Label, known) != "" {
		return fmt.Errorf("volume name %q is not of 1 to %d of A to Z, 0 to 9 and _", s.Label, maxLabel)
	}
	if year := s.Time.UTC().Year(); year < 1970 || year > 2155 {
		return fmt.Errorf("time %s does not fit ISO 9660", s.Time.UTC().Format("2006-01-02"))
	}
	if len(s.ESP) == 0 || len(s.ESP)%BlockSize != 0 {
		return fmt.Errorf("EFI system partition of %d bytes is empty or not of whole blocks", len(s.ESP))
	}
	seen := map[string]bool{}
	for _, f := range s.Files {
		if err := f.check(); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if fold := strings.ToLower(f.Path); seen[fold] {
			return fmt.Errorf("%s is there twice (names that differ in case count as the same)", f.Path)
		} else {
			seen[fold] = true
		}
	}
	for _, f := range s.Files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if seen[strings.ToLower(dir)] {
				return fmt.Errorf("%s is a file, but %s is in it", dir, f.Path)
			}
		}
	}
	if s.BIOS != nil && !seen[strings.ToLower(s.BIOS.Image)] {
		return fmt.Errorf("the BIOS boot image %s is not among the files", s.BIOS.Image)
	}
	return nil
}

func (f File) check() error {
	if !fs.ValidPath(f.Path) || f.Path == "." {
		return errors.New("not a path relative to the root")
	}
	if f.Path == reservedName || strings.HasPrefix(f.Path, reservedName+"/") {
		return fmt.Errorf("the name %q is taken", reservedName)
	}
	parts := strings.Split(f.Path, "/")
	if len(parts)-1 > maxDepth {
		return fmt.Errorf("is more than %d folders deep", maxDepth)
	}
	for _, p := range parts {
		if len(p) > maxName || strings.ContainsAny(p, "*:;?\\\x00") {
			return fmt.Errorf("%q is longer than %d bytes, or has one of * : ; ? \\", p, maxName)
		}
	}
	if f.Mode&^0o777 != 0 {
		return fmt.Errorf("mode %#o has more than permissions", f.Mode)
	}
	size, err := f.size()
	if err == nil && size > maxBytes {
		err = fmt.Errorf("%d bytes are too many for one file", size)
	}
	return err
}

func (f File) size() (int64, error) {
	if f.Source == "" {
		return int64(len(f.Content)), nil
	}
	info, err := os.Stat(f.Source)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a file", f.Source)
	}
	return info.Size(), nil
}

func (f File) read() ([]byte, error) {
	if f.Source == "" {
		return f.Content, nil
	}
	return os.ReadFile(f.Source)
}

// serial is the 32-bit number of an image, as the disk's signature in its MBR.
func serial(id [16]byte) uint32 {
	g := Derive(id, "serial")
	return binary.LittleEndian.Uint32(g[:])
}
