package arch

import (
	"strings"
	"testing"
)

func TestParseKnowsEveryName(t *testing.T) {
	for name, want := range map[string]Arch{
		"amd64": AMD64, "x86_64": AMD64, "arm64": ARM64, "aarch64": ARM64,
	} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("Parse(%q) = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "i386", "AMD64"} {
		if got, err := Parse(name); err == nil {
			t.Errorf("Parse(%q) = %q", name, got)
		}
	}
}

func TestEveryNameIsThere(t *testing.T) {
	for _, a := range All() {
		for _, name := range []string{a.Debian(), a.Kernel(), a.KernelImage(), a.Triplet(), a.Musl(), a.QEMU(), a.EFI(), a.GRUB(), strings.Join(a.Consoles(), "")} {
			if name == "" {
				t.Errorf("%s has an empty name", a)
			}
		}
	}
}
