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

// diskTools check and grow the data disk of an image that has a runtime. One
// without does with what the kernel itself mends when it mounts.
const diskTools = "e2fsprogs"

// mediumPackages names what goes on the medium, but for dependencies.
func mediumPackages(runtimes []string) []string {
	if len(runtimes) == 0 {
		return nil
	}
	return append(slices.Clone(runtimes), diskTools)
}

// packageArgs are the boot codes of an image with packages.
func packageArgs(runtimes []string) []string {
	if len(runtimes) == 0 {
		return nil
	}
	return []string{"cde"}
}

// addPackages adds packages, what each depends on, and the list of those that
// are loaded at boot. The disk tools come first there: before anything keeps
// data.
func addPackages(s *iso.Spec, list []Package, runtimes []string) {
	if len(list) == 0 {
		return
	}
	for _, p := range list {
		name := path.Join(optionalDir, p.Name+tcz.Ext)
		for _, ext := range []string{"", ".dep", ".info"} {
			s.Files = append(s.Files, iso.File{Path: name + ext, Mode: 0o444, Source: p.Path() + ext})
		}
	}
	onboot := strings.Join(runtimes, tcz.Ext+"\n") + tcz.Ext + "\n"
	s.Files = append(s.Files, iso.File{Path: onbootList, Mode: 0o444, Content: []byte(onboot)})
}
