package kernel

import (
	"fmt"
	"strings"
	"testing"

	"floe/internal/report"
)

func TestCounter(t *testing.T) {
	var said []string
	c := &counter{total: 4, tell: func(done, total int64, unit report.Unit) {
		said = append(said, fmt.Sprintf("%d/%d %s", done, total, unit))
	}}
	for _, line := range strings.Split(`  SYNC    include/config/auto.conf
  HOSTCC  scripts/basic/fixdep
  CC      init/main.o
  CALL    scripts/checksyscalls.sh
  AS      arch/x86/entry/entry_64.o
init/main.c:1: warning:   CC is a word
  AR      init/built-in.a
  CC [M]  no/module.o
  LD      vmlinux.o
  OBJCOPY vmlinux.bin
  XZKERN  vmlinux.bin.xz`, "\n") {
		c.line(line)
	}
	c.finish()
	if got, want := strings.Join(said, ", "), "1/4 objects, 2/4 objects, 3/4 objects, 4/4 objects, 5/5 objects, 5/5 objects"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFirstError(t *testing.T) {
	var long strings.Builder
	for i := range 100 {
		fmt.Fprintf(&long, "  CC      a%d.o\n", i+1)
	}
	for _, tc := range []struct{ name, log, want string }{
		{"compiler before make", "  CC x.o\nmake[2]: *** [x.o] Error 1\nx.c:1:1: error: no\nx.c:2:1: error: too\n", "x.c:1:1: error: no"},
		{"missing header", "x.c:1:10: fatal error: gelf.h: No such file or directory\n", "x.c:1:10: fatal error: gelf.h: No such file or directory"},
		{"linker", "ld: a.o: in function `f':\na.c:(.text+0x1): undefined reference to `g'\nmake: *** [vmlinux] Error 1\n", "a.c:(.text+0x1): undefined reference to `g'"},
		{"program missing", "/bin/sh: 1: bc: not found\nmake[1]: *** [timeconst.h] Error 127\n", "/bin/sh: 1: bc: not found"},
		{"make alone", "make: *** No rule to make target 'bzImage'.  Stop.\n", "make: *** No rule to make target 'bzImage'.  Stop."},
		{"a file with error in its name", long.String() + "  CC      lib/error-inject.o\n", ""},
		{"nothing", "fine\n", ""},
	} {
		e, err := FirstError(strings.NewReader(tc.log))
		if err != nil || e.Line != tc.want {
			t.Errorf("%s: got %q (%v), want %q", tc.name, e.Line, err, tc.want)
		}
	}
	e, _ := FirstError(strings.NewReader(long.String() + "x.c:1:1: error: no\nsource\n^\n"))
	got := e.String()
	if e.Number != 101 || len(e.Before) != around || len(e.After) != 2 || strings.Count(got, "\n") != 7 {
		t.Errorf("excerpt %+v", e)
	}
	if !strings.Contains(got, ">   101  x.c:1:1: error: no\n    102  source\n") || !strings.HasPrefix(got, "     96    CC      a96.o\n") {
		t.Errorf("written:\n%s", got)
	}
}
