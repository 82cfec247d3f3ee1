package assemble_test

import (
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/qemu"
)

// TestBoth boots an image with docker and podman, which run side by side. The medium
// of another image, whose partition is found before the CD, is beside it, and the data
// disk that this other image made appears when the runtimes are there already.
func TestBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine")
	}
	t.Parallel()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	b := boxThatIsOff(t, arch.AMD64, "docker,podman", "docker=--debgu")
	spec := f.spec(filepath.Join(t.TempDir(), "other.iso"))
	spec.BootCodes = []string{"data=LABEL=floe-data"}
	other, err := f.builder.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	archivetest.Seat(t)
	both := b.image
	b.image = other
	enterAnyway(b)
	b.run("mountpoint /data && echo kept >~/note")
	stopCleanly(t, b.r)

	b.image = both
	b.options = append(b.options[:4], qemu.Data(other.Path, "older"), lateDisk(b.disk))
	b.boot(qemu.CDROM)
	b.plugs()
	b.run("for i in $(seq 300); do [ ! -e ~/note ] || exit 0; usleep 200000; done; exit 1")
	b.push("tiny")
	b.push("library/tiny") // as docker finds it by the mirror of the boot code
	b.run("for i in $(seq 600); do docker info >/dev/null 2>&1 && [ -S " + userSocket + " ] && exit; usleep 200000; done; exit 1")
	for _, client := range []string{"docker", "sudo podman", "podman"} {
		image := "tiny"
		if strings.Contains(client, "podman") {
			image = "--tls-verify=false " + host + ":" + b.registry + "/tiny"
		}
		b.run(client + " pull -q " + image)
		image = strings.TrimPrefix(image, "--tls-verify=false ")
		b.expect(client+" beside the other", "33554432", client+" run --rm --memory 32m "+image+" cat /sys/fs/cgroup/memory.max")
	}
	told := b.run("cat /etc/floe/problems")
	if strings.Count(told, "\n") > 0 || !strings.HasPrefix(told, "docker starts without what the boot code docker= says: unknown flag: --debgu") {
		t.Errorf("a boot code that docker refuses, and nothing else, was to be told of: %s", told)
	}
	b.expect("settings on a disk that was late", "containers.conf\ndaemon.json", "sudo ls /data/etc/containers /data/etc/docker | grep -x -e containers.conf -e daemon.json")
	stopCleanly(t, b.r)
}
