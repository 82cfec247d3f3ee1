package cli

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"floe/internal/arch"
	"floe/internal/fault"
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
		{"arm64", "arch = 'amd64'", "arm64"}, {"both", "", "arm64"}, {"", "arch = 'both'", "arm64"},
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

// TestOneNameInTheFile: a name for several images is refused wherever it comes from.
func TestOneNameInTheFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		text string
		code fault.Class
	}{{"output = 'box.iso'", fault.Usage}, {"output = 'box-ARCH.iso'", 0}, {"hostname = 'box'", 0}} {
		if err := os.WriteFile(planFile, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := buildCommand(&terminal{Out: io.Discard, Err: io.Discard})
		if err := cmd.ParseFlags([]string{"--arch", "amd64,arm64"}); err != nil {
			t.Fatal(err)
		}
		plans, err := resolvePlans(cmd)
		if refused := tt.code != 0; (err != nil) != refused || refused && fault.Code(err) != int(tt.code) || !refused && len(plans) != 2 {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

// TestArchitectures: several make a plan each, with names of their own, whoever names them.
// What is for trying the image out is in nobody's way.
func TestArchitectures(t *testing.T) {
	for _, tt := range []struct {
		file, env, args string
		want            string // names of images; "": refused
	}{
		{"", "", "", "floe-amd64.iso"},
		{"", "", "--arch arm64", "floe-arm64.iso"},
		{"", "", "--arch arm64,amd64", "floe-arm64.iso floe-amd64.iso"},
		{"", "", "--arch amd64,amd64", "floe-amd64.iso"},
		{"", "", "--arch both", "floe-amd64.iso floe-arm64.iso"},
		{"", "", "--arch both -o box-ARCH.iso", "box-amd64.iso box-arm64.iso"},
		{"", "", "--arch arm64 -o box-ARCH.iso", "box-arm64.iso"},
		{"", "", "--arch both -o box.iso", ""},
		{"", "", "--arch amd64,mips", ""},
		{"", "", "--board rpi", "floe-rpi.img"},
		{"", "", "--board rpi --arch amd64", ""},
		{"", "", "--board rpi --arch both", ""},
		{"firmware = 'bios'", "", "--arch both", "floe-amd64.iso floe-arm64.iso"},
		{"firmware = 'bios'\narch = 'amd64'", "", "--arch arm64", "floe-arm64.iso"},
		{"firmware = 'none'", "", "--arch both", ""},
		{"arch = 'both'", "", "", "floe-amd64.iso floe-arm64.iso"},
		{"arch = 'both'", "", "--arch arm64", "floe-arm64.iso"},
		{"arch = 'both'", "", "--board rpi", "floe-rpi.img"},
		{"arch = 'both'", "arm64", "", "floe-arm64.iso"},
		{"arch = 'amd64'", "arm64, amd64", "", "floe-arm64.iso floe-amd64.iso"},
		{"output = 'box.iso'", "both", "", ""},
		{"", "all", "", ""},
	} {
		cmd := buildCommand(&terminal{Out: io.Discard, Err: io.Discard})
		given(t, cmd, tt.file, tt.env, tt.args)
		plans, err := resolvePlans(cmd)
		var outputs []string
		for _, p := range plans {
			outputs = append(outputs, p.Output)
		}
		if got := strings.Join(outputs, " "); got != tt.want || (err != nil) != (tt.want == "") || err != nil && fault.Code(err) != int(fault.Usage) {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
	}
}

// given tells a command, in a folder of its own, what a plan's file, the environment and
// flags say.
func given(t *testing.T, cmd *cobra.Command, file, env, args string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("FLOE_ARCH", env)
	if err := os.WriteFile(planFile, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
		t.Fatal(err)
	}
}

// TestOneOfSeveral: what is of one machine takes its architecture of those that are named for
// builds, and no plan is written without the others.
func TestOneOfSeveral(t *testing.T) {
	for _, tt := range []struct {
		file, env, args string
		want            string // "": refused
	}{
		{"arch = 'both'", "", "", "arm64"},
		{"arch = 'amd64,arm64'", "", "", "arm64"},
		{"arch = 'both'", "amd64", "", "amd64"},
		{"", "both", "--arch amd64", "amd64"},
		{"", "amd64,mips", "", ""},
		{"", "", "--arch both", ""},
	} {
		cmd := packCommand(&terminal{Out: io.Discard, Err: io.Discard})
		given(t, cmd, tt.file, tt.env, tt.args)
		plan, err := planHere(cmd, arch.ARM64)
		if (err != nil) != (tt.want == "") || err == nil && plan.Arch.String() != tt.want {
			t.Errorf("%+v: %+v, %v", tt, plan, err)
		}
	}
	t.Chdir(t.TempDir())
	t.Setenv("FLOE_ARCH", "both")
	for args, code := range map[string]int{"--save x": int(fault.Usage), "--toml": int(fault.Usage), "--save x --arch arm64": 0, "": 0} {
		if err := planTo(io.Discard, strings.Fields(args)...); err != nil && fault.Code(err) != code || err == nil && code != 0 {
			t.Errorf("plan %s: %v", args, err)
		}
	}
}

// TestCompletesBoth: a shell offers for a build what names every architecture, and for nothing
// else.
func TestCompletesBoth(t *testing.T) {
	for name, want := range map[string]string{"build": "amd64 arm64 both", "demo": "amd64 arm64"} {
		var out strings.Builder
		root := rootCommand(&terminal{Out: io.Discard, Err: io.Discard})
		root.SetOut(&out)
		root.SetArgs([]string{"__completeNoDesc", name, "--arch", ""})
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.HasPrefix(got, want+" :") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
