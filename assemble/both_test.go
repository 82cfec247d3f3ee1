package assemble_test

import (
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/qemu"
)

// TestBoth boots an image with docker and podman, which run side by side.
func TestBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine")
	}
	t.Parallel()
	b := newBox(t, arch.AMD64, qemu.CDROM, "docker,podman", "docker=--insecure-registry=REGISTRY")
	b.push("tiny")
	b.run("for i in $(seq 600); do docker info >/dev/null 2>&1 && [ -S " + userSocket + " ] && exit; usleep 200000; done; exit 1")
	for _, client := range []string{"docker", "sudo podman", "podman"} {
		insecure := ""
		if strings.Contains(client, "podman") {
			insecure = "--tls-verify=false "
		}
		b.run(client + " pull -q " + insecure + host + ":" + b.registry + "/tiny")
		b.expect(client+" beside the other", "33554432", client+" run --rm --memory 32m "+host+":"+b.registry+"/tiny cat /sys/fs/cgroup/memory.max")
	}
	b.expect("problems", "", "cat /etc/floe/problems 2>/dev/null; true")
	stopCleanly(t, b.r)
}
