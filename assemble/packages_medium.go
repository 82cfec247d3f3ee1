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

// diskTools check and grow the data disk. An image without a runtime does with
// what the kernel itself mends when it mounts, unless the image brings a data
// disk along that is yet to be formatted.
const diskTools = "e2fsprogs"

// mediumPackages names what goes on the medium, but for dependencies.
func mediumPackages(spec Spec) []string {
	if len(spec.Runtimes) == 0 && !spec.Board.Chosen() {
		return nil
	}
	return append(slices.Clone(spec.Runtimes), diskTools)
}

// packageArgs are the boot codes of an image with packages.
func packageArgs(spec Spec) []string {
	if len(mediumPackages(spec)) == 0 {
		return nil
	}
	return []string{"cde"}
}

// packageFiles are packages, what each depends on, and the list of those that
// are loaded at boot. The disk tools load themselves when they are wanted.
func packageFiles(list []Package, runtimes []string) (files []iso.File) {
	if len(list) == 0 {
		return nil
	}
	for _, p := range list {
		name := path.Join(optionalDir, p.Name+tcz.Ext)
		for _, ext := range []string{"", ".dep", ".info"} {
			files = append(files, iso.File{Path: name + ext, Mode: 0o444, Source: p.Path() + ext})
		}
	}
	var onboot strings.Builder
	for _, name := range runtimes {
		onboot.WriteString(name + tcz.Ext + "\n")
	}
	return append(files, iso.File{Path: onbootList, Mode: 0o444, Content: []byte(onboot.String())})
}
