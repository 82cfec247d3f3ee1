package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"floe/steps"
)

// TestMain lets this test's own binary be floe.
func TestMain(m *testing.M) {
	if os.Getenv("CLI_TEST_FLOE") != "" {
		os.Exit(Run(os.Args[1:]))
	}
	// The programs that the tests start must not inherit an ignored SIGHUP,
	// whatever started the tests: what is caught here is theirs to catch.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// floe prepares the real program in a home of its own, in a folder of its own.
func floe(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	return floeFor(t, time.Minute, env, args...)
}

// floeFor is floe, which may run that long.
func floeFor(t *testing.T, limit time.Duration, env []string, args ...string) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = filepath.Join(home, "work")
	if err := os.MkdirAll(cmd.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	noArchive := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(noArchive.Close)
	cmd.Env = append([]string{"CLI_TEST_FLOE=1", "HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "COLORFGBG=15;0",
		"TERM=xterm-256color", "FLOE_MIRROR=" + noArchive.URL, "FLOE_ARCH=amd64", "GOCOVERDIR=" + t.TempDir()}, env...)
	return cmd
}

// screens are those from the first question to the review.
var screens = []string{"Which processor", "What will run the containers?", "Who may log in?", "What is the machine called?", "The boot line will be", "stays for containers", "Where does the image go?", "This is what will be built."}

func TestWizardOnATerminal(t *testing.T) {
	t.Parallel()
	cmd := floe(t, nil)
	c := openConsole(t, cmd)
	c.sees("Start", "system", "FAIL  archive") // there is no archive, and that is said
	for _, s := range screens {
		c.keys("\r").sees(s)
		c.stays(s)
	}
	for i := len(screens) - 2; i >= 0; i-- {
		c.keys("\x1b").sees(screens[i])
	}
	c.keys("\r").sees(screens[1]).keys("\r").sees(screens[2]).keys("\r").sees(screens[3]).keys("-box")
	c.sees("floe-box")
	c.resize(60, 16)
	c.sees("floe-box", "enter go on")
	c.resize(40, 10)
	c.sees("60×16", "answers", "are kept")
	c.resize(100, 30)
	c.sees("floe-box", "Your Floe so far")
	c.resize(80, 24)
	c.sees("floe-box")
	c.keys("\x1b[200~-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n\x1b[201~").sees("Private key refused")
	c.keys("\x15box\r").sees("boot line").keys("\x1b[Zquiet\r").sees("containers").keys("\r").sees("image go").keys("\r").sees("box", "quiet")
	c.keys("p").sees("floe build --hostname box --boot-codes quiet").keys("\x1b").sees("will be built")
	c.keys("s").sees("Saved as floe.toml")
	source, err := steps.Load(filepath.Join(cmd.Dir, "floe.toml"))
	if err != nil || source.Given["hostname"][0] != "box" || len(source.Given) != len(steps.All())-1 { // all but the name of the image, which follows
		t.Errorf("floe.toml has %v, %v", source.Given, err)
	}
	// The build cannot begin without an archive; it says so, and can be tried again.
	c.keys("\r").sees("The build failed", "Try again")
	c.stays("The build failed", "Try again")
	c.keys("\r").sees("The build failed", "Try again").keys("l").sees("Log").keys("\x1b").sees("Try again")
	c.keys("\x1b").sees("will be built")
	c.keys("\x03").sees("Leave Floe?").keys("\x03")
	c.ends(130)
	if strings.Contains(c.raw.String(), "c2VjcmV0") {
		t.Error("the private key was shown")
	}
	// The answers are there again.
	again := floe(t, nil)
	again.Dir, again.Env = cmd.Dir, cmd.Env
	c = openConsole(t, again)
	c.sees("Resume", "Load floe.toml").keys("j\r").sees("will be built", "quiet")
	c.keys("\x03\x03")
	c.ends(130)
}

// TestWizardFieldsOnATerminal: the fields and lists inside of the questions, and
// what lies over them.
func TestWizardFieldsOnATerminal(t *testing.T) {
	t.Parallel()
	c := openConsole(t, floe(t, nil))
	c.sees("Start").stays("Start")
	c.keys("\r").sees(screens[0]).keys("\r").sees(screens[1]).keys("\r").sees(screens[2])
	for i, form := range []string{"Import public keys", "Paste a public key", "Make a new key"} {
		c.keys(strings.Repeat("j", i+1) + "\r").sees(form).keys("typed").sees("typed")
		c.stays(form, "typed")
		c.keys("\x1b").sees("Who may log in?").keys("g")
	}
	c.keys("/own").sees("/ own")
	c.stays("/ own")
	c.keys("\x1b").sees("No key").keys("\r").sees(screens[3]).keys("\r").sees(screens[4])
	c.keys(" my-box").sees("host=my-box", "host=my-box\n  The boot line")
	c.stays("host=my-box")
	c.keys("\r/noembed\r").sees("filter: noembed").keys(" ").sees("[x] noembed", "Line  host=my-box noembed")
	c.stays("filter: noembed", "[x] noembed")
	c.keys("\x1b").sees("The system and its console").keys("\x1b[Zx nosmt").sees("Line  host=my-box noembed x nosmt")
	c.stays("nosmt")
	c.keys("\t?").sees("Help", "Tab goes from a code")
	c.keys("\x03\x03")
	c.ends(130)
}

// TestWizardOnSignals: the terminal is clean after every way to end.
func TestWizardOnSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		c := openConsole(t, floe(t, nil))
		c.sees("Start").keys("\r").sees("Which processor")
		_ = c.cmd.Process.Signal(sig)
		c.ends(130)
	}
}

// TestWizardImports asks a server of the test's for keys.
func TestWizardImports(t *testing.T) {
	t.Parallel()
	line := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNQ5hdtrUVdHpyhnbtZlmNkHBFnqdsa1Ay/mnvOVwlS"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ada.keys":
			_, _ = w.Write([]byte(line + "\n"))
		case "/busy.keys":
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	c := openConsole(t, floe(t, []string{"FLOE_GITHUB_URL=" + server.URL, "FLOE_GITLAB_URL=http://127.0.0.1:1"}))
	c.sees("Start").keys("\r").sees("processor").keys("\r").sees("containers?").keys("\r").sees("Who may log in?", "No key").keys("j\r").sees("Import public keys")
	c.keys("nobody\r").sees("there is no such user")
	c.keys("\x15busy\r").sees("asked too often")
	c.keys("\x15ada\t\r").sees("cannot be reached").keys("\t\t\r").sees("1 key of ada at GitHub", "SHA256:", "[ ] no comment")
	c.keys(" ").sees("[x] no comment").keys("\r").sees("machine called")
	c.keys("\x03\x03")
	c.ends(130)
}

// coloured matches what sets a colour.
var coloured = regexp.MustCompile("\x1b\\[[0-9;]*\\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])\\b[0-9;]*m")

// TestWizardLooks: terminals of other kinds.
func TestWizardLooks(t *testing.T) {
	t.Parallel()
	c := openConsole(t, floe(t, []string{"TERM=linux"}))
	c.sees("> Start").keys("\r").sees("processor").keys("\r").sees("containers?").keys("\r").sees("> [x] floe's own key", "@--o")
	c.keys("\x03\x03")
	c.ends(130)
	for _, env := range []string{"NO_COLOR=", "NO_COLOR=1", "NO_COLOR=0"} {
		c = openConsole(t, floe(t, []string{env}))
		c.sees("Start").keys("\r").sees("processor").keys("\r").sees("containers?").keys("\x03\x03")
		c.ends(130)
		if coloured.MatchString(c.raw.String()) {
			t.Errorf("colours with %s", env)
		}
	}
	c = openConsole(t, floe(t, nil))
	c.sees("Start").keys("\x03\x03")
	c.ends(130)
	if !coloured.MatchString(c.raw.String()) {
		t.Error("no colours without NO_COLOR")
	}
	for _, env := range []string{"TERM=dumb", "FLOE_PLAIN=1", "ACCESSIBLE=1"} {
		c = openConsole(t, floe(t, []string{env}))
		c.sees("How to begin", "Number [1]:").keys("1\n").sees("Question 1 of").keys("quit\n")
		c.ends(130)
		if strings.Contains(c.raw.String(), "\x1b") {
			t.Errorf("%s: escape sequences", env)
		}
	}
}

// TestBareFloeWithoutATerminal: nobody is there to answer.
func TestBareFloeWithoutATerminal(t *testing.T) {
	t.Parallel()
	out, err := floe(t, nil).Output()
	if err != nil || !strings.Contains(string(out), "Usage") {
		t.Errorf("%v\n%s", err, out)
	}
	cmd := floe(t, nil, "--plain")
	cmd.Stdin = strings.NewReader("1\n1\n1\n1\n")
	out, _ = cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "--hostname NAME") {
		t.Errorf("exit code %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
}

// TestWizardWithoutASize: a serial console that tells no size counts as 80×24.
func TestWizardWithoutASize(t *testing.T) {
	t.Parallel()
	c := openConsoleOf(t, floe(t, nil), 0, 0)
	c.sees("Start", "Floe builds a tiny Linux").keys("\r").sees(screens[0], "p command line · ctrl+c leave").keys("\r").sees(screens[1], "▄▀▄▀▄")
	c.keys("\x03").sees("Leave Floe?").keys("\x03")
	c.ends(130)
}
