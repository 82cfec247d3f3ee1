package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/fault"
	"floe/internal/machines"
	"floe/steps"
)

// clientCase is how a container client on this host is told of machines.
type clientCase struct {
	runtime string
	codes   string   // boot codes of the machine
	make    []string // an entry "floe-box" of the person's own
	forget  []string // removes it
	list    []string // prints every entry with where it leads
	theirs  string   // where the person's own leads
	ours    string   // where floe's leads, or begins to
	on      []string // begins a command for the machine
	byEnv   string   // asks the server that the environment names for its version
}

var clientCases = []clientCase{
	{
		runtime: steps.Docker,
		make:    []string{"docker", "context", "create", "floe-box", "--docker", "host=tcp://127.0.0.1:9"},
		forget:  []string{"docker", "context", "rm", "floe-box"},
		list:    []string{"docker", "context", "ls", "--format", "{{.Name}} {{.DockerEndpoint}}"},
		theirs:  "floe-box tcp://127.0.0.1:9", ours: "floe-box ssh://floe-box",
		on:    []string{"docker", "--context", "floe-box"},
		byEnv: "docker version --format '{{.Server.Version}}'",
	},
	{
		runtime: steps.Podman, codes: "user=ada",
		make:   []string{"podman", "system", "connection", "add", "floe-box", "ssh://them@127.0.0.1:9/x.sock"},
		forget: []string{"podman", "system", "connection", "rm", "floe-box"},
		list:   []string{"podman", "system", "connection", "list", "--format", "{{.Name}} {{.URI}}"},
		theirs: "floe-box ssh://them@127.0.0.1:9/x.sock", ours: "floe-box ssh://ada@127.0.0.1:",
		on:    []string{"podman", "--connection", "floe-box"},
		byEnv: "podman --remote version --format '{{.Server.Version}}'",
	},
}

// TestMachineForClients has the archive's docker and podman use a machine by
// what floe told them of it, from a machine that is built and started to one
// that is removed.
func TestMachineForClients(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and boots a machine for each runtime")
	}
	for _, c := range clientCases {
		t.Run(c.runtime, func(t *testing.T) { c.use(t) })
	}
}

func (c clientCase) use(t *testing.T) {
	p := newPerson(t)
	archivetest.Seat(t)
	p.installClients()
	write := func(name string, text []byte) string {
		path := filepath.Join(p.home, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Mkdir(filepath.Join(p.home, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("src/note", []byte("from the host\n"))

	p.run(c.make...)
	t.Cleanup(func() { p.floe("rm", "--force", "box") })
	if _, errs, code := p.floe("up", "box", "--runtime", c.runtime, "--boot-codes", c.codes, "--memory", "512", "--share", "src"); code != 0 || !strings.Contains(errs, "somebody's own") {
		t.Fatalf("up: exit status %d\n%s", code, errs)
	}
	if got := p.run(c.list...); !strings.Contains(got, c.theirs) {
		t.Errorf("the person's own entry is now\n%s", got)
	}
	p.run(c.forget...)
	p.must("up", "box") // it runs already; only the entry is missing
	if got := p.run(c.list...); !strings.Contains(got, c.ours) {
		t.Fatalf("floe's entry is\n%s", got)
	}

	plan, _, err := steps.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	root, err := new(terminal).containerRoot(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	p.run(append(c.on, "import", write("root.tar", root), "tiny")...)
	said := p.run(append(c.on, "run", "--rm", "--volume", machines.SharePoint+":/host", "tiny", "/bin/sh", "-c", "cat /host/note; echo inside >/host/made; uname -r")...)
	if !strings.HasPrefix(said, "from the host\n") || !strings.Contains(said, "-floe") {
		t.Errorf("a container says %q", said)
	}
	if text, err := os.ReadFile(filepath.Join(p.home, "src", "made")); err != nil || string(text) != "inside\n" {
		t.Errorf("what a container wrote into the shared folder: %q, %v", text, err)
	}
	if got := p.run("sh", "-c", p.must("env", "box", "--shell", "sh")+c.byEnv); got == "" {
		t.Error("by the environment nobody is reached")
	}

	if _, _, code := p.floe("rm", "box"); code != int(fault.Usage) {
		t.Errorf("removed while it runs: exit status %d", code)
	}
	if _, errs, code := p.floe("stop", "box"); code != 0 || !strings.Contains(errs, "powered off") {
		t.Errorf("stop: %d\n%s", code, errs)
	}
	p.must("rm", "--data", "box")
	if got := p.run(c.list...); strings.Contains(got, "floe-box") {
		t.Errorf("after rm there is\n%s", got)
	}
	if known, err := os.ReadFile(filepath.Join(p.home, ".ssh", "known_hosts")); err == nil && len(known) > 0 {
		t.Errorf("after rm ssh still knows %s", known)
	}
}

// installClients puts the archive's clients first on the person's PATH. Their
// ssh is the archive's too; it takes the home of the account, not HOME.
func (p *person) installClients() {
	p.Helper()
	root := archivetest.Tools(p, "checks-clients", "docker-cli", "openssh-client", "podman", "dash")
	bin := p.TempDir()
	for name, more := range map[string]string{"docker": "", "podman": "", "ssh": ` -F "$HOME/.ssh/config"`} {
		script := "#!/bin/sh\nexec '" + strings.Join(root.Direct("/usr/bin/"+name), "' '") + "'" + more + ` "$@"` + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			p.Fatal(err)
		}
	}
	p.env = append(p.env, "PATH="+bin+":"+os.Getenv("PATH"))
}

// run runs another program as the person, which does what it should.
func (p person) run(args ...string) string {
	p.Helper()
	script := `exec "$@"` // by the person's PATH, not this test's
	cmd := exec.CommandContext(p.Context(), "sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Env, cmd.Dir = p.env, p.home
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("%s: %v\n%s%s", args, err, out, errs.String())
	}
	return string(out)
}
