package cli

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/store"
)

// person is somebody with a home of their own, and the store of whoever runs
// the tests.
type person struct {
	*testing.T
	home string
	env  []string
}

func newPerson(t *testing.T) person {
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	run, err := os.MkdirTemp("", "floe-run-*") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	return person{t, home, append(os.Environ(), "CLI_TEST_FLOE=1", "FLOE_STORE="+dir, "HOME="+home, "XDG_RUNTIME_DIR="+run,
		"XDG_DATA_HOME="+filepath.Join(home, "data"), "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"DOCKER_CONFIG="+filepath.Join(home, "docker"), "SSH_AUTH_SOCK=")}
}

// floe runs floe and gives what it printed and its exit code.
func (p person) floe(args ...string) (out, errs string, code int) {
	p.Helper()
	// Cleanups run it as well, when the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Context()), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env, cmd.Dir = p.env, p.home
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if cmd.ProcessState == nil {
		p.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// must runs floe, which does what it should.
func (p person) must(args ...string) string {
	p.Helper()
	out, errs, code := p.floe(args...)
	if code != 0 {
		p.Fatalf("floe %s: exit status %d\n%s%s", args, code, out, errs)
	}
	return out
}

// list is what 'floe ls' says, by name.
func (p person) list() map[string]row {
	p.Helper()
	var rows []row
	if err := json.Unmarshal([]byte(p.must("ls", "--json")), &rows); err != nil {
		p.Fatal(err)
	}
	byName := map[string]row{}
	for _, r := range rows {
		byName[r.Name] = r
	}
	return byName
}

// TestMachineStays takes a machine through its life: it is made, its QEMU is
// killed, it comes back on the same ports, and is removed.
func TestMachineStays(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine twice")
	}
	p := newPerson(t)
	up := []string{"up", "box"}
	p.must(append(up, "--runtime", "none", "--memory", "128", "--port", "0:80", "--share", p.home)...)
	t.Cleanup(func() { p.floe("stop", "box") })
	first := p.list()["box"]
	if first.Condition != machines.Up || first.SSHPort == 0 || len(first.Ports) != 1 || strings.HasPrefix(first.Ports[0], "0:") {
		t.Fatalf("after up: %+v", first)
	}
	if out := p.must("ssh", "box", "id -un; ls "+machines.SharePoint); !strings.HasPrefix(out, "floe\n") || !strings.Contains(out, "state\n") {
		t.Errorf("ssh: %q", out)
	}
	p.must(up...) // it runs: nothing to do
	if again := p.list()["box"]; again.PID != first.PID {
		t.Errorf("started a second time: %+v, then %+v", first, again)
	}
	if _, _, code := p.floe(append(up, "--memory", "160")...); code != int(fault.Usage) {
		t.Errorf("changed while it runs: exit status %d", code)
	}

	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); p.list()["box"].Condition != machines.Dead; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("its QEMU was killed, and it is %+v", p.list()["box"])
		}
	}
	if _, errs, code := p.floe("ssh", "box", "true"); code != int(fault.Usage) || !strings.Contains(errs, "floe up box") {
		t.Errorf("ssh to a dead one: %d\n%s", code, errs)
	}
	if logs := p.must("logs", "box"); !strings.Contains(logs, "floe: ssh ready") {
		t.Errorf("its console is\n%s", logs)
	}

	p.must(append(up, "--memory", "160")...)
	second := p.list()["box"]
	if second.Condition != machines.Up || second.SSHPort != first.SSHPort || second.Ports[0] != first.Ports[0] || second.Memory != 160 || second.PID == first.PID {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if _, _, code := p.floe("rm", "box"); code != int(fault.Usage) {
		t.Errorf("removed while it runs: exit status %d", code)
	}
	p.must("stop", "box")
	if now := p.list()["box"].Condition; now != machines.Stopped {
		t.Errorf("after stop it is %s", now)
	}
	p.must("rm", "box")
	if left := p.list(); len(left) > 0 {
		t.Errorf("left is %+v", left)
	}
	if _, err := os.Stat(filepath.Join(p.home, ".ssh", "config")); err == nil {
		t.Error("ssh's configuration still names floe")
	}
}

// TestImageGone has a machine whose image somebody took away, and one too
// large for any host.
func TestImageGone(t *testing.T) {
	p := newPerson(t)
	image := filepath.Join(p.home, "x.iso")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := p.floe("up", "box", "--image", image+"x"); code != int(fault.Missing) || !strings.Contains(errs, "is gone") || !strings.Contains(errs, "--build") {
		t.Errorf("%d\n%s", code, errs)
	}
	if _, errs, code := p.floe("up", "box", "--image", image, "--memory", "1048576"); code != int(fault.Missing) || !strings.Contains(errs, "less memory") {
		t.Errorf("%d\n%s", code, errs)
	}
	if left := p.list(); len(left) > 0 {
		t.Errorf("a machine that could not be is kept: %+v", left)
	}
}
