package tcz

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A program full of pointers: types, functions, tables, and what a panic needs.
const pointers = `package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
)

type shape interface{ Area() float64 }
type square struct{ Side float64 }

func (s square) Area() float64 { return s.Side * s.Side }

var table = map[string]func(string) string{"up": strings.ToUpper, "trim": strings.TrimSpace}
var kept = errors.New("kept")

func main() {
	defer func() {
		fmt.Println(recover(), strings.Contains(string(debug.Stack()), "main.main"))
		maps, err := os.ReadFile("/proc/self/maps")
		first, _, _ := strings.Cut(string(maps), "-")
		fmt.Println(err, "at", strings.TrimLeft(first, "0"))
	}()
	var s shape = square{3}
	fmt.Println(table["up"](table["trim"](" text ")), s.Area(), reflect.TypeOf(s).Field(0).Name, errors.Is(fmt.Errorf("x: %w", kept), kept))
	var none *square
	fmt.Println(none.Side)
}
`

// pie builds a program that can be loaded at any address.
func pie(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": pointers, "go.mod": "module pointers\n\ngo 1.25\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-buildmode=pie", "-o", "program", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "program")
}

func TestPrelink(t *testing.T) {
	program := pie(t)
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if relocated(t, data) == 0 {
		t.Fatal("the program has no pointers to begin with")
	}
	if err := prelink(data); err != nil {
		t.Fatal(err)
	}
	if n := relocated(t, data); n != 0 {
		t.Errorf("%d pointers are left to the dynamic linker", n)
	}
	if err := prelink(data); !errors.Is(err, errNeedless) {
		t.Errorf("a second time: %v", err)
	}
	runsAlike(t, program, data)
	if err := prelink([]byte("no program")); err == nil {
		t.Error("something else was linked")
	}
}

// relocated counts pointers that the dynamic linker has to set.
func relocated(t *testing.T, data []byte) (n int) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA {
			continue
		}
		table, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		for rela := range records(table, relaSize) {
			if binary.LittleEndian.Uint32(rela[8:]) == relocations[f.Machine].relative {
				n++
			}
		}
	}
	return n
}

// runsAlike runs the program as it was built and as it was linked, if it is one of
// this machine.
func runsAlike(t *testing.T, program string, data []byte) {
	t.Helper()
	before, err := exec.Command(program).Output()
	if err != nil {
		t.Logf("not run here: %v", err)
		return
	}
	linked := program + ".linked"
	if err := os.WriteFile(linked, data, 0o755); err != nil {
		t.Fatal(err)
	}
	after, err := exec.Command(linked).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, after)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	load := slices.IndexFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_LOAD })
	said, _, _ := strings.Cut(string(before), "at ")
	if want := fmt.Sprintf("%sat %x\n", said, f.Progs[load].Vaddr); string(after) != want {
		t.Errorf("linked to a fixed address it says\n%s, not\n%s", after, want)
	}
}
