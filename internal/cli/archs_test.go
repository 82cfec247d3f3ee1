package cli

import (
	"io"
	"os"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/steps"
)

// TestForThisMachine: what is made for this machine, or told of it, is for its architecture
// unless somebody names another, and the help says so. A build is for the same one
// everywhere.
func TestForThisMachine(t *testing.T) {
	for name, want := range map[string]string{
		"demo": "this machine's", "up": "this machine's", "run": "the image's", "serve": "this machine's",
		"pack": "this machine's", "doctor": "this machine's", "build": "amd64", "plan": "amd64",
	} {
		cmd, _, err := rootCommand(&terminal{Out: io.Discard, Err: io.Discard}).Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		if got := cmd.Flags().Lookup(archKey).DefValue; got != want {
			t.Errorf("%s: without --arch it is said to be %s, not %s", name, got, want)
		}
	}
}

// TestRunsWhatWasMade: without a name 'floe run' boots what 'floe demo' has made, and what
// 'floe build' has if there is nothing else.
func TestRunsWhatWasMade(t *testing.T) {
	amd, arm := floeImage(t, arch.AMD64), floeImage(t, arch.ARM64)
	for _, tt := range []struct {
		file  string
		args  string
		there map[string]string // images
		want  string            // and its architecture
	}{
		{"", "", nil, "floe-arm64.iso arm64"},
		{"", "", map[string]string{"floe-arm64.iso": arm, "floe-amd64.iso": amd}, "floe-arm64.iso arm64"},
		{"", "", map[string]string{"floe-amd64.iso": amd}, "floe-amd64.iso amd64"},
		{"", "--arch amd64", map[string]string{"floe-arm64.iso": arm}, "floe-amd64.iso amd64"},
		{"", "--firmware bios", map[string]string{"floe-amd64.iso": amd}, "floe-amd64.iso amd64"},
		{"arch = 'amd64'", "", map[string]string{"floe-arm64.iso": arm}, "floe-amd64.iso amd64"},
		{"output = 'box-ARCH.iso'", "", map[string]string{"box-amd64.iso": amd, "floe-arm64.iso": arm}, "box-amd64.iso amd64"},
		{"output = 'box-ARCH.iso'", "", map[string]string{"box-arm64.iso": arm}, "box-arm64.iso arm64"},
	} {
		t.Chdir(t.TempDir())
		for name, from := range tt.there {
			if err := os.Symlink(from, name); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(planFile, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := runCommand(&terminal{Out: io.Discard, Err: io.Discard})
		if err := cmd.ParseFlags(strings.Fields(tt.args)); err != nil {
			t.Fatal(err)
		}
		plan, image, err := planToRun(cmd, arch.ARM64, nil)
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
		} else if got := image + " " + plan.Arch.String(); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// TestWizardKnowsThisMachine: the wizard begins with the architecture of the machine that it
// runs on, whether there is a plan in the folder or not, unless that or the environment names
// another.
func TestWizardKnowsThisMachine(t *testing.T) {
	for _, tt := range []struct{ env, file, want string }{
		{"", "", "arm64"}, {"amd64", "", "amd64"}, {"", "hostname = 'box'", "arm64"}, {"", "arch = 'amd64'", "amd64"},
		{"arm64", "arch = 'amd64'", "arm64"},
	} {
		t.Chdir(t.TempDir())
		t.Setenv("FLOE_ARCH", tt.env)
		if tt.file != "" {
			if err := os.WriteFile(planFile, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		list := (&house{terminal: &terminal{}, host: arch.ARM64}).Beginnings()
		b := list[0]
		if tt.file != "" {
			b = list[len(list)-1]
		}
		flow, err := steps.NewFlow(b.Sources...)
		if err != nil {
			t.Fatal(err)
		}
		if got := flow.Plan().Arch.String(); got != tt.want {
			t.Errorf("%+v, %s: %s", tt, b.Title, got)
		}
	}
}
