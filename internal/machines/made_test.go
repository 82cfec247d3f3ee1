package machines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"floe/qemu"
	"floe/steps"
)

var both = []string{steps.Docker, steps.Podman}

func testClients(t *testing.T) Clients {
	home := t.TempDir()
	return FindClients(func(string) string { return "" }, home)
}

func TestFindClients(t *testing.T) {
	env := map[string]string{"DOCKER_CONFIG": "/d", "XDG_CONFIG_HOME": "/x", "CONTAINERS_CONF": "/c.conf"}
	got := FindClients(func(k string) string { return env[k] }, "/h")
	if want := (Clients{"/d", "/x/containers/podman-connections.json", "/c.conf"}); got != want {
		t.Errorf("%+v", got)
	}
	if got := testClients(t); !strings.HasSuffix(got.Docker, "/.docker") || !strings.HasSuffix(got.Podman, "/.config/containers/podman-connections.json") {
		t.Errorf("%+v", got)
	}
}

// box is a shelf with a machine.
func box(t *testing.T) Shelf {
	t.Helper()
	s := testShelf(t)
	if err := s.Save("box", good()); err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(t *testing.T, s Shelf, c Clients, port int) []string {
	t.Helper()
	told, notes, err := s.Connect("box", both, s.Targets("box", "ada", port, true), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(told)+len(notes) != len(both) { // a note is of an entry that is somebody's own
		t.Errorf("told are %q, notes %q", told, notes)
	}
	return notes
}

func TestConnectAndDisconnect(t *testing.T) {
	s, c := box(t), testClients(t)
	if got := s.Targets("box", "ada", 2222, false); got.Docker != "ssh://ada@127.0.0.1:2222" {
		t.Errorf("docker without ssh's configuration goes to %s", got.Docker)
	}
	write(t, c.Podman, `{"Connection":{"Default":"theirs","Connections":{"theirs":{"URI":"unix:///x","New":1}}},"Farm":{"List":{"f":["theirs"]}}}`)
	if notes := connect(t, s, c, 2222); len(notes) > 0 {
		t.Error(notes)
	}
	text, _ := os.ReadFile(c.Podman)
	for _, want := range []string{`"URI": "ssh://ada@127.0.0.1:2222/run/podman/podman.sock"`, `"New": 1`, `"Default": "theirs"`, `"Farm"`} {
		if !strings.Contains(indent(t, text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	connect(t, s, c, 3333) // the port has changed: ours is brought up to date
	if text, _ := os.ReadFile(c.Podman); !strings.Contains(string(text), ":3333/") || strings.Contains(string(text), ":2222/") {
		t.Errorf("%s", text)
	}
	if notes, err := s.Disconnect("box", c); err != nil || len(notes) > 0 {
		t.Error(notes, err)
	}
	text, _ = os.ReadFile(c.Podman)
	if strings.Contains(string(text), "floe") || !strings.Contains(indent(t, text), `"New": 1`) {
		t.Errorf("left is\n%s", text)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Docker, "contexts", "meta", "*")); len(left) > 0 {
		t.Errorf("left is %s", left)
	}
	if _, err := s.Disconnect("box", c); err != nil {
		t.Error("a second time:", err)
	}
}

// TestSomebodysOwnIsLeftAlone has entries of the machine's name from before,
// and entries that floe made and a person has changed since.
func TestSomebodysOwnIsLeftAlone(t *testing.T) {
	const podmanText = `{"Connection":{"Connections":{"floe-box":{"URI":"ssh://them@example.org/run/podman.sock"}}}}`
	const dockerText = `{"Name":"floe-box","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://example.org:2376"}}}`
	s, c := box(t), testClients(t)
	meta := dockerMeta(c.Docker, "floe-box")
	same := func(when string) {
		t.Helper()
		for path, want := range map[string]string{c.Podman: podmanText, meta: dockerText} {
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s: %s is now %s, %v", when, path, got, err)
			}
		}
	}
	write(t, c.Podman, podmanText)
	write(t, meta, dockerText)
	if notes := connect(t, s, c, 2222); len(notes) != 2 {
		t.Errorf("notes: %q", notes)
	}
	same("made before")
	if _, err := s.Disconnect("box", c); err != nil {
		t.Fatal(err)
	}
	same("removed")

	os.Remove(c.Podman)
	os.Remove(meta)
	connect(t, s, c, 2222)
	write(t, c.Podman, podmanText)
	write(t, meta, dockerText)
	connect(t, s, c, 2223)
	same("changed by a person, brought up to date")
	if _, err := s.Disconnect("box", c); err != nil {
		t.Fatal(err)
	}
	same("changed by a person, removed")

	// One that podman before version 5 keeps elsewhere.
	os.Remove(c.Podman)
	write(t, c.Older, "[engine.service_destinations.floe-box]\nuri = \"ssh://them@example.org/x\"\n")
	if notes := connect(t, s, c, 2222); len(notes) != 2 {
		t.Errorf("notes: %q", notes)
	}
	if _, err := os.Stat(c.Podman); err == nil {
		t.Error("podman has a connection twice")
	}
	// Entries that lead nowhere are there all the same.
	for path, text := range map[string]string{
		c.Podman: `{"Connection":{"Connections":{"floe-box":{"Identity":"/theirs"}}}}`,
		c.Older:  "[engine.service_destinations.floe-box]\nidentity = \"/theirs\"\n",
	} {
		os.Remove(c.Podman)
		os.Remove(c.Older)
		write(t, path, text)
		if notes := connect(t, s, c, 2222); len(notes) != 2 {
			t.Errorf("%s: notes: %q", path, notes)
		}
		if _, err := s.Disconnect("box", c); err != nil {
			t.Fatal(err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s is now %s", path, now)
		}
	}
	// A file that nobody can read is not written over.
	write(t, c.Podman, "{")
	if _, _, err := s.Connect("box", both, s.Targets("box", "ada", 1, true), c); err == nil {
		t.Error("a broken file was no error")
	}
	if text, _ := os.ReadFile(c.Podman); string(text) != "{" {
		t.Errorf("the broken file is now %s", text)
	}
}

// TestRuntimeThatWent: a machine that has docker no longer has no context either.
func TestRuntimeThatWent(t *testing.T) {
	s, c := box(t), testClients(t)
	connect(t, s, c, 2222)
	told, notes, err := s.Connect("box", []string{steps.Podman}, s.Targets("box", "ada", 2222, true), c)
	if err != nil || len(notes) > 0 || !slices.Equal(told, []string{steps.Podman}) {
		t.Errorf("told are %q, notes %q, %v", told, notes, err)
	}
	if _, err := os.Stat(dockerMeta(c.Docker, "floe-box")); err == nil {
		t.Error("docker's context is left")
	}
	if text, _ := os.ReadFile(c.Podman); !strings.Contains(string(text), ":2222/") {
		t.Errorf("podman's connection is gone as well: %s", text)
	}
}

// TestFarmsForgetIt: a connection that goes leaves the person's farms, which stay as they
// are otherwise.
func TestFarmsForgetIt(t *testing.T) {
	s, c := box(t), testClients(t)
	connect(t, s, c, 2222)
	text, err := os.ReadFile(c.Podman)
	if err != nil {
		t.Fatal(err)
	}
	const farm = `"Farm":{"Default":"all","List":{"all":["a",%s"b"],"alone":[%s],"odd":7},"New":[1]}`
	of := func(first, second string) string { return fmt.Sprintf(farm, first, second) }
	write(t, c.Podman, strings.TrimSuffix(strings.TrimSpace(string(text)), "}")+","+of(`"floe-box",`, `"floe-box"`)+"}")
	if _, err := s.Disconnect("box", c); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(c.Podman); !strings.Contains(string(text), of("", "")) {
		t.Errorf("left is %s", text)
	}
}

// TestDockerItself lets the docker client, where there is one, say what it
// finds.
func TestDockerItself(t *testing.T) {
	program, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("no docker client here")
	}
	s, c := box(t), testClients(t)
	docker := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = []string{"DOCKER_CONFIG=" + c.Docker, "HOME=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("docker %s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	connect(t, s, c, 2222)
	if got := docker("context", "inspect", "floe-box", "--format", "{{.Endpoints.docker.Host}}"); got != "ssh://floe-box\n" {
		t.Errorf("docker reads %q", got)
	}
	docker("context", "use", "floe-box")
	notes, err := s.Disconnect("box", c)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "context use default") {
		t.Errorf("%q, %v", notes, err)
	}
	docker("context", "use", "default")
	if got := docker("context", "ls", "-q"); got != "default\n" {
		t.Errorf("docker lists %q", got)
	}
}

// TestLinkStays: podman's file may be a link to a person's dotfiles.
func TestLinkStays(t *testing.T) {
	s, c := box(t), testClients(t)
	real := filepath.Join(t.TempDir(), "dotfiles", "podman.json")
	write(t, real, "{}")
	if err := os.MkdirAll(filepath.Dir(c.Podman), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, c.Podman); err != nil {
		t.Fatal(err)
	}
	connect(t, s, c, 2222)
	if to, err := os.Readlink(c.Podman); err != nil || to != real {
		t.Errorf("the link is gone: %q, %v", to, err)
	}
	if text, _ := os.ReadFile(real); !strings.Contains(string(text), ":2222/") {
		t.Errorf("%s", text)
	}
}

func TestSSHConfiguration(t *testing.T) {
	t.Run("plain", func(t *testing.T) { configureSSH(t, box(t)) })
	// What is a pattern elsewhere is a name like others here.
	dir := filepath.Join(t.TempDir(), "a[1]*?")
	s := Shelf{Home: qemu.Home{State: filepath.Join(dir, "machines")}, SSH: filepath.Join(dir, "ssh"), Identity: filepath.Join(dir, "id_ed25519")}
	if err := s.Save("box", good()); err != nil {
		t.Fatal(err)
	}
	if names, err := s.Names(); len(names) != 1 || err != nil {
		t.Errorf("%q, %v", names, err)
	}
	t.Run("pattern", func(t *testing.T) { configureSSH(t, s) })
}

func configureSSH(t *testing.T, s Shelf) {
	const own = "Host *\n    Compression yes\n"
	home := t.TempDir()
	config, real := filepath.Join(home, ".ssh", "config"), filepath.Join(home, "dotfiles", "ssh")
	write(t, real, own)
	if err := os.Chmod(real, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, config); err != nil {
		t.Fatal(err)
	}
	if err := s.TellSSH("box", "ada", 2222, "ssh-ed25519 AAAA", false); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if added, err := s.IncludeSSH(config); added != want || err != nil {
			t.Errorf("time %d: %v, %v", i, added, err)
		}
	}
	text, _ := os.ReadFile(real)
	if st, err := os.Lstat(config); err != nil || st.Mode()&os.ModeSymlink == 0 || !strings.HasSuffix(string(text), own) || strings.Count(string(text), "Include") != 1 {
		t.Errorf("%v %v:\n%s", st.Mode(), err, text)
	}
	if st, _ := os.Stat(real); st.Mode().Perm() != 0o644 {
		t.Errorf("its mode is now %v", st.Mode())
	}
	conf := filepath.Join(s.SSH, "box.conf")
	if text, _ := os.ReadFile(conf); !strings.Contains(string(text), "\n    User ada\n") {
		t.Errorf("ssh logs in as another:\n%s", text)
	}
	// Only where floe's own key opens the machine are an agent's keys left out.
	if text, _ := os.ReadFile(conf); strings.Contains(string(text), "IdentitiesOnly") {
		t.Errorf("the agent's keys are not asked, and floe's does not open it:\n%s", text)
	}
	if err := s.TellSSH("box", "ada", 2222, "ssh-ed25519 AAAA", true); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(conf); !strings.Contains(string(text), "\n    IdentitiesOnly yes\n") {
		t.Errorf("an agent's keys come first:\n%s", text)
	}
	// ssh -G prints what ssh makes of a configuration.
	if ssh, err := exec.LookPath("ssh"); err == nil {
		out, err := exec.CommandContext(t.Context(), ssh, "-F", config, "-G", "floe-box").CombinedOutput()
		for _, want := range []string{"hostname 127.0.0.1", "port 2222", "user ada", "hostkeyalias floe-box", "stricthostkeychecking true", "compression yes", "identityfile " + s.Identity, "identitiesonly yes"} {
			if err != nil || !strings.Contains(string(out), want+"\n") {
				t.Errorf("no %q: %v\n%s", want, err, out)
			}
		}
	}
	if removed, err := s.ExcludeSSH(config); removed || err != nil {
		t.Errorf("removed while there is a machine: %v, %v", removed, err)
	}
	// Podman notes host keys in known_hosts.
	hosts := filepath.Join(home, ".ssh", "known_hosts")
	const others = "[127.0.0.1]:2222 ssh-ed25519 BBBB\nexample.org ssh-ed25519 AAAA\n"
	write(t, hosts, "[127.0.0.1]:2222 ssh-ed25519 AAAA\n"+others)
	if err := s.ForgetKey("box", "ssh-ed25519 AAAA\n", hosts); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(hosts); !strings.HasPrefix(string(text), "[127.0.0.1]:2222 ssh-ed25519 AAAA\n") {
		t.Errorf("the key that it still has is gone: %q", text)
	}
	alone := filepath.Join(home, ".ssh", "alone")
	write(t, alone, "\n[127.0.0.1]:2222 ssh-ed25519 AAAA\n")
	if err := s.ForgetKey("box", "", alone); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(alone); err == nil {
		t.Error("a file with nothing in it is left")
	}
	if err := s.ForgetKey("box", "ssh-ed25519 CCCC", hosts); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(hosts); string(text) != others {
		t.Errorf("known_hosts is now %q", text)
	}
	if err := s.ForgetSSH("box"); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.ExcludeSSH(config); !removed || err != nil {
		t.Errorf("not removed: %v, %v", removed, err)
	}
	if text, _ := os.ReadFile(real); string(text) != own {
		t.Errorf("left is %q", text)
	}
}
