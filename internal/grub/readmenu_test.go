package grub

import (
	"slices"
	"testing"
)

func TestReadLine(t *testing.T) {
	spec := minimal()
	spec.Args = []string{"quiet", "docker=--a b", "tz=<+03>-3", "x=it's", `y=\`, "z=''", "host=$(x);y|z"}
	menu := menuOf(t, spec)
	got, err := ReadLine([]byte(menu))
	if err != nil || !slices.Equal(got, spec.Line()) {
		t.Errorf("%q, %v, want %q", got, err, spec.Line())
	}
	if _, err := ReadLine([]byte("menuentry x {\n}\n")); err == nil {
		t.Error("found a line where there is none")
	}
	if _, err := ReadLine([]byte("\tlinux /boot/vmlinuz 'x\n")); err == nil {
		t.Error("took an open quote")
	}
}
