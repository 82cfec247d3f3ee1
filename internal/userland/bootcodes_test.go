package userland

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"floe/assets"
)

// source runs a line of shell after it has sourced the booted system's own
// parser, on a command line of the kernel.
func source(t *testing.T, cmdline, line string) string {
	t.Helper()
	dir := t.TempDir()
	for _, e := range assets.Rootfs() {
		if e.Path == "etc/floe/bootcodes.sh" {
			if err := os.WriteFile(filepath.Join(dir, "bootcodes.sh"), e.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range map[string]string{"cmdline": cmdline + "\n", "environ": "HOME=/\x00TERM=linux\x00colour=blue\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", "bc_cmdline=cmdline bc_environ_file=environ; set -u; . ./bootcodes.sh; bootcodes_read; "+line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestBootcodes(t *testing.T) {
	for _, c := range []struct{ cmdline, variable, want string }{
		{"quiet host=ice", "host", "ice"},
		{"hostname=ice", "host", ""},              // keys match exactly
		{"isolcpus=1 iso=2", "lst", "onboot.lst"}, // a default
		{"host=a host=b", "host", "b"},            // the last one counts
		{`host="my box" quiet`, "host", "my box"}, // quotes around the value
		{`"host=my box" quiet`, "host", "my box"}, // quotes around the word
		{`host=a"b c"d`, "host", `a"b c"d`},       // the kernel leaves these in
		{`host="open to the end`, "host", "open to the end"},
		{`host=$(touch pwned)`, "host", "$(touch"}, // data, and spaces split
		{"host=`touch${IFS}pwned`", "host", "`touch${IFS}pwned`"},
		{"host=* x", "host", "*"},   // no globbing
		{`host=a\ b`, "host", `a\`}, // no backslashes
		{"host=", "host", ""},
		{"host", "host", ""}, // needs a value
		{"noembed", "root", "noembed"},
		{"noembed=1", "root", ""}, // takes none
		{"noembed embed", "root", "embed"},
		{"\thost=x\t noembed ", "host", "x"},
		{"registry-mirror=http://m", "registry_mirror", "http://m"},
		{"tce.mirror=http://m", "tce_mirror", "http://m"},
		{"tz=CET-1CEST,M3.5.0,M10.5.0/3", "tz", "CET-1CEST,M3.5.0,M10.5.0/3"},
		{"sshkey=ssh-ed25519:AAAA= sshkey=x:y", "sshkey", "ssh-ed25519:AAAA=\nx:y"},
		{`BOOT_IMAGE=/vmlinuz docker=a\'\"\\b`, "docker", `a'"\b`},        // as GRUB quotes
		{`BOOT_IMAGE=/vmlinuz "docker=\\x \'y\\\'"`, "docker", `\x 'y\'`}, // the same, with spaces
		{"", "host", ""},
	} {
		if got := source(t, c.cmdline, `printf %s "$bc_`+c.variable+`"; [ ! -e pwned ] || echo PWNED`); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.cmdline, c.variable, got, c.want)
		}
	}
}

// Only words that the kernel did not take either are named: it hands these to
// the first program, as arguments or in its environment.
func TestUnknownBootcodes(t *testing.T) {
	got := source(t, `BOOT_IMAGE=/vmlinuz quiet console=ttyS0 colour=blue noembeded host=x base=1 ip "two words"`,
		`bootcodes_unknown noembeded host "two words"`)
	want := "unknown boot code: colour=blue\nunknown boot code: noembeded\nboot code base takes no value\n" +
		"boot code ip= wants a value\nunknown boot code: \"two words\"\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
