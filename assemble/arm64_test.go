package assemble_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/qemu"
)

// TestARM64 makes the image for arm64 with the tools of this host, twice with the
// same bytes, and boots it as a CD and as a stick on UEFI, each to a command over
// ssh and to a greeting on a serial port that is a PC's, as many servers have it.
func TestARM64(t *testing.T) {
	t.Parallel()
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
	// What is mastered comes from the same store: TestKilledThenRepeated makes it twice,
	// and "go run ./bench -cold -arch arm64" the kernel, too.
	spec.Output = filepath.Join(t.TempDir(), "again.iso")
	if again, err := f.builder.Image(t.Context(), spec); err != nil || again.SHA256 != image.SHA256 {
		t.Errorf("%s the first time, %s the second (%v)", image.SHA256, again.SHA256, err)
	}
	everyPatch(t, arch.ARM64)
	archivetest.Seat(t)
	for _, medium := range []qemu.MediumKind{qemu.CDROM, qemu.USBStick} {
		t.Run(string(medium), func(t *testing.T) {
			port := filepath.Join(t.TempDir(), "serial.log")
			r := startOn(t, arch.ARM64, qemu.Boot(medium, image.Path),
				qemu.Extra("-chardev", "file,id=second,path="+port, "-device", "pci-serial,chardev=second"))
			c, err := login(t, r, key)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := say(t, c, "uname -m; id -un; hostname; ls -d /sys/firmware/efi /sys/firmware/acpi/tables/DSDT"); got != "aarch64\nfloe\ntestbox\n/sys/firmware/acpi/tables/DSDT\n/sys/firmware/efi" {
				t.Errorf("got %q", got)
			}
			greeted(t, port)
			stopCleanly(t, r)
		})
	}
	t.Run("by a device tree", func(t *testing.T) { bootsByDeviceTree(t, image.Path, key) })
}

// bootsByDeviceTree has QEMU itself load what the boot loader would, without UEFI,
// as 'floe run --boot-codes' does.
func bootsByDeviceTree(t *testing.T, image string, key ssh.Signer) {
	l, err := assemble.Load(t.Context(), image, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := startOn(t, arch.ARM64, qemu.Direct(l.Kernel, l.Initrds, strings.Join(append(l.Args, "host=direct"), " ")))
	c, err := login(t, r, key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := say(t, c, "tr '\\0' '\\n' </proc/device-tree/compatible; hostname; ls /sys/firmware/efi 2>/dev/null; true"); got != "linux,dummy-virt\ndirect" {
		t.Errorf("got %q", got)
	}
	stopCleanly(t, r)
}

// greeted wants the greeting of a console in the log of a serial port, soon, and the
// host's key: on a server it may be the only port that anybody reads.
func greeted(t *testing.T, port string) {
	t.Helper()
	var said []byte
	var err error
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(200 * time.Millisecond) {
		if said, err = os.ReadFile(port); strings.Contains(string(said), "F L O E") && strings.Contains(string(said), "ssh host key SHA256:") {
			return
		}
	}
	t.Errorf("no greeting or no key on the PC's serial port: %v\n%s", err, said)
}

// TestARM64Docker does with docker on arm64 what TestDocker does on amd64: the
// network's and the limits' kernel is another one. It starts from a CD, and once
// more from a stick, with the same data disk.
func TestARM64Docker(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine several times")
	}
	t.Parallel()
	program := floeFor(t, arch.ARM64)
	b := newBox(t, arch.ARM64, qemu.CDROM, "docker", "docker=--insecure-registry=REGISTRY --label from=boot", "data=vda1", "showapps")
	b.parts([]part{
		{"client over ssh", dockerClient},
		{"info without warnings", dockerInfo},
		{"kernel", dockerKernel},
		{"what the kernel's patches touch", dockerPatches},
		{"pull and run with limits", dockerLimits},
		{"network", dockerNetwork},
		{"build", dockerBuild},
		{"floe itself", func(b *box) { floeItself(b, program) }},
		{"from a stick", func(b *box) {
			stopCleanly(b.t, b.r)
			b.options = append(b.options, qemu.CPUs(2))
			b.boot(qemu.USBStick)
			b.expect("processors", "2", "nproc")
			b.expect("what was built", "built", "docker run --rm made")
			stopCleanly(b.t, b.r)
		}},
	})
}

// TestARM64Podman is the same of podman, from a stick and then from a CD.
func TestARM64Podman(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine several times")
	}
	t.Parallel()
	b := newBox(t, arch.ARM64, qemu.USBStick, "podman", "podman=--log-level=info", "format=vda")
	b.parts([]part{
		{"boot codes", podmanCodes},
		{"client over ssh", podmanClient},
		{"root", func(b *box) { podmanWorks(b, "sudo podman", rootSocket, "8080") }},
		{"user", func(b *box) { podmanWorks(b, userPodman, userSocket, "8081") }},
		{"from a CD", func(b *box) {
			stopCleanly(b.t, b.r)
			b.options = append(b.options, qemu.CPUs(2))
			b.boot(qemu.CDROM)
			b.expect("processors", "2", "nproc")
			b.run("sudo podman run --rm tiny true")
			stopCleanly(b.t, b.r)
		}},
	})
}
