package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/dustin/go-humanize"
	"github.com/google/renameio/v2"

	"floe/assemble"
	"floe/internal/fault"
	"floe/internal/qcow2"
	"floe/qemu"
)

// defaultDisk is how large a machine's data disk is. It takes room on this
// host only as it is filled.
const defaultDisk = "16G"

// diskPath is the file of a machine's data disk.
func diskPath(name string) string {
	return filepath.Join(xdg.DataHome, "floe", "disks", name+".qcow2")
}

// disk gives the machine its data disk, which is made the first time and kept
// from then on. An ephemeral machine has none, and so has one whose image has
// no runtime, unless it was asked for: such an image has no tools to format it,
// and says how it gets them.
func (try trial) disk() (qemu.Option, error) {
	path := diskPath(try.name)
	if try.ephemeral {
		return qemu.All(), nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if !try.wantsDisk && len(assemble.RuntimesOf(try.image)) == 0 {
			return qemu.All(), nil
		}
		if err := makeDisk(path, try.diskSize); err != nil {
			return nil, err
		}
	}
	return qemu.Plug(qemu.Medium{Kind: qemu.VirtDisk, Path: path, Format: qemu.QCOW2, Keep: true, Serial: qcow2.DataLabel}), nil
}

// diskExtents gives the bytes of a data disk of a size such as 16G, "" for the usual
// one, and what is on a new one.
func diskExtents(size string) (int64, []qcow2.Extent, error) {
	if size == "" {
		size = defaultDisk
	}
	bytes, err := humanize.ParseBytes(size + "iB")
	if err != nil {
		bytes, err = humanize.ParseBytes(size)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%q is no size", size)
	}
	if bytes > qcow2.MaxSize {
		return 0, nil, errors.New("that is more than " + humanize.IBytes(qcow2.MaxSize))
	}
	whole := int64(bytes) / 512 * 512
	extents, err := qcow2.DataDisk(whole)
	return whole, extents, err
}

// makeDisk makes a data disk; it appears when it is whole.
func makeDisk(path, size string) error {
	const op = "make the machine's data disk"
	bytes, extents, err := diskExtents(size)
	if err != nil {
		return fault.New(fault.Usage, op, path, err, "--disk-size takes a size such as 16G; --ephemeral does without a disk.")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault.New(fault.Missing, op, path, err, "")
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o600))
	if err != nil {
		return fault.New(fault.Missing, op, path, err, "")
	}
	defer f.Cleanup()
	if err := qcow2.Write(f, bytes, extents...); err != nil {
		return fault.New(fault.Missing, op, path, err, "")
	}
	return f.CloseAtomicallyReplace()
}
