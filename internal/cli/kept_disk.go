package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dustin/go-humanize"

	"floe/assemble"
	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/qcow2"
)

// usualDisk chooses the data disk of a machine for which nobody named one: what is there
// from a machine of its name before; otherwise the usual size for one with a runtime, be
// it that it gets its first one now, and none for others.
func (d *designed) usualDisk(was machines.Spec) {
	runtimes := d.spec.Runtimes
	if d.spec.Plan == "" {
		runtimes = assemble.RuntimesOf(d.spec.Image)
	}
	if d.known && (was.Disk != "" || len(was.Runtimes) > 0 || len(runtimes) == 0) {
		return
	}
	d.spec.Disk = ""
	if len(runtimes) > 0 {
		d.spec.Disk = defaultDisk
	}
	if size, err := diskSize(d.name); err == nil {
		d.spec.Disk = sizeWord(size)
	}
}

// diskSize tells how large a machine's data disk is, in bytes, if there is one.
func diskSize(name string) (int64, error) {
	f, err := os.Open(diskPath(name))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return qcow2.Size(f)
}

// sizeWord writes a size as it is given: 16G.
func sizeWord(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"G", 1 << 30}, {"M", 1 << 20}} {
		if bytes%unit.size == 0 {
			return fmt.Sprintf("%d%s", bytes/unit.size, unit.name)
		}
	}
	return fmt.Sprint(bytes)
}

// growth tells how large the machine's data disk has to become, in bytes; 0 if it is there
// as it should be, or is only going to be made. It becomes no smaller: that is an error if
// somebody asked for it just now.
func (d *designed) growth() (int64, error) {
	if d.spec.Disk == "" {
		return 0, nil
	}
	want, _, err := diskExtents(d.spec.Disk)
	if err != nil {
		return 0, err
	}
	path := diskPath(d.name)
	has, err := diskSize(d.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fault.New(fault.Missing, "look at the machine's data disk", path, err, "put it back, or move it away: a new one is made then")
	case want > has:
		return want, nil
	case want < has && d.sized:
		return 0, fault.New(fault.Usage, "change machine", d.name,
			fmt.Errorf("its data disk is there, of %s, and can only grow", humanize.IBytes(uint64(has))),
			"leave --disk out to keep it; 'floe rm --data "+d.name+"' removes machine and disk, with everything on it")
	}
	return 0, nil
}

// grow makes the data disk as large as it should be. The machine in it makes use of that
// when it boots.
func (d *designed) grow(ctx context.Context, sh machines.Shelf) error {
	size, err := d.growth()
	if err != nil || size == 0 {
		return err
	}
	release, err := sh.Home.Hold(ctx, d.name) // 'floe run' starts one without the shelf's lock
	if err != nil {
		return err
	}
	defer release()
	path := diskPath(d.name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(qcow2.Grow(f, size), f.Close())
	}
	if err != nil {
		return fault.New(fault.Missing, "make the machine's data disk larger", path, err,
			"'qemu-img resize' may do it while the machine is off; 'floe up "+d.name+" --disk SIZE' with the size that it has leaves it as it is")
	}
	return nil
}
