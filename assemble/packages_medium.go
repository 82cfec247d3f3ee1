package assemble

import (
	"path"
	"slices"
	"strings"

	"floe/internal/iso"
	"floe/internal/tcz"
)

// Where packages are on the medium, as in Tiny Core.
const (
	packagesDir = "cde"
	optionalDir = packagesDir + "/optional" // the packages
	onbootList  = packagesDir + "/onboot.lst"
)

// Runtimes are the packages that can be chosen to run containers.
func Runtimes() []string { return []string{"docker", "podman"} }

// diskTools make, check and grow the data disk. An image without a runtime does
// with what the kernel itself mends when it mounts, unless it brings a data disk
// along or its boot codes name one.
const diskTools = "e2fsprogs"

// mediumPackages names what goes on the medium, but for dependencies.
func mediumPackages(spec Spec) []string {
	if len(spec.Runtimes) == 0 && !spec.Board.Chosen() && !slices.ContainsFunc(spec.BootCodes, namesDisk) {
		return nil
	}
	return append(slices.Clone(spec.Runtimes), diskTools)
}

// namesDisk says whether a boot code names a data disk.
func namesDisk(code string) bool {
	key, value, _ := strings.Cut(code, "=")
	return key == "format" || key == "data" && value != "none"
}

// packageArgs are the boot codes of an image with packages.
func packageArgs(spec Spec) []string {
	if len(mediumPackages(spec)) == 0 {
		return nil
	}
	return []string{"cde"}
}

// packageFiles are packages, what stands beside each, and the list of those that
// are loaded at boot. The disk tools load themselves when they are wanted.
func packageFiles(list []Package, runtimes []string) (files []iso.File) {
	if len(list) == 0 {
		return nil
	}
	for _, p := range list {
		name := path.Join(optionalDir, p.Name+tcz.Ext)
		for _, ext := range []string{"", ".dep", ".info", ".sha256"} {
			files = append(files, iso.File{Path: name + ext, Mode: 0o444, Source: p.Path() + ext})
		}
	}
	var onboot strings.Builder
	for _, name := range runtimes {
		onboot.WriteString(name + tcz.Ext + "\n")
	}
	return append(files, iso.File{Path: onbootList, Mode: 0o444, Content: []byte(onboot.String())})
}
