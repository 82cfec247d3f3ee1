package qemu

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
)

var update = flag.Bool("update", false, "write the golden files anew")

// setup is the same on every host.
func setup(a arch.Arch, accel Accel) Setup {
	return Setup{
		Program: Program{Argv: []string{Emulator(a)}, DataDirs: []string{"/unpacked/usr/share/qemu", "/unpacked/usr/share/seabios"}},
		Accel:   accel,
		Flash:   Flash{Code: "/fw/code.fd", Format: "raw", Vars: "/fw/vars.fd", VarsFormat: "raw"},
		Files:   Home{State: "/state", Runtime: "/run/floe"}.Files("m"),
	}
}

// one argument group to a line
func lines(args []string) string {
	var b strings.Builder
	for i, a := range args {
		switch {
		case i == 0:
		case strings.HasPrefix(a, "-"):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(ShellLine([]string{a}))
	}
	return b.String() + "\n"
}

func TestArgsGolden(t *testing.T) {
	type row struct {
		name    string
		arch    arch.Arch
		accel   Accel
		options []Option
	}
	rows := []row{
		{"amd64-kvm", arch.AMD64, Accel{KVM: true}, []Option{Boot(CDROM, "/i/floe.iso"), CPUs(2), SSH(2222), Port(8080, 80), Isolated(), NoReboot(), Extra("-trace", "x")}},
		{"arm64-kvm", arch.ARM64, Accel{KVM: true}, []Option{Boot(CDROM, "/i/floe.iso"), CPUs(2)}},
		{"amd64-direct", arch.AMD64, Accel{}, []Option{Direct("/k", []string{"/a", "/b"}, "console=ttyS0 quiet"), Data("/d,1", "floe-data")}},
		{"arm64-direct", arch.ARM64, Accel{}, []Option{Direct("/k", []string{"/a"}, ""), Memory(64), ShareFolder("/src,1", "host")}},
		{"arm64-two-cds", arch.ARM64, Accel{}, []Option{Boot(CDROM, "/1.iso"), Boot(CDROM, "/2.iso")}},
		{"amd64-two-of-each", arch.AMD64, Accel{}, []Option{
			Boot(CDROM, "/1.iso"), Boot(CDROM, "/2.iso"), Boot(USBStick, "/1.img"), Boot(USBStick, "/2.img")}},
	}
	for _, a := range arch.All() {
		for _, f := range []Firmware{BIOS, UEFI} {
			if a == arch.ARM64 && f == BIOS {
				continue
			}
			for _, k := range []MediumKind{CDROM, USBStick, VirtDisk} {
				rows = append(rows, row{string(a) + "-" + string(f) + "-" + string(k), a, Accel{}, []Option{With(f), Boot(k, "/i/floe.iso")}})
			}
		}
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			m, err := New("m", r.arch, r.options...)
			if err != nil {
				t.Fatal(err)
			}
			got := lines(Args(m, setup(r.arch, r.accel)))
			golden := filepath.Join("testdata", "argv", r.name)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestArgsLeavesItsInputsAlone(t *testing.T) {
	m, err := New("m", arch.AMD64, Extra("-S"))
	if err != nil {
		t.Fatal(err)
	}
	s := setup(arch.AMD64, Accel{})
	s.Program.Argv = append(make([]string, 0, 99), "ld.so", "qemu")
	first := Args(m, s)
	first[2] = "spoiled"
	if again := Args(m, s); again[2] == "spoiled" || !slices.Equal(again[:2], []string{"ld.so", "qemu"}) {
		t.Errorf("got %q", again[:3])
	}
}

func TestNewRefuses(t *testing.T) {
	for name, options := range map[string][]Option{
		"little memory":     {Memory(8)},
		"no processor":      {CPUs(0)},
		"port":              {SSH(70000)},
		"forward to 0":      {Port(80, 0)},
		"kind of medium":    {Boot("floppy", "/x")},
		"medium without":    {Boot(CDROM, "")},
		"firmware":          {With("coreboot")},
		"bare on amd64":     {With(Bare)},
		"serial too long":   {Data("/x", strings.Repeat("s", 21))},
		"nothing for amd64": {ByArch(map[arch.Arch]Option{arch.ARM64: Memory(64)})},
	} {
		if _, err := New("m", arch.AMD64, options...); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
	if _, err := New("../m", arch.AMD64); err == nil {
		t.Error("a name that leaves the folder: not refused")
	}
	if _, err := New("m", arch.ARM64, With(BIOS)); err == nil {
		t.Error("BIOS on arm64: not refused")
	}
	if _, err := New("m", "riscv64"); err == nil {
		t.Error("an unknown architecture: not refused")
	}
}

func TestCombinators(t *testing.T) {
	options := []Option{
		IfArch(arch.ARM64, Memory(512), CPUs(4)),
		ByArch(map[arch.Arch]Option{arch.AMD64: With(UEFI), arch.ARM64: All()}),
	}
	for a, want := range map[arch.Arch]Machine{
		arch.AMD64: {Memory: 256, CPUs: 1, Firmware: UEFI},
		arch.ARM64: {Memory: 512, CPUs: 4, Firmware: UEFI},
	} {
		m, err := New("m", a, options...)
		if err != nil {
			t.Fatal(err)
		}
		if m.Memory != want.Memory || m.CPUs != want.CPUs || m.Firmware != want.Firmware {
			t.Errorf("%s: %+v", a, m)
		}
	}
}

func TestShellLine(t *testing.T) {
	got := ShellLine([]string{"qemu", "-append", "a b", "it's", ""})
	if want := `qemu -append 'a b' 'it'\''s' ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
