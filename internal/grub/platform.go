package grub

import (
	"errors"
	"io/fs"
	"os"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/sandbox"
)

// modulesIn is where Debian's packages, and most others, put GRUB's modules.
const modulesIn = "/usr/lib/grub"

// platform is a kind of machine and firmware that GRUB is made for.
type platform struct {
	name string // GRUB's: of the folder with the modules, and of grub-mkimage's format
	deb  string // the Debian package with the modules
}

// bios is the firmware of old, which one architecture has.
var bios = platform{"i386-pc", "grub-pc-bin"}

// uefi is the firmware that every architecture has.
var uefi = map[arch.Arch]platform{
	arch.AMD64: {arch.AMD64.GRUB(), "grub-efi-amd64-bin"},
	arch.ARM64: {arch.ARM64.GRUB(), "grub-efi-arm64-bin"},
}

// platforms are what images for an architecture boot on.
var platforms = map[arch.Arch][]platform{
	arch.AMD64: {uefi[arch.AMD64], bios},
	arch.ARM64: {uefi[arch.ARM64]},
}

// Modules are what images are made of, for one platform of GRUB.
type Modules struct {
	Folder  string // where they are
	Package string // the Debian package that has them
}

// ModulesFor lists what the images for an architecture are made of.
func ModulesFor(a arch.Arch) (list []Modules) {
	for _, p := range platforms[a] {
		list = append(list, Modules{p.inside(), p.deb})
	}
	return list
}

// inside is where the modules are in the runner's root.
func (p platform) inside() string { return modulesIn + "/" + p.name }

// folder gives the host's path of the modules.
func (p platform) folder(run sandbox.Runner) (string, error) {
	dir := p.inside()
	if root, ok := run.(interface {
		Path(inside string) (string, error)
	}); ok {
		var err error
		if dir, err = root.Path(dir); err != nil {
			return "", p.missing(err)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		return "", p.missing(err)
	}
	return dir, nil
}

// missing is the error of modules that are not there.
func (p platform) missing(err error) error {
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = "Debian's package " + p.deb + " has them"
	}
	return fault.New(fault.Missing, "find GRUB's modules for", p.name, err, hint)
}
