package grub

import (
	"bytes"
	"strings"
	"testing"

	"floe/internal/fault"
)

func menuOf(t *testing.T, spec MenuSpec) string {
	t.Helper()
	files, err := Menu(spec)
	if err != nil {
		t.Fatal(err)
	}
	if files[0].Path != MenuFile {
		t.Fatalf("the first file is %s", files[0].Path)
	}
	return string(files[0].Data)
}

func minimal() MenuSpec {
	return MenuSpec{Title: "Floe 1.0", Initrds: []string{"boot/core.img", "/boot/personal.img"}, Args: []string{"quiet"}, Serial: []string{"ttyS0"}, Timeout: 3}
}

func TestMenu(t *testing.T) {
	menu := menuOf(t, minimal())
	for _, want := range []string{
		"set timeout=3\n",
		"set default=boot\n",
		"--id boot --hotkey=b {\n",
		"quiet toram\n",
		"\tfloe superuser base \"$@\"\n",
		"\tlinux /boot/vmlinuz console=tty0 console=ttyS0,115200 quiet\n",
		"\tlinux /boot/vmlinuz console=tty0 console=ttyS0,115200 quiet superuser base\n",
		"\tinitrd /boot/core.img /boot/personal.img\n",
		"if serial --unit=0 --speed=115200; then",
		"chainloader +1\n",
	} {
		if !strings.Contains(menu, want) {
			t.Errorf("no %q in\n%s", want, menu)
		}
	}
}

func TestConsoles(t *testing.T) {
	for name, tc := range map[string]struct {
		serial []string
		args   []string
		want   string
	}{
		"arm64":     {[]string{"ttyS0", "ttyAMA0"}, nil, "/boot/vmlinuz console=tty0 console=ttyS0,115200 console=ttyAMA0,115200\n"},
		"none":      {nil, []string{"quiet"}, "/boot/vmlinuz console=tty0 quiet\n"},
		"their own": {[]string{"ttyS0"}, []string{"console=ttyS1,9600"}, "/boot/vmlinuz console=ttyS1,9600\n"},
	} {
		spec := minimal()
		spec.Serial, spec.Args = tc.serial, tc.args
		if menu := menuOf(t, spec); !strings.Contains(menu, tc.want) {
			t.Errorf("%s: no %q in\n%s", name, tc.want, menu)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"host=floe":        "host=floe",
		"tce=LABEL=x/y":    "tce=LABEL=x/y",
		"":                 "''",
		"docker=--log a":   "'docker=--log a'",
		"a;reboot":         "'a;reboot'",
		"$root":            "'$root'",
		"it's":             `'it'\''s'`,
		"{x}":              "'{x}'",
		"proxy=http://h:1": "proxy=http://h:1",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestMenuRefuses(t *testing.T) {
	for name, change := range map[string]func(*MenuSpec){
		"newline in a word":  func(s *MenuSpec) { s.Args = []string{"a\nreboot"} },
		"quotation mark":     func(s *MenuSpec) { s.Args = []string{`a"b`} },
		"empty word":         func(s *MenuSpec) { s.Args = []string{""} },
		"title with umlauts": func(s *MenuSpec) { s.Title = "Flöe" },
		"help without key":   func(s *MenuSpec) { s.Help = []HelpPage{{Title: "Help"}} },
		"help with escape":   func(s *MenuSpec) { s.Help = []HelpPage{{Key: "f2", Title: "Help", Lines: []string{"\x1b[2J"}}} },
	} {
		spec := minimal()
		change(&spec)
		if _, err := Menu(spec); fault.Code(err) != int(fault.Usage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSetID(t *testing.T) {
	core := []byte("..search.file /" + Marker(ID{}) + " root..")
	got, err := SetID(core, ID{0xab, 15: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := "..search.file /boot/ab000000000000000000000000000001.floe root.."; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !bytes.Contains(core, []byte(Marker(ID{}))) {
		t.Error("the caller's image was changed")
	}
	for _, bad := range [][]byte{nil, got, append(core, core...)} {
		if _, err := SetID(bad, ID{1}); err == nil {
			t.Errorf("took %q", bad)
		}
	}
}
