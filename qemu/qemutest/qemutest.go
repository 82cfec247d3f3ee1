// Package qemutest gives tests the real QEMU. It is for tests only.
package qemutest

import (
	"os"
	"path/filepath"
	"testing"

	"floe/internal/arch"
	"floe/qemu"
)

// RootVar names an environment variable with a folder of unpacked Debian
// packages that has QEMU for every architecture, and its firmware.
const RootVar = "FLOE_TEST_QEMU_ROOT"

// Program is a QEMU for guests of an architecture. That there is none fails
// the test.
func Program(t testing.TB, guest arch.Arch) qemu.Program {
	t.Helper()
	root := os.Getenv(RootVar)
	if root == "" {
		t.Fatalf("%s is not set", RootVar)
	}
	lib := filepath.Join(root, "usr/lib", arch.Host().Triplet())
	loaders, err := filepath.Glob(filepath.Join(root, "usr/lib*/ld-linux-*.so.*"))
	if err != nil || len(loaders) == 0 {
		t.Fatalf("no dynamic loader in %s", root)
	}
	p, err := qemu.InRoot(t.Context(), root, []string{
		loaders[0], "--library-path", lib, filepath.Join(root, "usr/bin", qemu.Emulator(guest)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
