package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/arch"
)

// A kernel for arm64 leaves the device trees of the boards, and nothing else
// does.
func TestDeviceTrees(t *testing.T) {
	more := "vmlinuz.efi:\n\t@mkdir -p arch/arm64/boot && echo image > arch/arm64/boot/vmlinuz.efi && echo map > System.map\n" +
		"%.dtb:\n\t@mkdir -p arch/arm64/boot/dts/$(@D) && echo $@ > arch/arm64/boot/dts/$@\n"
	o := options(t, makeSource(t, map[string]string{"drop": "XYZ\n", "Makefile": makefile + more}), nil)
	o.Arch = arch.ARM64
	if err := Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(o.Out, TreesName, "bcm2711-rpi-4-b.dtb"))
	if err != nil || string(text) != "broadcom/bcm2711-rpi-4-b.dtb\n" {
		t.Errorf("device tree of the Raspberry Pi 4: %q, %v", text, err)
	}
	entries, err := os.ReadDir(filepath.Join(o.Out, TreesName))
	if err != nil || len(entries) != len(deviceTrees[arch.ARM64]) {
		t.Errorf("%d device trees (%v), want %d", len(entries), err, len(deviceTrees[arch.ARM64]))
	}

	o = options(t, makeSource(t, map[string]string{
		"drop": "XYZ\n", "Makefile": makefile + more + "broadcom/bcm2712-rpi-5-b.dtb:\n\t@echo 'x.dts:1: error: no' >&2; false\n",
	}), nil)
	o.Arch = arch.ARM64
	if err := Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "x.dts:1: error: no") {
		t.Errorf("a device tree that does not compile: %v", err)
	}
}

func TestDeviceTreesInKey(t *testing.T) {
	for _, a := range arch.All() {
		parts, err := KeyParts(a, "", epoch)
		if err != nil {
			t.Fatal(err)
		}
		last := parts[len(parts)-1]
		if has := last.Name == "device trees"; has != (a == arch.ARM64) {
			t.Errorf("%s: the last part of the key is %q", a, last.Name)
		}
	}
}
