package cli

import (
	"io"
	"slices"
	"testing"

	"floe/internal/fault"
)

// TestArchitectures: several make a plan each, with names of their own.
func TestArchitectures(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args    []string
		outputs []string // nil: refused
	}{
		{[]string{}, []string{"floe-amd64.iso"}},
		{[]string{"--arch", "arm64"}, []string{"floe-arm64.iso"}},
		{[]string{"--arch", "arm64,amd64"}, []string{"floe-arm64.iso", "floe-amd64.iso"}},
		{[]string{"--arch", "amd64,arm64", "-o", "box-ARCH.iso"}, []string{"box-amd64.iso", "box-arm64.iso"}},
		{[]string{"--arch", "amd64,arm64", "-o", "box.iso"}, nil},
		{[]string{"--arch", "amd64,mips"}, nil},
	} {
		cmd := buildCommand(&terminal{Out: io.Discard, Err: io.Discard})
		if err := cmd.ParseFlags(tt.args); err != nil {
			t.Fatal(err)
		}
		plans, err := resolvePlans(cmd)
		var outputs []string
		for _, p := range plans {
			outputs = append(outputs, p.Output)
		}
		if !slices.Equal(outputs, tt.outputs) || (err != nil) != (tt.outputs == nil) || err != nil && fault.Code(err) != int(fault.Usage) {
			t.Errorf("%q: %q, %v", tt.args, outputs, err)
		}
	}
}
