package tcz

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"floe/internal/arch"
)

// machines are the values of e_machine, see elf(5).
var machines = map[arch.Arch]elf.Machine{arch.AMD64: elf.EM_X86_64, arch.ARM64: elf.EM_AARCH64}

// needs is what an ELF file wants from others.
type needs struct {
	interpreter string   // PT_INTERP, "" if none
	libraries   []string // DT_NEEDED
	paths       []string // DT_RUNPATH or DT_RPATH, as written
}

// errNotELF says that a file is none.
var errNotELF = errors.New("not an ELF file")

// readNeeds reads what an ELF file wants. A file for another machine is an
// error.
func readNeeds(name string, a arch.Arch) (needs, error) {
	f, err := os.Open(name)
	if err != nil {
		return needs{}, err
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != elf.ELFMAG {
		return needs{}, errNotELF
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return needs{}, err
	}
	if e.Type == elf.ET_REL {
		return needs{}, errNotELF // an object file: nothing runs it
	}
	if e.Machine != machines[a] {
		return needs{}, fmt.Errorf("it is for %v, not for %s", e.Machine, a)
	}
	var n needs
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			data, err := io.ReadAll(p.Open())
			if err != nil {
				return needs{}, err
			}
			n.interpreter = string(bytes.TrimRight(data, "\x00"))
		}
	}
	if e.SectionByType(elf.SHT_DYNAMIC) == nil {
		return n, nil
	}
	if n.libraries, err = e.ImportedLibraries(); err != nil {
		return needs{}, err
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		list, err := e.DynString(tag)
		if err != nil {
			return needs{}, err
		}
		for _, paths := range list {
			n.paths = append(n.paths, strings.Split(paths, ":")...)
		}
	}
	return n, nil
}

// folders lists where ld.so(8) looks for the libraries of a file, in order.
// Debian's has the multiarch folders compiled in. The last is the file's own:
// private libraries that need each other say nothing of where they are, because
// the program that loads the one has loaded the other, from a path of its own.
func (n needs) folders(name string, a arch.Arch) []string {
	var list []string
	for _, p := range n.paths {
		p = strings.NewReplacer("$ORIGIN", "/"+path.Dir(name), "${ORIGIN}", "/"+path.Dir(name)).Replace(p)
		list = append(list, strings.TrimPrefix(path.Clean(p), "/"))
	}
	return append(list, "usr/lib/"+a.Triplet(), "usr/lib", "usr/lib64", path.Dir(name))
}
