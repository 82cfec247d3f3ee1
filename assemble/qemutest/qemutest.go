// Package qemutest gives tests the real QEMU, from the signed archive and
// kept in the person's store as in a build. It is for tests only, and for
// tests outside of package qemu: package assemble, which it needs, imports
// that one.
package qemutest

import (
	"context"
	"sync"
	"testing"
	"time"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/store"
	"floe/qemu"
)

// downloads is how long the first test may take to fetch some 45 MB.
const downloads = 10 * time.Minute

// Program is a QEMU for guests of an architecture. That there is none fails
// the test. Tests of one process share what it costs to find it.
func Program(t testing.TB, guest arch.Arch) qemu.Program {
	t.Helper()
	find, ok := programs[guest]
	if !ok {
		t.Fatalf("no QEMU for %s", guest)
	}
	p, err := find()
	if err != nil {
		t.Fatalf("QEMU from the archive: %v", err)
	}
	return p
}

var programs = map[arch.Arch]func() (qemu.Program, error){
	arch.AMD64: sync.OnceValues(func() (qemu.Program, error) { return find(arch.AMD64) }),
	arch.ARM64: sync.OnceValues(func() (qemu.Program, error) { return find(arch.ARM64) }),
}

func find(guest arch.Arch) (qemu.Program, error) {
	ctx, cancel := context.WithTimeout(context.Background(), downloads)
	defer cancel()
	dir, err := store.DefaultDir()
	if err != nil {
		return qemu.Program{}, err
	}
	s, err := store.Open(dir) // open until the process ends: it guards what is used from pruning
	if err != nil {
		return qemu.Program{}, err
	}
	return assemble.New(assemble.Options{Store: s}).ArchiveQEMU(ctx, guest)
}
