package userland

import (
	"errors"
	"strings"
	"testing"

	"floe/assets"
)

func embeddedList(t *testing.T) []Symbol {
	t.Helper()
	text, err := assets.Userland.ReadFile("userland/busybox.config")
	if err != nil {
		t.Fatal(err)
	}
	list, err := ParseList(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestParseListMistakes(t *testing.T) {
	for _, text := range []string{"ASH\nASH\n", "ASH ASH=n\n", "=y\n", "ASH=\n", "ash\n", "CONFIG-ASH\n", "ASH # words\n"} {
		if list, err := ParseList(text); err == nil {
			t.Errorf("%q gives %v", text, list)
		}
	}
}

const oldConfig = `# CONFIG_ASH is not set
CONFIG_HISTORY=0
CONFIG_EXEC=""
CONFIG_DEFAULT=y
# CONFIG_LEFT is not set
`

func TestApplyAndCheck(t *testing.T) {
	list, err := ParseList("# all\nASH HISTORY=128\nEXEC=\"/proc/self/exe\" DEFAULT=n\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Apply(oldConfig, list)
	if err != nil {
		t.Fatal(err)
	}
	want := `CONFIG_ASH=y
CONFIG_HISTORY=128
CONFIG_EXEC="/proc/self/exe"
# CONFIG_DEFAULT is not set
# CONFIG_LEFT is not set
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if err := Check(got, list); err != nil {
		t.Error(err)
	}
}

// What oldconfig drops is named, each with the line that asked for it.
func TestCheckNamesWhatWasDropped(t *testing.T) {
	list, err := ParseList("ASH\nHISTORY=128\nDEFAULT\n")
	if err != nil {
		t.Fatal(err)
	}
	err = Check(oldConfig, list)
	var missed ConfigError
	if !errors.As(err, &missed) || len(missed) != 2 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"ASH=y (busybox.config, line 1) became \"# CONFIG_ASH is not set\"",
		"HISTORY=128 (busybox.config, line 2) became \"CONFIG_HISTORY=0\"",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestUnknownSymbol(t *testing.T) {
	list := []Symbol{{Name: "ASH", Value: "y", Line: 1}, {Name: "ASHH", Value: "y", Line: 2}}
	for name, err := range map[string]error{
		"Apply": func() error { _, err := Apply(oldConfig, list); return err }(),
		"Check": Check("CONFIG_ASH=y\n", list),
	} {
		if err == nil || !strings.Contains(err.Error(), "ASHH (busybox.config, line 2): busybox has no such symbol") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAppletLinks(t *testing.T) {
	links, err := appletLinks("/bin/sh\n/usr/bin/[\n/linuxrc\n/bin/busybox\n/usr/sbin/ntpd\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(links) != 3 || links["sh"] != "busybox" || links["["] != "busybox" || links["ntpd"] != "busybox" {
		t.Errorf("got %v", links)
	}
	if _, err := appletLinks("sh\n"); err == nil {
		t.Error("a name without a path is taken")
	}
	if _, err := appletLinks(""); err == nil {
		t.Error("an empty list is taken")
	}
}
