package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"floe/internal/arch"
	"floe/internal/fault"
)

// Flash is a UEFI firmware made for pflash.
type Flash struct {
	Code       string // the executable, shared and never written
	Format     string // of Code: "raw" or "qcow2"
	Vars       string // the template of the variable store; empty: there is none
	VarsFormat string // of Vars
}

// descriptor is the part that matters here of a firmware descriptor, as
// QEMU's docs/interop/firmware.json defines it.
type descriptor struct {
	InterfaceTypes []string `json:"interface-types"`
	Mapping        struct {
		Device     string    `json:"device"`
		Mode       string    `json:"mode"` // "split" if absent
		Executable flashFile `json:"executable"`
		NVRAM      flashFile `json:"nvram-template"`
	} `json:"mapping"`
	Targets []struct {
		Architecture string   `json:"architecture"`
		Machines     []string `json:"machines"`
	} `json:"targets"`
	Features []string `json:"features"`
}

type flashFile struct {
	Filename string `json:"filename"`
	Format   string `json:"format"`
}

// descriptorDirs are the places of descriptors below a root, those of the
// administrator first. The per-user folder of the specification is left out.
func descriptorDirs() []string { return []string{"etc/qemu/firmware", "usr/share/qemu/firmware"} }

// FindFlash looks below root ("/" for the host) for the UEFI firmware that
// its descriptors offer for a guest, without Secure Boot and System
// Management Mode. Descriptors count in the order of their file names; one of
// the same name in /etc hides the one in /usr/share, and hides it altogether
// when it is empty.
func FindFlash(root string, guest arch.Arch) (Flash, error) {
	files, err := descriptors(root)
	var reasons []error
	for _, name := range files {
		flash, why := readDescriptor(root, name, guest)
		if why == nil {
			return flash, nil
		}
		if !errors.Is(why, errOther) {
			reasons = append(reasons, fmt.Errorf("%s: %w", name, why))
		}
	}
	if err == nil {
		err = errors.Join(append(reasons, errors.New("no firmware descriptor fits"))...)
	}
	return Flash{}, fault.New(fault.Missing, "find the UEFI firmware for", string(guest), err, noFlash()[guest])
}

// noFlash tells what brings the firmware, by the guest's architecture.
func noFlash() map[arch.Arch]string {
	return map[arch.Arch]string{
		arch.AMD64: "install the package ovmf, or boot with BIOS",
		arch.ARM64: "install the package qemu-efi-aarch64",
	}
}

// descriptors lists the descriptor files below root in order of precedence.
func descriptors(root string) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range descriptorDirs() {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if path.Ext(e.Name()) == ".json" && byName[e.Name()] == "" {
				byName[e.Name()] = filepath.Join(root, dir, e.Name())
			}
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = byName[name]
	}
	return names, nil
}

// errOther marks a descriptor of something else: another architecture, a
// firmware that enforces Secure Boot, not UEFI.
var errOther = errors.New("not what is looked for")

func readDescriptor(root, name string, guest arch.Arch) (Flash, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Flash{}, err
	}
	if len(text) == 0 {
		return Flash{}, errOther
	}
	var d descriptor
	if err := json.Unmarshal(text, &d); err != nil {
		return Flash{}, err
	}
	if !d.fits(guest) {
		return Flash{}, errOther
	}
	flash := Flash{
		Code: filepath.Join(root, d.Mapping.Executable.Filename), Format: d.Mapping.Executable.Format,
	}
	if d.Mapping.Mode != "stateless" {
		flash.Vars, flash.VarsFormat = filepath.Join(root, d.Mapping.NVRAM.Filename), d.Mapping.NVRAM.Format
	}
	for _, file := range []string{flash.Code, flash.Vars} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return Flash{}, err
		}
	}
	return flash, nil
}

// boards are names of the boards in argv.go as descriptors' patterns match
// them; the version is any.
func boards() map[arch.Arch]string {
	return map[arch.Arch]string{arch.AMD64: "pc-q35-0", arch.ARM64: "virt-0"}
}

func (d descriptor) fits(guest arch.Arch) bool {
	if !slices.Contains(d.InterfaceTypes, "uefi") || d.Mapping.Device != "flash" {
		return false
	}
	if !slices.Contains([]string{"", "split", "stateless"}, d.Mapping.Mode) {
		return false
	}
	for _, unwanted := range []string{"requires-smm", "secure-boot", "enrolled-keys", "amd-sev-snp", "intel-tdx"} {
		if slices.Contains(d.Features, unwanted) {
			return false
		}
	}
	for _, t := range d.Targets {
		if t.Architecture != guest.QEMU() {
			continue
		}
		for _, pattern := range t.Machines {
			if ok, err := path.Match(pattern, boards()[guest]); err == nil && ok {
				return true
			}
		}
	}
	return false
}
