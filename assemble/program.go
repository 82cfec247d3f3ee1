package assemble

import (
	"context"
	"errors"
	"fmt"

	"floe/internal/arch"
	"floe/internal/fault"
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
	stage.Done("none that is recent and whole: the archive's is used")
	program, failed := b.ArchiveQEMU(ctx, guest)
	if failed == nil || ctx.Err() != nil {
		return program, failed
	}
	return qemu.Program{}, noQEMU(failed, err)
}

// noQEMU is the error of a host that has no QEMU, and to which none can be brought.
func noQEMU(archive, host error) error {
	class, hint := fault.Missing, "install a recent qemu-system package"
	if f, ok := errors.AsType[*fault.Error](archive); ok {
		class = f.Class
	}
	if more := fault.Hint(archive); more != "" {
		hint += "; or " + more
	}
	if firmware, ok := errors.AsType[*fault.Error](errors.Unwrap(host)); ok && firmware.Hint != "" {
		hint = firmware.Hint
	}
	why := host
	if f, ok := errors.AsType[*fault.Error](host); ok {
		why = fmt.Errorf("%s: %w", f.On, f.Err)
	}
	return fault.New(class, "bring QEMU, of which this host has none that is recent", "", fmt.Errorf("%w\n%w", why, archive), hint)
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
