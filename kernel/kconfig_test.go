package kernel

import (
	"strings"
	"testing"
	"testing/fstest"
)

// tree reads a fixture: file name to text, the first file being "Kconfig".
func tree(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tr, err := ReadTree(fsys, "Kconfig", map[string]string{"SRCARCH": "x86"})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

const fixture = `# a comment
mainmenu "Linux/$(ARCH) Kernel Configuration"

cc-name = $(shell,echo gcc)
source "arch/$(SRCARCH)/Kconfig"

config HAS_IOPORT
	bool

menu "Devices"
	visible if !QUIET

config USB_PCI
	bool "PCI based USB host interface"
	depends on PCI
	default y
	help
	  Text with words that look like statements:
	  depends on NOTHING

	    config FAKE
	  if you say so.

config USB_UHCI
	tristate "UHCI" if EXPERT || \
		PCI
	depends on (USB_PCI && HAS_IOPORT) || OTHER
	depends on USB_PCI
	select LED if PCI

config LED
	bool

config FORCED
	bool "Forced"

config FORCER
	bool "Forcer"
	select FORCED

if PCI != n
config CPUS
	int "Number of CPUs"
	range 2 512 if PCI
	range 2 8192
	default 64
endif

choice
	prompt "Compression"
	default GZ

	config GZ
		bool "gzip"
		help
		  Old, and

		  everywhere.
	config LZ
		bool "lz"
config XZ
	bool "xz"
	depends on HAVE_XZ
config ZST
	bool "zstd"
endchoice

config IBT
	bool "Tracking"
	depends on $(cc-option,-fcf-protection=branch -mindirect,x)

comment "Nothing here"
	depends on !PCI

endmenu

config MITIGATION_RETPOLINE
	bool "Retpoline"
`

const fixtureArch = `config PCI
	bool "PCI" # bus
config 64BIT
	def_bool $(success,true)
config TYPE
	string
	prompt "A \"name\""
`

func fixtureTree(t *testing.T) *Tree {
	return tree(t, map[string]string{"Kconfig": fixture, "arch/x86/Kconfig": fixtureArch})
}

func TestReadTree(t *testing.T) {
	tr := fixtureTree(t)
	if tr.Symbol("FAKE") != nil {
		t.Error("a help text was read as statements")
	}
	for name, want := range map[string]string{
		"PCI": "PCI", "USB_UHCI": "UHCI", "XZ": "xz", "TYPE": `A \"name\"`, "HAS_IOPORT": "", "64BIT": "",
	} {
		s := tr.Symbol(name)
		if s == nil || len(s.Defs) != 1 {
			t.Errorf("%s: not defined once", name)
			continue
		}
		if got := s.Defs[0].Prompt; got != want {
			t.Errorf("%s: prompt %q, want %q", name, got, want)
		}
	}
	d := tr.Symbol("USB_UHCI").Defs[0]
	if got, want := (andExpr{d.conditions()}).String(), "((USB_PCI && HAS_IOPORT) || OTHER) && USB_PCI && !QUIET && (EXPERT || PCI)"; got != want {
		t.Errorf("conditions of USB_UHCI:\n got %s\nwant %s", got, want)
	}
	if d.Line != 24 || d.File != "Kconfig" {
		t.Errorf("USB_UHCI is at %s:%d", d.File, d.Line)
	}
	if c := tr.Symbol("XZ").Defs[0].Choice; c == nil || c.Prompt != "Compression" || len(c.Members) != 4 {
		t.Errorf("choice of XZ: %+v", c)
	}
	if d := tr.Symbol("MITIGATION_RETPOLINE").Defs[0]; len(d.conditions()) != 0 {
		t.Errorf("the menu's conditions outlived it: %v", d.conditions())
	}
}

func TestReadTreeSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"config A\n\tbool \"a\"\n\tdepends on B &&\n": "Kconfig:3:",
		"config A\n\tbool \"a\"\n\tgarbage here\n":    "Kconfig:3:",
		"source \"nowhere\"\n":                        "nowhere",
	} {
		_, err := ReadTree(fstest.MapFS{"Kconfig": {Data: []byte(text)}}, "Kconfig", nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func TestExplain(t *testing.T) {
	tr := fixtureTree(t)
	pci := Config{"PCI": "y"}
	for _, tc := range []struct {
		name   string
		symbol string
		value  string
		config Config
		want   string
	}{
		{"unmet symbol that can be asked for", "USB_UHCI", "y", Config{"PCI": "y", "HAS_IOPORT": "y"}, "USB_PCI=n (ask for it too)"},
		{"the whole or, with values", "USB_UHCI", "y", Config{"PCI": "y", "USB_PCI": "y"}, "(USB_PCI && HAS_IOPORT) || OTHER (HAS_IOPORT=n, OTHER=n, USB_PCI=y)"},
		{"unmet symbol that is blocked itself", "USB_UHCI", "y", Config{"OTHER": "y"}, "USB_PCI=n (needs PCI)"},
		{"menu that is not visible", "FORCER", "y", Config{"QUIET": "y"}, "!QUIET (QUIET=y)"},
		{"no such symbol, renamed", "RETPOLINE", "y", pci, "similar: MITIGATION_RETPOLINE"},
		{"no such symbol", "NONSENSE_X", "y", pci, "no Kconfig file of this kernel"},
		{"selected although not wanted", "FORCED", "n", Config{"FORCED": "y", "FORCER": "y"}, "selected by FORCER"},
		{"only selected", "LED", "y", pci, "no prompt and is selected by USB_UHCI"},
		{"worked out", "64BIT", "y", pci, "worked out from other symbols"},
		{"other member of a choice", "ZST", "y", Config{"GZ": "y"}, `the choice "Compression" went to GZ`},
		{"member of a choice with its own dependency", "XZ", "y", Config{"GZ": "y"}, "HAVE_XZ=n"},
		{"range", "CPUS", "4096", pci, "between 2 and 512"},
		{"condition around", "CPUS", "4", Config{"CPUS": "n"}, "PCI!=n (PCI=n)"},
		{"toolchain", "IBT", "y", pci, "$(cc-option,-fcf-protection=branch -mindirect,x) (a test of the toolchain)"},
		{"all met", "PCI", "n", pci, "its dependencies are met"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tr.Explain(Miss{Request: Request{Symbol: tc.symbol, Value: tc.value}}, tc.config)
			if !strings.Contains(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestExprEval(t *testing.T) {
	c := Config{"A": "y", "M": "m", "N": "64", "S": "text", "H": "0x10"}
	for text, want := range map[string]tri{
		"A": yes, "B": no, "!B": yes, "A && !B": yes, "A && B": no, "B || A": yes,
		"M": no, "m": no, "y": yes, "n": no,
		"N >= 32": yes, "N < 32": no, "N=64": yes, "N != 64": no, "H = 16": yes,
		`S = "text"`: yes, `S=""`: no, "B=n": yes, "A!=y": no,
		"B || A && B": no, "(B || A) && A": yes,
		"$(cc-option,-a)": maybe, "!$(cc-option,-a)": maybe, "A || $(x)": yes, "B && $(x)": no,
	} {
		e, err := parseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.eval(c); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
	c["MODULES"] = "y"
	if e, _ := parseExpr("M && A"); e.eval(c) != maybe {
		t.Error("with modules, M=m must be m")
	}
	for _, bad := range []string{"", "A &&", "(A", "A)", "&& A", "A B", "A = "} {
		if _, err := parseExpr(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
