package cli

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"floe/internal/board"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sdcard"
	"floe/steps"
)

// TestRunsNoCard: a board's image boots on the board only, and that is said
// before anything is started.
func TestRunsNoCard(t *testing.T) {
	image := filepath.Join(t.TempDir(), "card.img")
	if err := sdcard.Write(t.Context(), sdcard.Spec{Label: board.Volume, Time: time.Unix(1e9, 0)}, image); err != nil {
		t.Fatal(err)
	}
	plan, _, err := steps.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&terminal{Out: io.Discard, Err: io.Discard}).start(t.Context(), plan, trial{image: image}, report.Discard)
	if fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "floe write") {
		t.Errorf("%v", err)
	}
}

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
		{[]string{"--board", "rpi"}, []string{"floe-rpi.img"}},
		{[]string{"--board", "rpi", "--arch", "amd64"}, nil},
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
