// Package arch names the machine architectures that Floe knows. Every field
// of work has its own name for the same architecture; they are all here, in
// one table.
//
// It does not detect features of a processor.
package arch

import (
	"fmt"
	"runtime"
	"strings"
)

// Arch is an architecture, by its Debian name.
type Arch string

// The architectures.
const (
	AMD64 Arch = "amd64"
	ARM64 Arch = "arm64"
)

type names struct {
	kernel, image, triplet, musl, qemu, efi, grub string
	consoles                                      []string
}

var table = map[Arch]names{
	AMD64: {
		kernel: "x86_64", image: "arch/x86/boot/bzImage",
		triplet: "x86_64-linux-gnu", musl: "x86_64-linux-musl",
		qemu: "x86_64", efi: "BOOTX64.EFI", grub: "x86_64-efi", consoles: []string{"ttyS0"},
	},
	ARM64: {
		kernel: "arm64", image: "arch/arm64/boot/vmlinuz.efi",
		triplet: "aarch64-linux-gnu", musl: "aarch64-linux-musl",
		qemu: "aarch64", efi: "BOOTAA64.EFI", grub: "arm64-efi", consoles: []string{"ttyS0", "ttyAMA0"},
	},
}

// All lists the architectures in a fixed order.
func All() []Arch { return []Arch{AMD64, ARM64} }

// Host is the architecture of the machine that runs this program.
func Host() Arch { return Arch(runtime.GOARCH) }

// Parse takes a Debian name, or the kernel's or QEMU's for the same thing.
func Parse(s string) (Arch, error) {
	for _, a := range All() {
		n := table[a]
		if s == string(a) || s == n.kernel || s == n.qemu {
			return a, nil
		}
	}
	known := make([]string, 0, len(table))
	for _, a := range All() {
		known = append(known, string(a))
	}
	return "", fmt.Errorf("unknown architecture %q; floe knows %s", s, strings.Join(known, " and "))
}

// Known says whether a is in the table.
func (a Arch) Known() bool { _, ok := table[a]; return ok }

// String gives the Debian name.
func (a Arch) String() string { return string(a) }

// Debian is the archive's name: "amd64".
func (a Arch) Debian() string { return string(a) }

// Kernel is the value of make's ARCH: "x86_64".
func (a Arch) Kernel() string { return table[a].kernel }

// KernelImage is the path of the built kernel in its build folder.
func (a Arch) KernelImage() string { return table[a].image }

// Triplet is the GNU triplet without its dash at the end: "x86_64-linux-gnu".
func (a Arch) Triplet() string { return table[a].triplet }

// Musl is the triplet of musl's folders: "x86_64-linux-musl".
func (a Arch) Musl() string { return table[a].musl }

// QEMU is the suffix of QEMU's system emulator: "x86_64".
func (a Arch) QEMU() string { return table[a].qemu }

// EFI is the removable-media file name of UEFI 2.10, section 3.5.1.1.
func (a Arch) EFI() string { return table[a].efi }

// GRUB is GRUB's platform for UEFI: "x86_64-efi".
func (a Arch) GRUB() string { return table[a].grub }

// Consoles are the kernel's names of the serial consoles that machines have, one or
// the other: "ttyS0". QEMU's is the last.
func (a Arch) Consoles() []string { return table[a].consoles }
