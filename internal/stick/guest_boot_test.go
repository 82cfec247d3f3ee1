package stick_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

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

// TestWrittenStickBoots boots a stick on BIOS, where Floe makes its data
// partition ready and a volume is made; writes a newer image, with the data
// kept; and finds the volume again on UEFI.
func TestWrittenStickBoots(t *testing.T) {
	d := disktest.Loop(t, 768)
	first := put(t, image(t, "first", "docker"), d, stick.NewData)
	if first.Data == 0 {
		t.Fatal("there is no data partition")
	}
	start := func(firmware qemu.Firmware) *guest {
		g := boot(t, qemu.Memory(640), qemu.CPUs(2), qemu.With(firmware),
			qemu.Plug(qemu.Medium{Kind: qemu.USBStick, Path: d.Serial, Keep: true}))
		g.say("for i in $(seq 240); do mountpoint -q /var/lib && exit 0; sleep 1; done; exit 1")
		return g
	}
	g := start(qemu.BIOS)
	if got := g.say("hostname; grep -c ' /data ext4 ' /proc/mounts"); got != "first\n1" {
		t.Errorf("got %q", got)
	}
	// Where docker keeps a volume; its own program takes minutes on a busy host.
	const volume = "/var/lib/docker/volumes/kept/_data"
	g.say("sudo mkdir -p " + volume + " && echo fish | sudo tee " + volume + "/food >/dev/null && sync")
	g.off()

	second := put(t, image(t, "second", "docker"), d, stick.KeepData)
	if !second.Kept || second.Data != first.Data {
		t.Errorf("%+v after %+v", second, first)
	}
	g = start(qemu.UEFI)
	defer g.off()
	if got := g.say("test -d /sys/firmware/efi && hostname"); got != "second" {
		t.Errorf("got %q", got)
	}
	if got := g.say("sudo cat " + volume + "/food"); !strings.HasPrefix(got, "fish") {
		t.Errorf("the volume holds %q", got)
	}
}
