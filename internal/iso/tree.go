package iso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// makeTree has go-diskfs lay out the tree: descriptors, folders, path tables
// and boot catalogue. It reads the files from a folder, where we give it empty
// ones of the right lengths: the contents are copied later, once, with the
// kernel's help. So nothing of the host's files gets into the image either.
func (m *master) makeTree() error {
	work, err := os.MkdirTemp(m.spec.Work, "iso-tree-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, f := range append([]File{{Path: reservedName, Content: make([]byte, descriptors*BlockSize)}}, m.spec.Files...) {
		size, err := f.size()
		if err != nil {
			return err
		}
		if err := placeholder(filepath.Join(work, filepath.FromSlash(f.Path)), size, f.Mode); err != nil {
			return err
		}
	}
	canvas := &canvas{ctx: m.ctx, f: m.f}
	volume, err := iso9660.Create(canvas, 0, 0, BlockSize, work)
	if err != nil {
		return err
	}
	// The reserved file stands in for the UEFI image, which lies outside of
	// the tree: it must be in the catalogue to be hidden from the folders.
	entries := []*iso9660.ElToritoEntry{{Platform: iso9660.EFI, Emulation: iso9660.NoEmulation, BootFile: reservedName, HideBootFile: true}}
	if m.spec.BIOS != nil {
		bios := &iso9660.ElToritoEntry{Platform: iso9660.BIOS, Emulation: iso9660.NoEmulation, BootFile: m.spec.BIOS.Image}
		bios.SetLoadSize(BlockSize / SectorSize) // GRUB loads the rest of itself
		entries = append([]*iso9660.ElToritoEntry{bios}, entries...)
	}
	err = volume.Finalize(iso9660.FinalizeOptions{
		RockRidge:        true,
		VolumeIdentifier: m.spec.Label,
		ElTorito:         &iso9660.ElTorito{HideBootCatalog: true, Entries: entries},
	})
	if err = errors.Join(err, canvas.err); err != nil {
		return fmt.Errorf("lay out the tree: %w", err)
	}
	return nil
}

// placeholder makes a file of a length that takes no room.
func placeholder(name string, size int64, mode uint32) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Chmod(fs.FileMode(mode) | 0o400) // go-diskfs must be able to read it
}

// canvas is the file that go-diskfs draws on. It drops what is zero, as the
// new file is, and keeps the errors that go-diskfs drops.
type canvas struct {
	ctx context.Context
	f   *os.File
	err error
}

var _ backend.Storage = (*canvas)(nil)

func (c *canvas) WriteAt(p []byte, off int64) (int, error) {
	if c.err == nil {
		c.err = c.ctx.Err()
	}
	if c.err == nil && !zero(p) {
		_, c.err = c.f.WriteAt(p, off)
	}
	if c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

// zero says whether p is all zeros. go-diskfs writes blocks.
func zero(p []byte) bool {
	var blank [BlockSize]byte
	for len(p) > len(blank) && bytes.Equal(p[:len(blank)], blank[:]) {
		p = p[len(blank):]
	}
	return len(p) <= len(blank) && bytes.Equal(p, blank[:len(p)])
}

func (c *canvas) Read(p []byte) (int, error)                   { return c.f.Read(p) }
func (c *canvas) ReadAt(p []byte, off int64) (int, error)      { return c.f.ReadAt(p, off) }
func (c *canvas) Seek(offset int64, whence int) (int64, error) { return c.f.Seek(offset, whence) }
func (c *canvas) Stat() (fs.FileInfo, error)                   { return c.f.Stat() }
func (c *canvas) Close() error                                 { return nil }
func (c *canvas) Path() string                                 { return "" }
func (c *canvas) Sys() (*os.File, error)                       { return nil, backend.ErrNotSuitable }
func (c *canvas) Writable() (backend.WritableFile, error)      { return c, nil }
