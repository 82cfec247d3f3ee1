package cli

import (
	"io"
	"os"
	"regexp"
	"testing"

	"floe/assemble/archivetest"
	"floe/assets"
	"floe/internal/arch"
	"floe/steps"
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
			plan, err := planHere(cmd, tt.host)
			if err != nil || plan.Output != tt.want {
				t.Errorf("%+v, %v; want %s", plan, err, tt.want)
			}
		})
	}
}

// shownRow is what is shown behind a name; a regular expression.
type shownRow struct{ key, value string }

// demoRows are what the demo shows, by the names that stand before it; each is a
// regular expression. What the container says of its limits it read from inside.
var demoRows = []shownRow{
	{"system", regexp.QuoteMeta("Floe " + assets.Version)},
	{"kernel", `Linux 6\.\d+\.\d+-floe ` + arch.Host().QEMU()},
	{"root", `root`},
	{"memory", `\d+ MiB in all, \d+ MiB available`},
	{"memory limit", `32 MiB`},
	{"processors", `0\.5`},
	{"processes", `at most 20`},
	{"memory used", `[1-9]\d* KiB`},
	{"process 1", `/bin/sh`},
	{"seccomp", `a filter is in force`},
	{"ran for", `\d+\.\d s, from the command to its end`},
	{"machine", `[1-9]\d* MiB of [1-9]\d* used by all`},
}

// TestDemo runs what the README names first, to its end: every row, and the two
// lines that a person would type next, each whole and alone on its line.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine")
	}
	archivetest.Seat(t)
	const version = `\d+\.\d+\.\d+.*` // as the engine says it
	for _, tt := range []struct {
		args []string
		rows []shownRow
		then string
	}{
		{[]string{"demo"}, []shownRow{{steps.Docker, version}, {"AppArmor", `docker-default \(enforce\)`}}, "floe ssh docker run --rm -m 64m alpine uname -a"},
		{[]string{"demo", "--runtime", "podman"}, []shownRow{{steps.Podman, version}, {"AppArmor", `containers-default-\S+ \(enforce\)`}},
			"floe ssh sudo podman run --rm -m 64m alpine uname -a"},
	} {
		said := newPerson(t).must(tt.args...)
		for _, row := range append(tt.rows, demoRows...) {
			if !regexp.MustCompile(`(?m)^ *` + row.key + ` +` + row.value + `$`).MatchString(said) {
				t.Errorf("%q: no row %s with %s in\n%s", tt.args, row.key, row.value, said)
			}
		}
		for _, line := range []string{"floe run --detach floe-" + arch.Host().String() + ".iso", tt.then} {
			if !regexp.MustCompile(`(?m)^ +` + regexp.QuoteMeta(line) + `$`).MatchString(said) {
				t.Errorf("%q: %q is no line of\n%s", tt.args, line, said)
			}
		}
	}
}

// TestGoOn: the lines are for a shell, and for the runtime that there is.
func TestGoOn(t *testing.T) {
	for _, tt := range []struct{ runtime, output, boot, work string }{
		{steps.Docker, "floe-amd64.iso", "floe run --detach floe-amd64.iso", "floe ssh docker run --rm -m 64m alpine uname -a"},
		{steps.Podman, "my box.iso", "floe run --detach 'my box.iso'", "floe ssh sudo podman run --rm -m 64m alpine uname -a"},
	} {
		got := goOn(tt.output, tt.runtime)
		if len(got) != 2 || got[0].Line != tt.boot || got[1].Line != tt.work {
			t.Errorf("%s: %q", tt.runtime, got)
		}
	}
}

// TestDemoRuntime: a machine that loads no packages is not waited for until its
// runtime answers.
func TestDemoRuntime(t *testing.T) {
	for _, tt := range []struct{ runtime, codes, want string }{
		{steps.Docker, "", steps.Docker},
		{steps.Podman + "," + steps.Docker, "tz=UTC", steps.Podman},
		{steps.Docker, "superuser base", ""},
		{steps.NoRuntime, "", ""},
	} {
		if got := demoRuntime(&steps.Plan{Runtime: tt.runtime, BootCodes: tt.codes}); got != tt.want {
			t.Errorf("%s with %q: %q, not %q", tt.runtime, tt.codes, got, tt.want)
		}
	}
}
