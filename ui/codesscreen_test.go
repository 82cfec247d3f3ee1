package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// The line is what counts: the table takes codes into it and drops them.
func TestCodesTakeAndDrop(t *testing.T) {
	find := func(word string) []string { return []string{"/", word, "enter"} }
	for name, tt := range map[string]struct {
		press [][]string
		want  string
	}{
		"a word":                      {[][]string{find("noembed"), {"space"}}, "noembed"},
		"and back":                    {[][]string{find("noembed"), {"space", "space"}}, ""},
		"a value":                     {[][]string{{"space", "box", "enter"}}, "host=box"},
		"a value that is being typed": {[][]string{{"space", "bo"}}, "host=bo"},
		"a value, by tab":             {[][]string{{"tab", "box", "tab"}}, "host=box "},
		"no value":                    {[][]string{{"space", "enter"}}, ""},
		"a value taken back":          {[][]string{{"space", "box", "enter", "tab", "x", "esc"}}, "host=box"},
		"a value changed":             {[][]string{{"space", "box", "enter", "tab", "x", "enter"}}, "host=boxx"},
		"a value emptied":             {[][]string{{"space", "box", "enter", "tab", "ctrl+u", "enter"}}, ""},
		"a value dropped":             {[][]string{{"space", "box", "enter", "space"}}, ""},
		"a value with a space":        {[][]string{find("dockerd"), {"space", "--debug --mtu=1400", "enter"}}, `docker="--debug --mtu=1400"`},
		"several":                     {[][]string{find("fixed address"), {"space", "10.0.0.1/24", "enter", "space", "10.0.0.2/24", "enter"}}, "ip=10.0.0.1/24 ip=10.0.0.2/24"},
		"other words stay":            {[][]string{{"shift+tab", "nosmt quiet", "tab"}, find("noembed"), {"space"}}, "nosmt quiet noembed"},
		"behind the last row":         {[][]string{{"end", "down", "nosmt"}}, "nosmt"},
		"what is said twice":          {[][]string{{"shift+tab", "host=a host=b", "tab"}, find("host name"), {"space"}}, ""},
		"letters are none in a list":  {[][]string{{"nosmt"}}, ""},
	} {
		r := newRig(t, &testHouse{}).goTo("Boot codes")
		for _, p := range tt.press {
			r.press(p...)
		}
		if got := r.m.screen.(*codesScreen).line.Value(); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// What is in the line is in the table, and the table's cursor goes with what is
// typed.
func TestCodesLineAndTable(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Boot codes").press("shift+tab", "user=ada us").sees("[x] user=ada")
	r.press("ctrl+u", "regstry-mirror").sees("did you mean", "[ ] registry-mirror=URL")
	r.press("ctrl+u", `docker="--de`, "tab", "space").sees("has to be mended first", "Line docker").press(`bug"`, "tab").sees(`[x] docker=--debug`)
	// A paste goes to the line, a private key nowhere.
	r = newRig(t, &testHouse{}).goTo("Boot codes")
	r.send(tea.PasteMsg{Content: "nosmt mitigations=off"})
	r.sees("Line nosmt mitigations=off").press("ctrl+u", "tab", "space")
	r.send(tea.PasteMsg{Content: "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"})
	if r.sees("Private key refused"); strings.Contains(r.view(), "BEGIN") {
		t.Errorf("a value shows a private key:\n%s", r.view())
	}
	// The filter goes first, then the screen.
	newRig(t, &testHouse{}).goTo("Boot codes").press("/", "mirror").sees("registry-mirror").press("enter", "esc").at("Boot codes").sees("host=NAME").press("esc").at("Host name")
}

func TestCodesAnswer(t *testing.T) {
	r := newRig(t, &testHouse{})
	r.goTo("Boot codes").press("shift+tab", "noembed=1", "enter").at("Boot codes").sees("takes no value")
	r.press("ctrl+u", "host=box secure superuser").sees("secure wins over superuser").press("enter").at("Memory")
	if got := r.m.flow.Plan().BootCodes; got != "host=box secure superuser" {
		t.Errorf("%q", got)
	}
	r.press("esc").at("Boot codes").press("tab").sees("host=box").press("x", "enter", "enter").at("Memory")
	if got := r.m.flow.Plan().BootCodes; got != "host=boxx secure superuser" {
		t.Errorf("%q", got)
	}
}
