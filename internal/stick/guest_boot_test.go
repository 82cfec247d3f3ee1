package stick_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/report"
	"floe/internal/stick"
	"floe/qemu"
)

// put writes an image onto a loop device.
func put(t *testing.T, image string, d disks.Disk, data stick.Data) stick.Result {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	r, err := stick.Write(t.Context(), stick.Order{
		Image: image, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b)), Disk: d.Identity, Data: data,
	}, disks.Here(), report.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWrittenStickBoots boots a stick on BIOS (where the architecture has one),
// where Floe makes its data partition ready and a volume for containers is made;
// finds the volume again on UEFI; writes a newer image, with the data kept; and
// finds it once more.
func TestWrittenStickBoots(t *testing.T) {
	t.Parallel()
	d := disktest.Loop(t, 768)
	first := put(t, image(t, "first", "podman"), d, stick.NewData)
	if first.Data == 0 {
		t.Fatal("there is no data partition")
	}
	archivetest.Seat(t)
	start := func(name string, firmware qemu.Firmware) *guest {
		g := boot(t, qemu.Memory(640), qemu.CPUs(processors), qemu.With(firmware),
			qemu.Plug(qemu.Medium{Kind: qemu.USBStick, Path: d.Serial, Keep: true}))
		g.say("for i in $(seq 600); do mountpoint -q /var/lib && command -v podman >/dev/null && exit 0; sleep 1; done; exit 1")
		efi := map[qemu.Firmware]string{qemu.BIOS: "no", qemu.UEFI: "yes"}[firmware]
		if got := g.say("hostname; grep -c ' /data ext4 ' /proc/mounts; [ -d /sys/firmware/efi ] && echo yes || echo no"); got != name+"\n1\n"+efi {
			t.Errorf("got %q", got)
		}
		return g
	}
	const food = "$(sudo podman volume inspect -f '{{.Mountpoint}}' kept)/food"
	finds := func(g *guest) {
		if got := g.say("sudo cat " + food); got != "fish" {
			t.Errorf("the volume holds %q", got)
		}
		g.off()
	}
	old := qemu.UEFI
	if arch.Host() == arch.AMD64 {
		old = qemu.BIOS
	}
	g := start("first", old)
	g.say("sudo podman volume create kept && echo fish | sudo tee " + food + " && sync")
	g.off()
	finds(start("first", qemu.UEFI))

	second := put(t, image(t, "second", "podman"), d, stick.KeepData)
	if !second.Kept || second.Data != first.Data {
		t.Errorf("%+v after %+v", second, first)
	}
	finds(start("second", old))
}
