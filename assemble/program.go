package assemble

import (
	"context"

	"floe/internal/arch"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/qemu"
)

// qemuPackages run machines of guest.
func qemuPackages(guest arch.Arch) []string {
	if guest == arch.ARM64 {
		return []string{"qemu-system-arm", "qemu-efi-aarch64"}
	}
	return []string{"qemu-system-x86", "ovmf"}
}

// QEMU gives a QEMU for machines of guest: the host's own if it is recent
// enough, else the archive's.
func (b *Builder) QEMU(ctx context.Context, guest arch.Arch) (qemu.Program, error) {
	host, err := qemu.FindHost(ctx, guest, qemu.MinVersion())
	if err == nil {
		return host, nil
	}
	stage := report.Start(b.opt.Report, "qemu", "Find QEMU on this machine")
	stage.Log(err.Error())
	stage.Done("none that is recent: the archive's is used")
	return b.ArchiveQEMU(ctx, guest)
}

// ArchiveQEMU gives the archive's QEMU, whatever the host has.
func (b *Builder) ArchiveQEMU(ctx context.Context, guest arch.Arch) (qemu.Program, error) {
	entry, err := b.root(ctx, "qemu-"+guest.QEMU(), b.opt.Host, qemuPackages(guest))
	if err != nil {
		return qemu.Program{}, err
	}
	argv := sandbox.New(entry.Path).Direct("/usr/bin/" + qemu.Emulator(guest))
	return qemu.InRoot(ctx, entry.Path, argv)
}
