// Package archivetest gives tests real programs from the signed archive: QEMU
// and the tools that check what Floe writes. They are kept in the person's
// store, as in a build, so that nothing is installed for a test. And it lets no more
// tests have machines at a time than a host can bear.
//
// It is for tests only. Package assemble, which it needs, imports most of the
// others: their tests stand outside of them to use it.
package archivetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/qemu"
)

// downloads is how long the first test may take to fetch some 45 MB.
const downloads = 10 * time.Minute

// Tools is a root with packages of these names and what they depend on. That
// there is none fails the test.
func Tools(t testing.TB, name string, packages ...string) *sandbox.Root {
	t.Helper()
	b, err := builder()
	if err != nil {
		t.Fatal(err)
	}
	root, err := b.Tools(t.Context(), name, packages...)
	if err != nil {
		t.Fatalf("the %s tools from the archive: %v", name, err)
	}
	return root
}

// QEMU is a QEMU for guests of an architecture. That there is none fails
// the test. Tests of one process share what it costs to find it.
func QEMU(t testing.TB, guest arch.Arch) qemu.Program {
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
	b, err := builder()
	if err != nil {
		return qemu.Program{}, err
	}
	return b.ArchiveQEMU(ctx, guest)
}

// builder has its store open until the process ends: that guards what is used
// from pruning.
var builder = sync.OnceValues(func() (*assemble.Builder, error) {
	dir, err := store.DefaultDir()
	if err != nil {
		return nil, err
	}
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	return assemble.New(assemble.Options{Store: s}), nil
})
