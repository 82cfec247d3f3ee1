package assemble

import (
	"context"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/grub"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/internal/userland"
)

// The programs that builds use come from these Debian packages and what they
// depend on. Each list makes one root folder in the store.

// compilerPackages build kernel and userland for target on host.
func compilerPackages(host, target arch.Arch) []string {
	// the kernel's own needs: Documentation/process/changes.rst
	list := []string{"gcc", "libc6-dev", "make", "tar", "gzip", "xz-utils", "flex", "bison", "bc", "libelf-dev", "libssl-dev", "perl-base", "bsdextrautils"}
	list = append(list, userland.Packages()...)
	if target != host {
		list = append(list, "gcc-"+gnuPackage(target), "libc6-dev-"+target.Debian()+"-cross", foreign("musl-dev", target))
	}
	return list
}

// foreign names a package of another architecture than the host's, as
// dpkg(1) does. Nothing of what it depends on is taken: it is here for files
// that are only read.
func foreign(name string, a arch.Arch) string { return name + ":" + a.Debian() }

// gnuPackage is the triplet as it stands in package names.
func gnuPackage(a arch.Arch) string {
	return map[arch.Arch]string{arch.AMD64: "x86-64-linux-gnu", arch.ARM64: "aarch64-linux-gnu"}[a]
}

// masteringPackages make GRUB's images for target on host and compress the
// initrd. GRUB's modules are data to grub-mkimage; Debian has those of a
// platform for that platform's own architecture only.
func masteringPackages(host, target arch.Arch) []string {
	list := []string{"grub-common", "xz-utils", "zstd"}
	for _, m := range grub.ModulesFor(target) {
		list = append(list, native(m.Package, host, target))
	}
	return list
}

// native names a package of target's architecture as the host's apt does.
func native(name string, host, target arch.Arch) string {
	if host == target {
		return name
	}
	return foreign(name, target)
}

// compiler gives what compiles for target, and its identity for keys.
func (b *Builder) compiler(ctx context.Context, target arch.Arch) (sandbox.Runner, string, error) {
	return b.runner(ctx, "compiler", compilerPackages(b.opt.Host, target), compilerTools(b.opt.Host, target))
}

// prefix is what stands before the names of the compiler for target and of its
// binutils. The archive's have such names on every host, for the host's own
// architecture, too; a host's own need not.
func (b *Builder) prefix(target arch.Arch) string {
	if b.opt.Toolchain == Host && b.opt.Host == target {
		return ""
	}
	return target.Triplet() + "-"
}

// compiled makes something from the archive's sources with what compiles for
// target; make is called again if the archive changed meanwhile.
func (b *Builder) compiled(ctx context.Context, target arch.Arch,
	make func(context.Context, *debian.Archive, sandbox.Runner, string) (store.Entry, error),
) (entry store.Entry, err error) {
	archive, err := b.Archive(ctx)
	if err != nil {
		return entry, err
	}
	run, tools, err := b.compiler(ctx, target)
	if err != nil {
		return entry, err
	}
	err = archive.Retry(ctx, func(ctx context.Context) (err error) {
		entry, err = make(ctx, archive, run, tools)
		return err
	})
	return entry, err
}

// mastering gives what makes boot images for target, and its identity.
func (b *Builder) mastering(ctx context.Context, target arch.Arch) (sandbox.Runner, string, error) {
	return b.runner(ctx, "mastering", masteringPackages(b.opt.Host, target), masteringTools(b.opt.Host, target))
}
