package tcz

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/arch"
)

// elfFile writes an ELF file of nothing but its header.
func elfFile(t *testing.T, kind elf.Type, machine elf.Machine) (path string) {
	t.Helper()
	h := elf.Header64{
		Type: uint16(kind), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Phentsize: 56, Shentsize: 64,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOtherMachines: no package has a library that its machine cannot load,
// which would be noticed in the booted system only. An object file is data.
func TestOtherMachines(t *testing.T) {
	for _, tt := range []struct {
		target  arch.Arch
		kind    elf.Type
		machine elf.Machine
		refused bool
	}{
		{arch.AMD64, elf.ET_DYN, elf.EM_X86_64, false},
		{arch.ARM64, elf.ET_DYN, elf.EM_AARCH64, false},
		{arch.ARM64, elf.ET_DYN, elf.EM_X86_64, true},
		{arch.AMD64, elf.ET_DYN, elf.EM_AARCH64, true},
		{arch.AMD64, elf.ET_DYN, elf.EM_386, true},
		{arch.ARM64, elf.ET_EXEC, elf.EM_X86_64, true},
		{arch.ARM64, elf.ET_REL, elf.EM_BPF, false},
		{"sparc", elf.ET_DYN, elf.EM_SPARCV9, true}, // not in the table
	} {
		const library = "usr/lib/libx.so"
		x := tree(map[string]string{"usr": "/", "usr/lib": "/", library: ""})
		x.entries[library] = entry{deb: "libx1", host: elfFile(t, tt.kind, tt.machine)}
		c := newChoice(tt.target, x, nil)
		// As what another file needs: what it finds is looked at in its turn.
		if err := c.libraries("usr/bin/x", needs{libraries: []string{"libx.so"}}); err != nil {
			t.Fatal(err)
		}
		err := c.settle()
		if !tt.refused {
			if err != nil || !c.taken[library] {
				t.Errorf("%v for %v on %s: %v", tt.kind, tt.machine, tt.target, err)
			}
			continue
		}
		if want := "/" + library + " of libx1: it is for " + tt.machine.String() + ", not for " + tt.target.String(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v for %v on %s: %v, want %q", tt.kind, tt.machine, tt.target, err, want)
		}
	}
}
