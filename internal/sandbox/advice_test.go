package sandbox

import (
	"strings"
	"syscall"
	"testing"
)

func TestAdvice(t *testing.T) {
	for _, tt := range []struct {
		line string
		exit ExitError
		want string
	}{
		{"gcc: fatal error: Killed signal terminated program cc1", ExitError{Code: 2}, "Memory ran out"},
		{"cc1: out of memory allocating 65536 bytes after a total of 2 bytes", ExitError{Code: 2}, "Memory ran out"},
		{"", ExitError{Code: 137, Signal: syscall.SIGKILL, Tail: []string{"  CC      a.o"}}, "Memory ran out"},
		{"fs/a.c:1:1: fatal error: error writing to /tmp/cc.s: No space left on device", ExitError{Code: 2}, "The disk is full"},
		{"", ExitError{Code: 2, Tail: []string{"tar: a: Cannot write: No space left on device", "tar: Exiting"}}, "The disk is full"},
		{"/bin/sh: 1: bc: not found", ExitError{Code: 2}, "--toolchain sandbox"},
		{"a.c:1:10: fatal error: gelf.h: No such file or directory", ExitError{Code: 2}, "--toolchain sandbox"},
		{"fs/a.c:7:1: error: expected ';' before 'int'", ExitError{Code: 2, Tail: []string{"b: not found"}}, "Try again"},
		{"", ExitError{Code: 1}, "Try again"},
	} {
		if got := tt.exit.Advice(tt.line); !strings.Contains(got, tt.want) {
			t.Errorf("%q, %+v: %s", tt.line, tt.exit, got)
		}
	}
	said := ExitError{Signal: syscall.SIGKILL, Tail: make([]string, 1, 8)}
	_ = said.Advice("")
	if again := said.Tail[:2]; again[1] != "" {
		t.Error("advice changes what was said")
	}
}
