package ui

import "testing"

// The line is what counts: the table takes codes into it and drops them.
func TestCodesTakeAndDrop(t *testing.T) {
	for name, tt := range map[string]struct {
		press []string
		want  string
	}{
		"take the first":          {[]string{"tab"}, "host="},
		"take one with a value":   {[]string{"down", "tab", "ada"}, "user=ada"},
		"finish a word":           {[]string{"quiet noem", "tab"}, "quiet noembed "},
		"take what was meant":     {[]string{"regstry-mirror", "tab"}, "registry-mirror="},
		"take by its help":        {[]string{"rescue", "down", "tab"}, "superuser "},
		"drop":                    {[]string{"noembed ", "down", "down", "down", "down", "down", "down", "down", "down", "down", "down", "down", "tab"}, ""},
		"repeat":                  {[]string{"ip=10.0.0.1/24 ip", "tab"}, "ip=10.0.0.1/24 ip="},
		"in the middle":           {[]string{"quiet", "home", "noemb", "tab", "us", "tab", "x"}, "noembed user=x quiet"},
		"nothing is like that":    {[]string{"zzzz=1", "tab"}, "zzzz=1"},
		"a value is not finished": {[]string{"tz=Europe/B", "tab"}, "tz="},
	} {
		r := newRig(t, &testHouse{})
		r.goTo("Boot codes").press(tt.press...)
		got := r.m.screen.(*codesScreen).input.Value()
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestCodesAnswer(t *testing.T) {
	r := newRig(t, &testHouse{})
	r.goTo("Boot codes").press("noembed=1", "enter").at("Boot codes").sees("takes no value")
	r.press("ctrl+u", "host=box secure superuser").sees("secure wins over superuser").press("enter").at("Memory")
	if got := r.m.flow.Plan().BootCodes; got != "host=box secure superuser" {
		t.Errorf("%q", got)
	}
}
