package kernel

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"floe/internal/arch"
	"floe/internal/fault"
)

// TreesName is the folder of the device trees that Build leaves: the
// descriptions of boards whose firmware has none of its own. An architecture
// without such boards has no folder.
const TreesName = "dtb"

// deviceTrees are the sources of the device trees to be made, below
// arch/*/boot/dts and without their ending.
var deviceTrees = map[arch.Arch][]string{
	arch.ARM64: {
		"broadcom/bcm2711-rpi-4-b",
		"broadcom/bcm2711-rpi-400",
		"broadcom/bcm2711-rpi-cm4-io",
		"broadcom/bcm2712-rpi-5-b",
		"broadcom/bcm2837-rpi-3-a-plus",
		"broadcom/bcm2837-rpi-3-b",
		"broadcom/bcm2837-rpi-3-b-plus",
		"broadcom/bcm2837-rpi-cm3-io3",
		"broadcom/bcm2837-rpi-zero-2-w",
	},
}

// treeTargets are what make is asked for.
func treeTargets(a arch.Arch) []string {
	var list []string
	for _, name := range deviceTrees[a] {
		list = append(list, name+".dtb")
	}
	return list
}

// trees compiles the device trees.
func (b *builder) trees(ctx context.Context) error {
	targets := treeTargets(b.Arch)
	if len(targets) == 0 {
		return nil
	}
	if err := b.make(ctx, targets...); err != nil {
		return b.failed("compile the device trees", err)
	}
	return nil
}

// keepTrees puts the device trees into Out, all in one folder.
func (b *builder) keepTrees() error {
	targets := treeTargets(b.Arch)
	if len(targets) == 0 {
		return nil
	}
	if err := os.Mkdir(filepath.Join(b.Out, TreesName), 0o755); err != nil {
		return err
	}
	for _, name := range targets {
		from := filepath.Join(b.tree(), "arch", srcArch[b.Arch], "boot", "dts", name)
		if err := copyFile(from, filepath.Join(b.Out, TreesName, path.Base(name))); err != nil {
			return fault.New(fault.Build, "keep the device tree", path.Base(name), err, "")
		}
	}
	return nil
}
