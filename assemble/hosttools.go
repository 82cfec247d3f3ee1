package assemble

import (
	"slices"

	"floe/internal/arch"
	"floe/internal/grub"
	"floe/internal/sandbox"
	"floe/internal/tcz"
)

// HostTools are what a host must have that builds everything for target with
// its own tools. They are the same as what the packages in toolchain.go bring.
func HostTools(host, target arch.Arch) []sandbox.Tool {
	return slices.Concat(compilerTools(host, target), masteringTools(host, target), tcz.Tools())
}

// compilerTools build kernel and userland for target on host.
func compilerTools(host, target arch.Arch) []sandbox.Tool {
	list := []sandbox.Tool{
		{Name: "gcc", Reason: "compiles the kernel and the userland", Package: "gcc libc6-dev"},
		{Name: "ld", Reason: "links the kernel", Package: "binutils"},
		{Name: "strip", Reason: "makes programs smaller", Package: "binutils"},
		{Name: "make", Reason: "runs the builds"},
		{Name: "flex", Reason: "generates the reader of Kconfig files"},
		{Name: "bison", Reason: "generates the reader of Kconfig files"},
		{Name: "bc", Reason: "computes the kernel's time constants"},
		{Name: "perl", Reason: "runs some of the kernel's generators"},
		{Name: "awk", Reason: "runs some of the kernel's generators", Package: "mawk"},
		{Name: "cmp", Reason: "tells what of busybox changed", Package: "diffutils"},
		{Name: "xz", Reason: "unpacks sources, and compresses the kernel", Package: "xz-utils"},
		{Name: "gzip", Reason: "unpacks sources"},
		{Name: "bzip2", Reason: "packs the help texts of busybox"},
		{Name: "tar", Reason: "unpacks sources"},
		{Name: "<gelf.h>", Reason: "the kernel's objtool is compiled with it", Package: "libelf-dev"},
		{Name: "<openssl/evp.h>", Reason: "the kernel's tool for certificates is compiled with it", Package: "libssl-dev"},
		{Name: target.Musl() + "-gcc", Reason: "compiles and links the userland", Package: native("musl-dev", host, target)},
	}
	if target == arch.ARM64 {
		list = append(list, sandbox.Tool{Name: "hexdump", Reason: "looks into the compressed kernel", Package: "bsdextrautils"})
	}
	if target != host {
		cross := target.Triplet()
		list = append(list, sandbox.Tool{
			Name: cross + "-gcc", Reason: "compiles for " + string(target),
			Package: "gcc-" + gnuPackage(target) + " libc6-dev-" + target.Debian() + "-cross",
		})
	}
	return list
}

// masteringTools make GRUB's images for target on host and compress the initrd.
func masteringTools(host, target arch.Arch) []sandbox.Tool {
	list := []sandbox.Tool{
		{Name: "grub-mkimage", Reason: "makes the boot loader's images", Package: "grub-common"},
		{Name: "zstd", Reason: "compresses the initrd"},
	}
	for _, m := range grub.ModulesFor(target) {
		list = append(list, sandbox.Tool{Name: m.Folder, Reason: "the boot loader's modules", Package: native(m.Package, host, target)})
	}
	return list
}
