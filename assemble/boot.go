package assemble

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/bootcode"
	"floe/internal/fat"
	"floe/internal/grub"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
)

// Files of a boot loader's entry in the store.
const (
	biosCore   = "bios.img"
	biosMBR    = "mbr.img"
	efiCore    = "efi.img"
	efiModules = "modules" // folder, laid out as in the image
)

// Boot gives GRUB's images for a, as yet for no image in particular.
func (b *Builder) Boot(ctx context.Context, a arch.Arch) (store.Entry, error) {
	run, tools, err := b.mastering(ctx, a)
	if err != nil {
		return store.Entry{}, err
	}
	key := store.NewKey("boot/"+string(a), bootVersion).String("tools", tools).String("find", assets.GRUBFind)
	return b.stage(ctx, "boot/"+string(a), "Make the boot loader", key,
		func(ctx context.Context, dir string, _ *report.Stage) (string, error) {
			return "GRUB for " + strings.Join(platforms(a), " and "), makeBoot(ctx, run, a, dir)
		})
}

// platforms are what an image for a boots on.
func platforms(a arch.Arch) []string {
	if a == arch.AMD64 {
		return []string{"BIOS", "UEFI"}
	}
	return []string{"UEFI"}
}

// makeBoot makes GRUB's images in dir.
func makeBoot(ctx context.Context, run sandbox.Runner, a arch.Arch, dir string) error {
	work, remove, err := scratch(dir)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if a == arch.AMD64 {
		bios, err := grub.CoreBIOS(ctx, run, work)
		if err != nil {
			return err
		}
		files[biosCore], files[biosMBR] = bios.Core, bios.MBR
	}
	efi, err := grub.CoreEFI(ctx, run, work, a)
	if err != nil {
		return err
	}
	files[efiCore] = efi.Core
	for _, m := range efi.Modules {
		files[filepath.Join(efiModules, m.Path)] = m.Data
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return remove()
}

// writeFile writes a file and the folders above it.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// addBoot adds what boots the image.
func addBoot(s *iso.Spec, a arch.Arch, boot string) error {
	core, err := os.ReadFile(filepath.Join(boot, efiCore))
	if err != nil {
		return err
	}
	if core, err = grub.SetID(core, s.ID); err != nil {
		return err
	}
	s.ESP, err = iso.ESP(Label, binary.BigEndian.Uint32(s.ID[:]), s.Time, []fat.File{{Path: "EFI/BOOT/" + a.EFI(), Content: core}})
	if err != nil {
		return err
	}
	root := filepath.Join(boot, efiModules)
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		s.Files = append(s.Files, iso.File{Path: filepath.ToSlash(name), Mode: 0o444, Source: path})
		return err
	})
	if err != nil || a != arch.AMD64 {
		return err
	}
	s.Files = append(s.Files, iso.File{Path: grub.CoreFile, Mode: 0o444, Source: filepath.Join(boot, biosCore)})
	mbr, err := os.ReadFile(filepath.Join(boot, biosMBR))
	s.BIOS = &iso.BIOS{Image: grub.CoreFile, MBR: mbr}
	return err
}

// menuSpec says what the boot menu offers.
func menuSpec(spec Spec) grub.MenuSpec {
	return grub.MenuSpec{
		Title:   "Floe " + assets.Version,
		Initrds: []string{corePath, personalPath},
		Args:    slices.Concat(kernelArgs(spec.Arch), packageArgs(spec), spec.BootCodes),
		Serial:  spec.Arch.Consoles(),
		Timeout: menuTimeout,
		Help:    helpPages(),
	}
}

// helpPages are the boot codes, on the keys F2 and following.
func helpPages() []grub.HelpPage {
	var list []grub.HelpPage
	for i, p := range bootcode.Pages() {
		list = append(list, grub.HelpPage{
			Key: fmt.Sprintf("f%d", i+2), Title: "Help: " + string(p), Lines: bootcode.Screen(p),
		})
	}
	return list
}

// kernelArgs stand on every boot line, before the person's own words, which
// win over them; see Documentation/admin-guide/kernel-parameters.txt.
func kernelArgs(a arch.Arch) []string {
	list := []string{
		// What init has to say is easier to see, and each line on a serial
		// console takes time. Errors are shown all the same.
		"quiet",
		// The allocator of data for each processor takes its memory by pages.
		// By default it plans for 2 MiB a processor, and memory control groups
		// then keep a table of 4 MB for that.
		"percpu_alloc=page",
	}
	if a == arch.AMD64 {
		// On a single processor the kernel would rewrite each locked instruction
		// of its own without the lock: a tenth of a second of an emulated boot,
		// for little.
		list = append(list, "noreplace-smp")
	}
	return list
}

// BootLine gives the kernel's command line of an image, as its menu shows it.
func BootLine(a arch.Arch, runtimes, codes []string) string {
	line := menuSpec(Spec{Arch: a, Runtimes: runtimes, BootCodes: codes}).Line()
	for i, word := range line {
		line[i] = bootcode.Quote(word)
	}
	return strings.Join(line, " ")
}

// menuTimeout is how many seconds the menu waits.
const menuTimeout = 2

// bootVersion is the version of the code that makes the boot loader.
const bootVersion = "1"
