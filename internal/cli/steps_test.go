package cli

import (
	"regexp"
	"strings"
	"testing"

	"floe/steps"
)

// TestEveryStepIsAFlag: what is asked can be said on the command line and in
// the environment too, and is explained.
func TestEveryStepIsAFlag(t *testing.T) {
	explained, _ := run(t, nil, "plan", "--explain")
	for _, s := range steps.All() {
		for _, text := range []string{"\n" + s.Key + "\n    " + s.Help, "flag: --" + s.Key + "   environment: " + s.Env()} {
			if !strings.Contains("\n"+explained, text) {
				t.Errorf("%q is not explained", text)
			}
		}
		value := s.Default
		if value == "" {
			continue
		}
		for _, way := range []string{s.Env() + "=" + value, ""} {
			args, env := []string{"plan"}, []string{way}
			if way == "" {
				args, env = append(args, "--"+s.Key, value), nil
			}
			origin := map[bool]string{true: "flag", false: "environment"}[way == ""]
			if out, code := run(t, env, args...); code != 0 || !regexp.MustCompile(`(?m)^ *`+s.Key+` .*`+origin).MatchString(out) {
				t.Errorf("%s by %s: exit code %d\n%s", s.Key, origin, code, out)
			}
		}
	}
	build := buildCommand(&terminal{})
	for _, s := range steps.All() {
		if f := build.Flags().Lookup(s.Key); f == nil || !strings.Contains(f.Usage, s.Help) {
			t.Errorf("%s is no flag of build", s.Key)
		}
	}
}

// TestEveryStepIsAsked: a step that is in the table is, without anything else being done for
// it, a question of the wizard and of plain mode, or a line of their reviews, and a key of
// floe.toml.
func TestEveryStepIsAsked(t *testing.T) {
	t.Parallel()
	flow, err := steps.NewFlow()
	if err != nil {
		t.Fatal(err)
	}
	toml, _ := run(t, nil, "plan", "--toml")
	for _, s := range steps.All() {
		if !regexp.MustCompile(`(?m)^(# )?` + s.Key + ` = `).MatchString(toml) {
			t.Errorf("%s is no key of\n%s", s.Key, toml)
		}
	}
	cmd := floe(t, nil, "--plain")
	cmd.Stdin = strings.NewReader(strings.Repeat("\n", 1+len(flow.Asked())) + "quit\n")
	out, _ := cmd.CombinedOutput()
	asked, review, _ := strings.Cut(string(out), "\nReview\n")
	c := openConsole(t, floe(t, nil))
	c.resize(80, 60) // so tall that no row is hidden
	c.sees("Start").keys("\r")
	for _, s := range flow.Asked() {
		if !strings.Contains(asked, ": "+s.Title+"\n"+s.Ask) {
			t.Errorf("%s is not asked in plain mode:\n%s", s.Key, asked)
		}
		c.sees(s.Ask).keys("\r")
	}
	c.sees("This is what will be built.")
	for _, s := range flow.Applying() {
		if !strings.Contains(review, ". "+s.Title+": ") {
			t.Errorf("%s is not in plain mode's review:\n%s", s.Key, review)
		}
		c.sees("  " + s.Title + "  ")
	}
	c.keys("\x03\x03")
	c.ends(130)
}
