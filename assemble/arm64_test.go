package assemble_test

import (
	"path/filepath"
	"testing"

	"floe/internal/arch"
	"floe/qemu"
)

// TestARM64 makes the image for arm64 with the tools of this host, and boots
// it as a CD and as a stick on UEFI, each to a command over ssh.
func TestARM64(t *testing.T) {
	_, key := testImage(t)
	f := shared()
	spec := f.spec(filepath.Join(t.TempDir(), "arm64.iso"))
	spec.Arch = arch.ARM64
	image, err := f.builder.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if image.Size > 9_000_000 {
		t.Errorf("the image has %d bytes, more than 9,000,000", image.Size)
	}
	for _, medium := range []qemu.MediumKind{qemu.CDROM, qemu.USBStick} {
		t.Run(string(medium), func(t *testing.T) {
			r := startOn(t, arch.ARM64, qemu.Boot(medium, image.Path))
			c, err := login(t, r, key)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := say(t, c, "uname -m; id -un; hostname; test -d /sys/firmware/efi && echo uefi"); got != "aarch64\nfloe\ntestbox\nuefi" {
				t.Errorf("got %q", got)
			}
			stopCleanly(t, r)
		})
	}
}
