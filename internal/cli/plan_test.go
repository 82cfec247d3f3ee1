package cli

import (
	"io"
	"os"
	"strings"
	"testing"

	"floe/internal/fault"
)

// planTo runs 'floe plan' with its output going to out.
func planTo(out io.Writer, args ...string) error {
	cmd := planCommand(&terminal{Out: out, Err: io.Discard})
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.Execute()
}

// TestSavePlan: what a plan's file says stays, unless a flag says otherwise; and no
// plan is printed into the file that it is read from.
func TestSavePlan(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"--hostname", "box"}, {"--memory", "300"}} {
		if err := planTo(io.Discard, append(args, "--save", planFile)...); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(planFile)
	if err != nil || !strings.Contains(string(text), `hostname = 'box'`) || !strings.Contains(string(text), "memory = 300") {
		t.Fatalf("%s, %v", text, err)
	}
	if err := planTo(io.Discard, "--save", "no/such/folder"); fault.Code(err) != int(fault.Missing) {
		t.Errorf("%v", err)
	}
	for name, want := range map[string]int{planFile: int(fault.Usage), "other.toml": 0} {
		f, err := os.Create(name) // as the shell does
		if err != nil {
			t.Fatal(err)
		}
		err = planTo(f, "--toml")
		f.Close()
		if got := fault.Code(err); err != nil && got != want || err == nil && want != 0 {
			t.Errorf("%s: %v", name, err)
		} else if err != nil && !strings.Contains(fault.Hint(err), "--save") {
			t.Errorf("%s: %s", name, fault.Hint(err))
		}
	}
}

// TestPlanContradictions: one form of the plan at a time.
func TestPlanContradictions(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"--toml", "--explain"}, {"--toml", "--save", "x"}, {"--explain", "--save", "x"}} {
		if err := planTo(io.Discard, args...); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// TestRunContradictions: no flag of 'floe run' is passed over for another.
func TestRunContradictions(t *testing.T) {
	for _, args := range [][]string{{"--console", "--detach"}, {"--ephemeral", "--disk-size", "2G"}} {
		cmd := runCommand(&terminal{Out: io.Discard, Err: io.Discard})
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		if err := cmd.ValidateFlagGroups(); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
