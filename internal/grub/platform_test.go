package grub

import (
	"slices"
	"testing"

	"floe/internal/arch"
)

// TestModulesFor: every architecture has the modules for UEFI, and amd64 those
// for a BIOS too.
func TestModulesFor(t *testing.T) {
	want := map[arch.Arch][]Modules{
		arch.AMD64: {{"/usr/lib/grub/x86_64-efi", "grub-efi-amd64-bin"}, {"/usr/lib/grub/i386-pc", "grub-pc-bin"}},
		arch.ARM64: {{"/usr/lib/grub/arm64-efi", "grub-efi-arm64-bin"}},
	}
	for _, a := range arch.All() {
		if got := ModulesFor(a); len(got) == 0 || !slices.Equal(got, want[a]) {
			t.Errorf("%s: %q, want %q", a, got, want[a])
		}
		if uefi[a].name != a.GRUB() {
			t.Errorf("%s: UEFI is %q", a, uefi[a].name)
		}
	}
}
