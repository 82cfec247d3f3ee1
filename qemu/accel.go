package qemu

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"floe/internal/arch"
)

// Accel is how the guest's processor is made.
type Accel struct {
	// KVM says that the host's processor runs the guest; otherwise QEMU
	// emulates one (TCG).
	KVM bool `json:"kvm"`

	// Reason says in words why it is not KVM; empty with KVM.
	Reason string `json:"reason,omitempty"`

	// Mend says in words how KVM may come to work; empty where nothing is known
	// to help.
	Mend string `json:"-"`

	// Device is the KVM device, when it is not /dev/kvm.
	Device string `json:"device,omitempty"`

	// Sure forbids falling back to emulation when KVM does not work.
	Sure bool `json:"sure,omitempty"`
}

// Emulate is emulation, for the reason given.
func Emulate(reason string) Accel { return Accel{Reason: reason} }

// String says it in words: "KVM", or "emulation: " and the reason.
func (a Accel) String() string {
	switch {
	case a.KVM:
		return "KVM"
	case a.Reason == "":
		return "emulation"
	}
	return "emulation: " + a.Reason
}

// Host is what decides about KVM. The zero value asks the real host; tests
// set the paths.
type Host struct {
	CPUInfo string    // default "/proc/cpuinfo"
	KVM     string    // default "/dev/kvm"
	Arch    arch.Arch // default arch.Host()
}

// DetectAccel chooses KVM where it can work, and otherwise emulation with the
// reason. That /dev/kvm exists and opens is not enough: inside some virtual
// machines and containers it does, and guests hang. On amd64 the processor
// must show vmx or svm as well. On arm64 /proc/cpuinfo shows nothing of the
// kind, so there the device alone decides and Home.Start's watch over the
// first sign of life does the rest.
func DetectAccel(guest arch.Arch, h Host) Accel {
	if h.CPUInfo == "" {
		h.CPUInfo = "/proc/cpuinfo"
	}
	device := h.KVM
	if h.KVM == "" {
		h.KVM = "/dev/kvm"
	}
	if h.Arch == "" {
		h.Arch = arch.Host()
	}
	if guest != h.Arch {
		return Emulate(fmt.Sprintf("the guest is %s and this host is %s", guest, h.Arch))
	}
	if h.Arch == arch.AMD64 {
		ok, err := hasFlag(h.CPUInfo, "vmx", "svm")
		if err != nil {
			return Emulate(fmt.Sprintf("cannot see what this processor can do: %v", err))
		}
		if !ok {
			return Accel{Reason: "this processor shows no vmx or svm", Mend: "virtualisation may be switched off in the firmware"}
		}
	}
	f, err := os.OpenFile(h.KVM, os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
		return Accel{KVM: true, Device: device}
	case errors.Is(err, fs.ErrNotExist):
		return Accel{Reason: h.KVM + " is not there", Mend: noKVM()[h.Arch]}
	case errors.Is(err, fs.ErrPermission):
		return Accel{Reason: "no permission for " + h.KVM, Mend: "sudo usermod -aG kvm $USER, then log in anew"}
	}
	return Emulate(err.Error())
}

// noKVM tells what brings /dev/kvm, by the host's architecture.
func noKVM() map[arch.Arch]string {
	return map[arch.Arch]string{
		arch.AMD64: "load its module: sudo modprobe kvm_intel, or kvm_amd",
		arch.ARM64: "it is part of most kernels; the firmware has to start the kernel at EL2",
	}
}

// hasFlag says whether the first processor in a cpuinfo file shows one of the
// flags, as a whole word.
func hasFlag(cpuinfo string, flags ...string) (bool, error) {
	f, err := os.Open(cpuinfo)
	if err != nil {
		return false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) != "flags" {
			continue
		}
		has := strings.Fields(value)
		return slices.ContainsFunc(flags, func(f string) bool { return slices.Contains(has, f) }), nil
	}
	return false, lines.Err()
}
