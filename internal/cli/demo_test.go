package cli

import (
	"io"
	"os"
	"strings"
	"testing"

	"floe/internal/arch"
)

// TestDemoRunsNatively: the demo is for the host's architecture, unless somebody named one.
func TestDemoRunsNatively(t *testing.T) {
	for _, tt := range []struct {
		name string
		host arch.Arch
		args []string
		env  string
		file string
		want string
	}{
		{"amd64", arch.AMD64, nil, "", "", "floe-amd64.iso"},
		{"arm64", arch.ARM64, nil, "", "", "floe-arm64.iso"},
		{"flag", arch.ARM64, []string{"--arch", "amd64"}, "", "", "floe-amd64.iso"},
		{"environment", arch.ARM64, nil, "amd64", "", "floe-amd64.iso"},
		{"file", arch.AMD64, nil, "", "arch = 'arm64'", "floe-arm64.iso"},
		{"file without one", arch.ARM64, nil, "", "hostname = 'box'", "floe-arm64.iso"},
		{"a board says it", arch.AMD64, []string{"--board", "rpi"}, "", "", "floe-rpi.img"},
		{"a host that nothing is built for", "riscv64", nil, "", "", "floe-amd64.iso"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("FLOE_ARCH", tt.env)
			if err := os.WriteFile(planFile, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := demoCommand(&terminal{Out: io.Discard, Err: io.Discard})
			if err := cmd.ParseFlags(tt.args); err != nil {
				t.Fatal(err)
			}
			plan, err := demoPlan(cmd, tt.host)
			if err != nil || plan.Output != tt.want {
				t.Errorf("%+v, %v; want %s", plan, err, tt.want)
			}
		})
	}
}

// TestDemo runs what the README names first, to its end.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine")
	}
	said := newPerson(t).must("demo")
	for _, want := range []string{"32 MiB", "0.5", "at most 20", "/bin/sh", "a filter is in force", "docker-default (enforce)", "floe run --detach floe-amd64.iso"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
}
