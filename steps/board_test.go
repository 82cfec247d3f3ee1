package steps

import (
	"slices"
	"strings"
	"testing"
)

func given(name string, pairs ...string) Source {
	s := Source{Name: name, Given: map[string][]string{}}
	for i := 0; i < len(pairs); i += 2 {
		s.Given[pairs[i]] = []string{pairs[i+1]}
	}
	return s
}

// A board says what architecture is meant, unless one is named beside it.
func TestBoard(t *testing.T) {
	for _, tt := range []struct {
		sources              []Source
		board, arch, out, of string // of: where the architecture is from
	}{
		{[]Source{given("flag", "board", "rpi")}, "rpi", "arm64", "floe-rpi.img", "flag"},
		{[]Source{given("flag", "board", "rpi"), given("file", "arch", "amd64")}, "rpi", "arm64", "floe-rpi.img", "flag"},
		{[]Source{given("flag", "output", "x.img"), given("file", "board", "rpi")}, "rpi", "arm64", "x.img", "file"},
		{[]Source{given("flag", "arch", "arm64")}, "none", "arm64", "floe-arm64.iso", "flag"},
		{[]Source{given("flag", "board", "none")}, "none", "amd64", "floe-amd64.iso", "default"},
	} {
		p, origins, err := Resolve(tt.sources...)
		if err != nil {
			t.Errorf("%v: %v", tt.sources, err)
			continue
		}
		if string(p.Board) != tt.board || string(p.Arch) != tt.arch || p.Output != tt.out || origins["arch"] != tt.of {
			t.Errorf("%v: %+v, arch of %s", tt.sources, p, origins["arch"])
		}
	}
	for _, s := range [][]Source{{given("flag", "board", "rpi", "arch", "amd64")}, {given("flag", "arch", "amd64"), given("file", "board", "rpi")}} {
		if _, _, err := Resolve(s...); err == nil || !strings.Contains(err.Error(), "Raspberry Pi has the architecture arm64") {
			t.Errorf("%v: %v", s, err)
		}
	}
}

// The question is there for arm64 only; with a board, nothing is asked about
// trying it out, and on the way back to another architecture it is forgotten.
func TestFlowBoard(t *testing.T) {
	f, err := NewFlow()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(keysOf(f.Asked()), "board") {
		t.Error("amd64 is asked about boards")
	}
	if err := f.Answer("arm64"); err != nil || at(f) != "board" {
		t.Fatalf("at %s, %v", at(f), err)
	}
	if err := f.Answer("rpi"); err != nil {
		t.Fatal(err)
	}
	if keys := keysOf(f.Applying()); slices.Contains(keys, "memory") || slices.Contains(keys, "firmware") || f.Plan().Output != "floe-rpi.img" {
		t.Errorf("%v, %+v", keys, f.Plan())
	}
	if line := f.Plan().Command(); line != "floe build --arch arm64 --board rpi" {
		t.Error(line)
	}
	f.Jump("arch")
	if err := f.Answer("amd64"); err != nil || f.Plan().Board != "none" || f.Plan().Output != "floe-amd64.iso" {
		t.Errorf("%+v, %v", f.Plan(), err)
	}
}
