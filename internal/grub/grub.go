// Package grub makes the boot loader of an image from Debian's GRUB: core
// images for BIOS and UEFI, and the menu.
//
// On a BIOS one image has everything, since grub-mkimage compresses it. An
// image for UEFI stays as it is, so the small one in the EFI system partition
// only finds the ISO 9660 file system, and loads the other modules from there,
// compressed with gzip: half the bytes of an image with everything.
//
// Both find their files without knowing a disk's name. On a BIOS GRUB is told
// where it came from. UEFI starts it from the EFI system partition, and from
// there it searches for a file that no other image has, named after the image's
// identity (Marker).
//
// It installs nothing on a disk, makes no signed images for Secure Boot, and
// does not know what is booted.
package grub

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/sandbox"
)

// Folder is where the menu and the modules are in an image.
const Folder = "boot/grub"

// MenuFile is the path of the menu in an image.
const MenuFile = Folder + "/grub.cfg"

// CoreFile is the path in an image under which BIOS images are to stand.
const CoreFile = Folder + "/bios.img"

// ID is the identity of an image, one that no other image has.
type ID = [16]byte

// Marker is the path of the file by which GRUB's UEFI image finds the image
// with this identity. Its content does not matter.
func Marker(id ID) string { return "boot/" + hex.EncodeToString(id[:]) + ".floe" }

// BIOS is what boots on a BIOS.
type BIOS struct {
	Core []byte // image of the format i386-pc-eltorito, for CDs and disks
	MBR  []byte // boot sector of a disk, 512 bytes; see package iso
}

// EFI is what boots on UEFI.
type EFI struct {
	Core    []byte // for the EFI system partition; see SetID
	Modules []File // for the image
}

// File is a file of an image.
type File struct {
	Path string // relative to the image's root
	Data []byte
}

// biosModules are in the image for BIOS, with what they depend on.
func biosModules() []string {
	return append([]string{"biosdisk", "iso9660", "normal", "serial", "chain", "drivemap"}, menuModules()...)
}

// efiCoreModules are in the image for UEFI.
func efiCoreModules() []string { return []string{"iso9660", "search_fs_file", "gzio"} }

// menuModules are what the menu uses, whatever the platform.
func menuModules() []string {
	return []string{"linux", "configfile", "echo", "minicmd", "read", "test"}
}

// CoreBIOS makes the image for BIOS. Work is a folder that run may write in;
// nothing stays there.
func CoreBIOS(ctx context.Context, run sandbox.Runner, work string) (BIOS, error) {
	dir, err := bios.folder(run)
	if err != nil {
		return BIOS{}, err
	}
	mbr, err := os.ReadFile(filepath.Join(dir, "boot_hybrid.img"))
	if err != nil {
		return BIOS{}, bios.missing(err)
	}
	core, err := mkimage(ctx, run, work, bios.name+"-eltorito", "", biosModules())
	if err != nil {
		return BIOS{}, err
	}
	return BIOS{Core: core, MBR: mbr}, nil
}

// CoreEFI makes the image and the modules for UEFI on an architecture. It
// belongs to no particular image yet: SetID does that. Work is a folder that
// run may write in; nothing stays there.
func CoreEFI(ctx context.Context, run sandbox.Runner, work string, a arch.Arch) (EFI, error) {
	on := uefi[a]
	dir, err := on.folder(run)
	if err != nil {
		return EFI{}, err
	}
	modules, err := readModules(os.DirFS(dir))
	if err != nil {
		return EFI{}, on.missing(err)
	}
	first := strings.Replace(assets.GRUBFind, "{{marker}}", Marker(ID{}), 1)
	core, err := mkimage(ctx, run, work, on.name, first, efiCoreModules())
	if err != nil {
		return EFI{}, err
	}
	if _, err := SetID(core, ID{1}); err != nil {
		return EFI{}, fault.New(fault.Build, "check GRUB's image for", on.name, err, "")
	}
	files, err := modules.compressed(append([]string{"normal"}, menuModules()...), efiCoreModules())
	if err != nil {
		return EFI{}, fault.New(fault.Build, "pack GRUB's modules for", on.name, err, "")
	}
	for i := range files {
		files[i].Path = Folder + "/" + on.name + "/" + files[i].Path
	}
	return EFI{Core: core, Modules: files}, nil
}

// SetID gives a copy of a UEFI image that looks for the image with this
// identity. The image as made by CoreEFI looks for zeros.
func SetID(core []byte, id ID) ([]byte, error) {
	old, marker := []byte(Marker(ID{})), []byte(Marker(id))
	if n := bytes.Count(core, old); n != 1 {
		return nil, fmt.Errorf("an image of GRUB that names its marker %d times instead of once", n)
	}
	return bytes.Replace(core, old, marker, 1), nil
}

// mkimage runs grub-mkimage. First is what the image does before anything
// else, in the language of GRUB's rescue mode.
func mkimage(ctx context.Context, run sandbox.Runner, work, format, first string, modules []string) ([]byte, error) {
	const op = "make GRUB's image"
	dir, err := os.MkdirTemp(work, "grub-")
	if err != nil {
		return nil, fault.New(fault.Build, op, format, err, "")
	}
	defer os.RemoveAll(dir)
	args := []string{"grub-mkimage", "--format=" + format, "--prefix=/" + Folder, "--output=core.img"}
	if first != "" {
		if err := os.WriteFile(filepath.Join(dir, "first.cfg"), []byte(first), 0o644); err != nil {
			return nil, fault.New(fault.Build, op, format, err, "")
		}
		args = append(args, "--config=first.cfg")
	}
	if err := run.Run(ctx, sandbox.Command{Args: append(args, modules...), Work: work, Sub: filepath.Base(dir)}); err != nil {
		return nil, fault.New(fault.Build, op, format, err, "")
	}
	core, err := os.ReadFile(filepath.Join(dir, "core.img"))
	if err == nil && len(core) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fault.New(fault.Build, op, format, err, "")
	}
	return core, nil
}
