package qemu

import (
	"fmt"
	"strconv"
	"strings"

	"floe/internal/arch"
)

// Setup is what the host brings to one run of a machine.
type Setup struct {
	Program Program
	Accel   Accel
	Flash   Flash // the UEFI firmware; only for a machine that wants it
	Files   Files
}

// Args is the whole command line, the program first. It is a pure function:
// nothing is looked up, made or started. Every argument refers to drives and
// character devices by name, so that the order is for the reader only.
func Args(m Machine, s Setup) []string {
	args := append([]string{}, s.Program.Argv...)
	return append(args, join(
		boardArgs, processorArgs, firmwareArgs, consoleArgs, monitorsArgs, networkArgs,
		entropyArgs, panicsArgs, mediaArgs, sharesArgs, kernelArgs, extraArgs,
	)(m, s)...)
}

// part is one group of arguments.
type part func(Machine, Setup) []string

// join is several parts as one.
func join(parts ...part) part {
	return func(m Machine, s Setup) (args []string) {
		for _, p := range parts {
			args = append(args, p(m, s)...)
		}
		return args
	}
}

// perArch is the part of the machine's architecture; an architecture that has
// none adds nothing.
func perArch(parts map[arch.Arch]part) part {
	return func(m Machine, s Setup) []string {
		if p := parts[m.Arch]; p != nil {
			return p(m, s)
		}
		return nil
	}
}

// words is a part that is always the same.
func words(args ...string) part {
	return func(Machine, Setup) []string { return args }
}

func boardArgs(m Machine, s Setup) []string {
	args := []string{"-name", m.Name}
	for _, dir := range s.Program.DataDirs {
		args = append(args, "-L", dir)
	}
	// No default devices and no configuration of the host: the machine is
	// what stands here and nothing else.
	args = append(args, "-no-user-config", "-nodefaults", "-display", "none", "-rtc", "base=utc")
	if m.NoReboot {
		args = append(args, "-no-reboot")
	}
	args = append(args, perArch(map[arch.Arch]part{
		// The board's own SATA controller would be looked at for a quarter of a
		// second at each boot, and nothing is plugged into it.
		arch.AMD64: words("-machine", "q35,sata=off"),
		arch.ARM64: words("-machine", "virt,gic-version=max"),
	})(m, s)...)
	return append(args, "-m", strconv.Itoa(m.Memory), "-smp", strconv.Itoa(m.CPUs))
}

func processorArgs(m Machine, s Setup) []string {
	if s.Accel.KVM {
		accel := "kvm"
		if s.Accel.Device != "" {
			accel += ",device=" + escape(s.Accel.Device)
		}
		return []string{"-accel", accel, "-cpu", "host"}
	}
	return perArch(map[arch.Arch]part{
		// QEMU gives each processor a thread of its own wherever the host's
		// memory is ordered strongly enough; asking for it where it is not
		// would only make wrong guests.
		//
		// ERMS and its younger relations tell a program that "rep movsb" and
		// "rep stosb" are the fastest ways to copy and to clear. In an
		// emulator, where each byte is a step, they are the slowest. With
		// protection keys (PKU), what QEMU remembers of addresses is thrown
		// away each time that a program is started or is let run again. With
		// SMAP, each copy between kernel and program breaks what is translated
		// in two, twice: ssh is there a tenth later.
		arch.AMD64: words("-accel", "tcg", "-cpu", "max,erms=off,fsrm=off,fzrm=off,fsrs=off,fsrc=off,pku=off,smap=off"),
		// Signed return addresses (pointer authentication) are made and checked
		// by QEMU's own code at nearly each call of a function, in the kernel and
		// in Debian's programs. A processor without runs the same instructions
		// as if they were not there; docker starts a sixth sooner.
		arch.ARM64: words("-accel", "tcg,thread=multi", "-cpu", "max,pauth=off"),
	})(m, s)
}

func firmwareArgs(m Machine, s Setup) []string {
	var args []string
	if m.Firmware == UEFI {
		args = append(args, "-drive", pflash(0, s.Flash.Format, s.Flash.Code)+",readonly=on")
		if s.Flash.Vars != "" {
			args = append(args, "-drive", pflash(1, s.Flash.VarsFormat, s.Files.Vars))
		}
	}
	return append(args, perArch(map[arch.Arch]part{
		// What SeaBIOS has to say, "No bootable device." above all, goes to
		// its debug port.
		arch.AMD64: words("-chardev", "file,id=firmware,path="+escape(s.Files.FirmwareLog),
			"-device", "isa-debugcon,iobase=0x402,chardev=firmware"),
	})(m, s)...)
}

func pflash(unit int, format, file string) string {
	return fmt.Sprintf("if=pflash,unit=%d,format=%s,file=%s", unit, format, escape(file))
}

// consoleArgs writes the console to a file, which never makes the guest wait,
// and takes what is typed from a FIFO, which anybody who may can open at any
// time.
func consoleArgs(_ Machine, s Setup) []string {
	return []string{
		"-chardev", "file,id=console,path=" + escape(s.Files.ConsoleLog) + ",input-path=" + escape(s.Files.Keyboard),
		"-serial", "chardev:console",
	}
}

// monitorsArgs makes two: one writes events to a file, which is there for every
// floe and when QEMU has ended; the other serves a single client at a time, for
// a moment each.
func monitorsArgs(_ Machine, s Setup) []string {
	return []string{
		"-chardev", "file,id=events,path=" + escape(s.Files.Events) + ",input-path=" + escape(s.Files.Orders),
		"-mon", "mode=control,chardev=events",
		"-chardev", "socket,id=control,server=on,wait=off,path=" + escape(s.Files.Control),
		"-mon", "mode=control,chardev=control",
	}
}

func networkArgs(m Machine, _ Setup) []string {
	var b strings.Builder
	b.WriteString("user,id=net")
	if m.Isolated {
		b.WriteString(",restrict=on")
	}
	for _, f := range append([]Forward{{m.SSHPort, sshGuestPort}}, m.Forwards...) {
		fmt.Fprintf(&b, ",hostfwd=tcp:127.0.0.1:%d-:%d", f.Host, f.Guest)
	}
	// Without its ROM the firmware does not try to boot from the network.
	return []string{"-netdev", b.String(), "-device", "virtio-net-pci,netdev=net,romfile="}
}

const sshGuestPort = 22

func entropyArgs(Machine, Setup) []string {
	return []string{"-object", "rng-builtin,id=entropy", "-device", "virtio-rng-pci,rng=entropy"}
}

func panicsArgs(Machine, Setup) []string { return []string{"-device", "pvpanic-pci"} }

func mediaArgs(m Machine, _ Setup) []string {
	var args []string
	plugged := map[MediumKind]bool{}
	for i, d := range m.Media {
		id := fmt.Sprintf("medium%d", i)
		if !plugged[d.Kind] {
			args = append(args, controllerArgs(d.Kind)...)
			plugged[d.Kind] = true
		}
		// -kernel has boot index 0.
		tail := fmt.Sprintf(",drive=%s,bootindex=%d", id, i+1)
		if d.Serial != "" {
			tail += ",serial=" + escape(d.Serial)
		}
		args = append(args, "-drive", d.drive(id), "-device", deviceName(d.Kind)+tail)
	}
	return args
}

// controllerArgs is what media of a kind are plugged into, once for all of
// them.
func controllerArgs(kind MediumKind) []string {
	switch kind {
	case USBStick:
		return []string{"-device", "qemu-xhci,id=usb"}
	case CDROM:
		return []string{"-device", "virtio-scsi-pci,id=scsi"}
	}
	return nil
}

// deviceName is what a drive of a kind is to the guest.
func deviceName(kind MediumKind) string {
	switch kind {
	case USBStick:
		return "usb-storage,bus=usb.0,removable=on"
	case CDROM:
		return "scsi-cd,bus=scsi.0"
	}
	return "virtio-blk-pci"
}

func (d Medium) drive(id string) string {
	format := d.Format
	if format == "" {
		format = Raw
	}
	drive := fmt.Sprintf("if=none,id=%s,format=%s,file=%s", id, format, escape(d.Path))
	switch {
	case d.Kind == CDROM:
		return drive + ",media=cdrom,readonly=on"
	case !d.Keep:
		return drive + ",snapshot=on"
	}
	return drive
}

// sharesArgs gives folders by 9P. The model "none" takes the host's owners and
// modes as they are, and makes new files the person's own: QEMU is not root.
func sharesArgs(m Machine, _ Setup) []string {
	var args []string
	for i, s := range m.Shares {
		id := fmt.Sprintf("share%d", i)
		args = append(args,
			"-fsdev", fmt.Sprintf("local,id=%s,path=%s,security_model=none", id, escape(s.Path)),
			"-device", fmt.Sprintf("virtio-9p-pci,fsdev=%s,mount_tag=%s", id, s.Tag))
	}
	return args
}

func kernelArgs(m Machine, s Setup) []string {
	k := m.Kernel
	if k == nil {
		return nil
	}
	args := []string{"-kernel", k.Image}
	switch len(k.Initrds) {
	case 0:
	case 1:
		args = append(args, "-initrd", k.Initrds[0])
	default:
		args = append(args, "-initrd", s.Files.Initrd)
	}
	if k.Append != "" {
		args = append(args, "-append", k.Append)
	}
	return args
}

func extraArgs(m Machine, _ Setup) []string { return m.Extra }

// escape writes a value inside one of QEMU's comma-separated options.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }

// ShellLine writes a command line so that a shell reads it back as it is, for
// a person to look at or to paste.
func ShellLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		plain := a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-") == ""
		if !plain {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}
