package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"floe/internal/fault"
)

func TestChecks(t *testing.T) {
	each(t, "checks", func(s Styles) string {
		got := s.Checks([]Check{
			{OK, "disk space", "41 GB free, 6 GB needed", ""},
			{OK, "sandbox", "builds without root", "not shown: nothing is to mend"},
			{Warn, "kvm", "this CPU shows no virtualisation here; trying it out will be slower", ""},
			{Fail, "archive", "cannot reach the Debian archive: \x1b[31mconnection refused", "check the network, or set a mirror"},
		})
		narrow(t, "checks", s.Width, got)
		return got
	})
}

func TestTable(t *testing.T) {
	each(t, "plan", func(s Styles) string {
		return s.Table("The plan", []Row{
			{Key: "arch", Value: "amd64", Note: "default"},
			{Key: "ssh-key", Value: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGnTkDJIWo ice@floe\nssh-ed25519 AAAAC3Nz second", Note: "flag"},
			{Key: "hostname", Value: "", Note: "default"},
			{Key: "memory", Value: "512 MiB", Note: "floe.toml"},
		})
	})
	each(t, "results", func(s Styles) string {
		return s.Table("What the machine said", []Row{
			{Level: OK, Key: "kernel", Value: "Linux 6.12.117"},
			{Level: OK, Key: "kernel to ssh", Value: "2.2 s", Note: "2.5 s at most"},
			{Level: Warn, Key: "memory free", Value: "74 MB of 128 MB", Note: "76 MB wanted"},
			{Level: Fail, Key: "cgroup v2", Value: "no memory controller", Note: "cpu, memory, pids, io"},
		})
	})
}

const longCommand = "ssh -i ~/.local/share/floe/id_ed25519 -o UserKnownHostsFile=~/.local/share/floe/known_hosts -p 40022 floe@127.0.0.1"

func TestNext(t *testing.T) {
	each(t, "next", func(s Styles) string {
		got := s.Next("What next", []Command{
			{"boot it in QEMU, in this terminal", "floe run floe.iso"},
			{"log in", longCommand},
		})
		if !strings.Contains(ansi.Strip(got), "    "+longCommand+"\n") {
			t.Errorf("the command does not stand whole and alone on its line:\n%s", got)
		}
		return got
	})
}

func TestError(t *testing.T) {
	inner := fault.New(fault.Verify, "verify the release file", "dists/trixie/InRelease",
		errors.New("the signature is by the key 0123456789ABCDEF,\nwhich is not one of Debian's"), "set the clock, then try again")
	cases := map[string]struct {
		err error
		log string
	}{
		"fault":  {inner, "/home/ice/.cache/floe/logs/a-path-that-is-to-be-copied-and-so-is-never-broken.log"},
		"around": {fmt.Errorf("architecture amd64: %w", inner), ""},
		"nested": {fault.New(fault.Build, "compile the kernel", "", inner, ""), ""},
		"usage":  {fault.New(fault.Usage, "memory", `"12"`, errors.New("12 MiB are too few"), ""), ""},
		"bare":   {errors.New("first line\nsecond \x1b[2Jline"), ""},
		"stop":   {fault.New(fault.Build, "compile the kernel", "", context.Canceled, ""), "/never/shown"},
	}
	for name, c := range cases {
		each(t, "error-"+name, func(s Styles) string {
			var b strings.Builder
			Error(&b, s, c.err, c.log)
			return b.String()
		})
	}
	if got := NewStyles(Terminal{}).Error(nil, ""); got != "" {
		t.Errorf("no error gives %q", got)
	}
}

func TestMascot(t *testing.T) {
	for runtime, a := range mascots {
		for i, line := range a.dots {
			if len(line) != len(a.dots[0]) {
				t.Errorf("%q: row %d of dots has %d, not %d", runtime, i, len(line), len(a.dots[0]))
			}
			for _, r := range []byte(line) {
				if _, ok := pigments[r]; !ok && r != '.' {
					t.Errorf("%q: %c is no pigment", runtime, r)
				}
			}
		}
		for i, line := range a.ascii {
			if len(line) != len(a.paint[i]) || ansi.StringWidth(line) != len(line) {
				t.Errorf("%q: row %d and its paint differ in length", runtime, i)
			}
		}
		each(t, "mascot"+runtime, func(s Styles) string {
			got := s.Mascot(runtime)
			narrow(t, "mascot", 24, got)
			if n := strings.Count(got, "\n"); n > 8 {
				t.Errorf("the mascot has %d rows, not at most 8", n)
			}
			return got
		})
	}
}

func testCommand() *cobra.Command {
	run := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{
		Use: "floe", Short: "Build a tiny Linux for containers, and boot it",
		Long:    "floe builds Floe Linux from source: a kernel, an initial RAM disk and one ISO.\nIt needs no root and no tools.",
		Example: "  floe demo    # build, boot, look inside\n  floe build -o floe.iso",
	}
	progress := Auto
	root.PersistentFlags().Var(&progress, "progress", "how to show progress")
	build := &cobra.Command{Use: "build", Short: "Make the image", RunE: run}
	build.Flags().StringP("output", "o", "floe.iso", "`PATH` Where the image goes. Its SHA-256 goes beside it, in a file of its own.")
	build.Flags().StringArray("a-flag-with-a-very-long-name", nil, "what it means stands below it")
	build.Flags().Bool("refresh", false, "ask the archive for news")
	root.AddCommand(build, &cobra.Command{Use: "run [IMAGE]", Short: "Boot an image in QEMU", Args: cobra.MaximumNArgs(1), RunE: run})
	return root
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"build", "--help"}, {"run", "-h"}} {
		each(t, "help-"+strings.TrimLeft(args[0], "-"), func(s Styles) string {
			var b strings.Builder
			root := testCommand()
			Dress(root, s)
			root.SetOut(&b)
			root.SetArgs(args)
			if err := root.Execute(); err != nil {
				t.Fatal(err)
			}
			return b.String()
		})
	}
}

func TestMisuse(t *testing.T) {
	for _, c := range []struct{ args, what, hint string }{
		{"biuld", `unknown command "biuld" for "floe"`, "did you mean build? add --help to see what there is"},
		{"build --nope", "unknown flag: --nope", "add --help to see what there is"},
		{"build -x", "unknown shorthand flag: 'x' in -x", "add --help to see what there is"},
		{"build -o", "flag needs an argument: 'o' in -o", "add --help to see what there is"},
		{"run a b", "accepts at most 1 arg(s), received 2", "add --help to see what there is"},
		{"run --progress loud", "invalid argument \"loud\" for \"--progress\" flag: unknown way to show progress \"loud\"; there are auto, plain and json", "add --help to see what there is"},
	} {
		var out strings.Builder
		root := testCommand()
		Dress(root, NewStyles(Terminal{}))
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(strings.Fields(c.args))
		err := AsUsage(root.Execute())
		if fault.Code(err) != int(fault.Usage) || err.Error() != c.what || fault.Hint(err) != c.hint {
			t.Errorf("%s: code %d, %q, hint %q", c.args, fault.Code(err), err, fault.Hint(err))
		}
		if out.Len() > 0 {
			t.Errorf("%s: cobra printed %q; the error is to appear once", c.args, out.String())
		}
	}
	other := errors.New("disk full")
	if AsUsage(other) != other || AsUsage(nil) != nil {
		t.Error("AsUsage changes errors that are not cobra's")
	}
}

func TestStylesHaveContrast(t *testing.T) {
	for name, r := range map[string]role{"ice": ice, "deep": deep, "muted": muted, "warm": warm, "okay": okay, "warn": warn, "fail": fail} {
		dark := picker(Terminal{Profile: colorprofile.TrueColor, Dark: true})(r)
		light := picker(Terminal{Profile: colorprofile.TrueColor})(r)
		if c := contrast(luminance(dark), luminance(rgb(0x1e, 0x1e, 0x1e))); c < 4.5 {
			t.Errorf("%s on dark has a contrast of %.1f", name, c)
		}
		if c := contrast(luminance(light), luminance(rgb(0xff, 0xff, 0xff))); c < 4.5 {
			t.Errorf("%s on light has a contrast of %.1f", name, c)
		}
	}
}
