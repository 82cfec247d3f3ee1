package cli

import (
	"errors"
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

// makeDisk makes a data disk; it appears when it is whole.
func makeDisk(path, size string) error {
	if size == "" {
		size = defaultDisk
	}
	wrong := func(err error) error {
		return fault.New(fault.Usage, "make the machine's data disk", path, err, "--disk-size takes a size such as 16G; --ephemeral does without a disk.")
	}
	bytes, err := humanize.ParseBytes(size + "iB")
	if err != nil {
		if bytes, err = humanize.ParseBytes(size); err != nil {
			return wrong(err)
		}
	}
	if bytes > qcow2.MaxSize {
		return wrong(errors.New("that is more than " + humanize.IBytes(qcow2.MaxSize)))
	}
	extents, err := qcow2.DataDisk(int64(bytes) / 512 * 512)
	if err != nil {
		return wrong(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return wrong(err)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o600))
	if err != nil {
		return wrong(err)
	}
	defer f.Cleanup()
	if err := qcow2.Write(f, int64(bytes)/512*512, extents...); err != nil {
		return wrong(err)
	}
	return f.CloseAtomicallyReplace()
}
