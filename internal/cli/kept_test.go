package cli

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"floe/assemble/archivetest"
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
	return p.floeWithin(10*time.Minute, args...)
}

// floeWithin is floe, which may take that long.
func (p person) floeWithin(limit time.Duration, args ...string) (out, errs string, code int) {
	p.Helper()
	// Cleanups run it as well, when the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Context()), limit)
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

// begin starts floe in the background. What it says goes to the file that it
// gives.
func (p person) begin(args ...string) (cmd *exec.Cmd, said string) {
	p.Helper()
	f, err := os.CreateTemp(p.TempDir(), "said")
	if err != nil {
		p.Fatal(err)
	}
	defer f.Close()
	cmd = exec.CommandContext(p.Context(), os.Args[0], args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.home, f, f
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	return cmd, f.Name()
}

// until waits for a fact.
func (p person) until(what string, fact func() bool) {
	p.Helper()
	for deadline := time.Now().Add(10 * time.Minute); !fact(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("it never comes to this: %s", what)
		}
	}
}

// says tells whether a file has a text.
func says(path, text string) bool {
	all, _ := os.ReadFile(path)
	return strings.Contains(string(all), text)
}

// ended waits for a floe in the background and gives its exit code.
func (p person) ended(cmd *exec.Cmd) int {
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// machinesHere counts the QEMUs of this person.
func (p person) machinesHere() (n int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if says(path, p.home) && says(path, "console.log") {
			n++
		}
	}
	return n
}

// TestMachineStays takes a machine through its life: two floes start it at once
// and one of them is killed, it is rebooted, its QEMU is killed, twice, it comes
// back on the same ports, is restarted, powers itself off, and is removed.
func TestMachineStays(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine four times")
	}
	p := newPerson(t)
	archivetest.Seat(t)
	up := []string{"up", "box", "--runtime", "none", "--memory", "128", "--port", "0:80", "--share", p.home}
	t.Cleanup(func() { p.floe("stop", "box") })
	one, _ := p.begin(up...)
	p.until("a QEMU runs", func() bool { return p.list()["box"].PID != 0 })
	two, said := p.begin(up...)
	p.until("the second floe waits for the first", func() bool { return says(said, "another floe, process") })
	_ = one.Process.Kill()
	p.ended(one)
	if code := p.ended(two); code != 0 || p.machinesHere() != 1 {
		text, _ := os.ReadFile(said)
		t.Fatalf("of two floes the second ended with %d, and %d QEMUs run\n%s", code, p.machinesHere(), text)
	}
	first := p.list()["box"]
	if first.Condition != machines.Up || first.SSHPort == 0 || len(first.Ports) != 1 || strings.HasPrefix(first.Ports[0], "0:") {
		t.Fatalf("after up: %+v", first)
	}
	if out := p.must("ssh", "box", "id -un; ls "+machines.SharePoint); !strings.HasPrefix(out, "floe\n") || !strings.Contains(out, "state\n") {
		t.Errorf("ssh: %q", out)
	}
	if _, _, code := p.floe("ssh", "box", "exit 7"); code != 7 {
		t.Errorf("a command's exit status 7 became %d", code)
	}
	if out := p.run("sh", "-c", "echo through a pipe | "+os.Args[0]+" ssh box tr a-z A-Z"); out != "THROUGH A PIPE\n" {
		t.Errorf("through a pipe came %q", out)
	}
	image := filepath.Join(p.home, "state", "floe", "machines", "box", "floe.iso")
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	p.floe("ssh", "box", "tail /dev/zero") // more than there is, long after it has started
	p.until("its kernel ends a program", func() bool { return strings.Contains(p.must("logs", "box"), "Out of memory: Killed") })
	p.must(up...) // it runs: nothing to do, and it does without the file
	if again := p.list()["box"]; again.PID != first.PID {
		t.Errorf("started a second time: %+v, then %+v", first, again)
	}
	if _, _, code := p.floe("up", "box", "--memory", "160"); code != int(fault.Usage) {
		t.Errorf("changed while it runs: exit status %d", code)
	}
	p.floe("ssh", "box", "sudo reboot")
	p.until("it reboots", func() bool { return strings.Contains(p.must("logs", "box"), "floe: shutting down") })
	if out := p.must("ssh", "box", "ls "+machines.SharePoint); !strings.Contains(out, "state\n") {
		t.Errorf("after a reboot the shared folder has %q", out)
	}

	p.kill(first.PID)
	if _, errs, code := p.floe("ssh", "box", "true"); code != int(fault.Usage) || !strings.Contains(errs, "floe up box") {
		t.Errorf("ssh to a dead one: %d\n%s", code, errs)
	}
	if _, err := os.Stat(image); err == nil {
		t.Error("its image was built while it runs")
	}
	if logs := p.must("logs", "box"); !strings.Contains(logs, "floe: ssh ready") {
		t.Errorf("its console is\n%s", logs)
	}
	again, said := p.begin("up", "box")
	p.until("a QEMU runs again", func() bool { return p.list()["box"].PID != 0 })
	_ = syscall.Kill(p.list()["box"].PID, syscall.SIGKILL)
	if code := p.ended(again); code != int(fault.Build) || !says(said, "killed") {
		text, _ := os.ReadFile(said)
		t.Errorf("up, whose QEMU was killed, ended with %d\n%s", code, text)
	}

	p.must("up", "box", "--memory", "160")
	second := p.list()["box"]
	if second.Condition != machines.Up || second.SSHPort != first.SSHPort || second.Ports[0] != first.Ports[0] || second.Memory != 160 || second.PID == first.PID {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if _, _, code := p.floe("rm", "box"); code != int(fault.Usage) {
		t.Errorf("removed while it runs: exit status %d", code)
	}
	if _, errs, code := p.floe("restart", "bos"); code != int(fault.Usage) || !strings.Contains(errs, `did you mean "box"?`) || p.list()["box"].PID != second.PID {
		t.Errorf("restart of nobody: %d\n%s", code, errs)
	}
	if _, errs, code := p.floe("restart", "box"); code != 0 || !strings.Contains(errs, "powered off") {
		t.Errorf("restart: %d\n%s", code, errs)
	}
	third := p.list()["box"]
	if third.Condition != machines.Up || third.SSHPort != second.SSHPort || third.Ports[0] != second.Ports[0] || third.Memory != second.Memory || third.PID == second.PID || p.machinesHere() != 1 {
		t.Errorf("second %+v, after its restart %+v, and %d QEMUs run", second, third, p.machinesHere())
	}
	logs, said := p.begin("logs", "-f", "box")
	p.floe("ssh", "box", "sudo poweroff")
	if code := p.ended(logs); code != 0 || !says(said, "floe: shutting down") {
		t.Errorf("logs -f ended with %d", code)
	}
	if now := p.list()["box"]; now.Condition != machines.Stopped || !strings.Contains(now.Why, "from inside") {
		t.Errorf("after it powered itself off: %+v", now)
	}
	p.must("stop", "box") // it is off already
	p.must("rm", "box")
	if left := p.list(); len(left) > 0 {
		t.Errorf("left is %+v", left)
	}
	if _, err := os.Stat(filepath.Join(p.home, ".ssh", "config")); err == nil {
		t.Error("ssh's configuration still names floe")
	}
}

// kill kills a machine's QEMU, which is seen.
func (p person) kill(pid int) {
	p.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.Fatal(err)
	}
	p.until("its QEMU was killed, and it is dead", func() bool { return p.list()["box"].Condition == machines.Dead })
}

// TestImageGone has a machine whose image somebody took away, one too large for
// any host, one whose port is another program's, and one for which there is no QEMU.
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
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for flag, value := range map[string]string{"--ssh-port": port, "--port": port + ":80"} {
		if _, errs, code := p.floe("up", "box", "--image", image, flag, value); code != int(fault.Missing) || !strings.Contains(errs, "another program listens there") || !strings.Contains(errs, flag+" 0") {
			t.Errorf("%s: %d\n%s", flag, code, errs)
		}
	}
	if _, errs, code := p.floe("ssh", "bax", "true"); code != int(fault.Usage) || !strings.Contains(errs, `"bax" is no machine`) {
		t.Errorf("ssh to nobody: %d\n%s", code, errs)
	}
	if _, errs, code := p.floe("rm", "bax"); code != int(fault.Usage) || !strings.Contains(errs, "no such machine") {
		t.Errorf("rm of nobody: %d\n%s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(p.home, "state", "floe", "machines", ".bax.lock")); err == nil {
		t.Error("rm of nobody leaves a lock")
	}
	if left := p.list(); len(left) > 0 {
		t.Errorf("a machine that could not be is kept: %+v", left)
	}
	p.env = append(p.env, "PATH="+t.TempDir(), "FLOE_STORE="+filepath.Join(p.home, "store"), "FLOE_MIRROR=http://127.0.0.1:9")
	if _, errs, code := p.floe("up", "box", "--image", image, "--runtime", "none"); code != int(fault.Network) ||
		!strings.Contains(oneLine(errs), "bring QEMU") || !strings.Contains(errs, "not on the PATH") || !strings.Contains(errs, "install a recent qemu-system") || !strings.Contains(errs, "--mirror") {
		t.Errorf("no QEMU: %d\n%s", code, errs)
	}
}

// TestUpRefusesFirst: what could not start or be entered is refused before its image
// is built, and leaves no machine behind.
func TestUpRefusesFirst(t *testing.T) {
	p := newPerson(t)
	p.env = append(p.env, "FLOE_STORE="+filepath.Join(p.home, "store"), "FLOE_MIRROR=http://127.0.0.1:9") // nothing can be built
	for _, tt := range []struct {
		args []string
		code fault.Class
		says string
	}{
		{[]string{"demo", "--board", "rpi"}, fault.Usage, "it is for a board"},
		{[]string{"up", "--board", "rpi"}, fault.Usage, "it is for a board"},
		{[]string{"demo", "--ssh-key", "none"}, fault.Usage, "--ssh-key own"},
		{[]string{"up", "--ssh-key", "none"}, fault.Usage, "--ssh-key own"},
		{[]string{"demo", "--memory", "96"}, fault.Usage, "too little for docker"},
		{[]string{"up", "--memory", "96"}, fault.Usage, "too little for docker"},
		{[]string{"up", "--disk", "nonsense"}, fault.Usage, "--disk takes a size"},
		{[]string{"up", "--share", filepath.Join(p.home, "nowhere")}, fault.Missing, "is not a folder of this host"},
	} {
		if _, errs, code := p.floe(tt.args...); code != int(tt.code) || !strings.Contains(errs, tt.says) {
			t.Errorf("%q: %d\n%s", tt.args, code, errs)
		}
		if left := p.list(); len(left) > 0 {
			t.Errorf("%q leaves %+v", tt.args, left)
			p.must("rm", "floe")
		}
	}
}

// TestUserOfMachine: what reaches a machine logs in as the user that its boot codes
// name, whether it has ever run or not.
func TestUserOfMachine(t *testing.T) {
	p := newPerson(t)
	p.env = append(p.env, "FLOE_STORE="+filepath.Join(p.home, "store"), "FLOE_MIRROR=http://127.0.0.1:9") // nothing can be built
	if _, errs, code := p.floe("up", "box", "--runtime", "docker,podman", "--boot-codes", "user=ada", "--ssh-config=false"); code == 0 || !p.list()["box"].Kept {
		t.Fatalf("%d\n%s", code, errs)
	}
	out := p.must("env", "box", "--shell", "sh")
	for _, want := range []string{"DOCKER_HOST='ssh://ada@127.0.0.1:", "CONTAINER_HOST='ssh://ada@127.0.0.1:"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	// The next 'floe up', which says nothing of it, leaves ssh's configuration alone too.
	p.floe("up", "box")
	if file := filepath.Join(p.folder(), "machine.toml"); !says(file, "ssh-config = false") {
		text, _ := os.ReadFile(file)
		t.Errorf("that ssh is not told of it is not remembered:\n%s", text)
	}
	// What it is built from is gone: 'floe up' has no flag for that.
	if err := os.Remove(filepath.Join(p.folder(), "plan.toml")); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := p.floe("restart", "box"); code != int(fault.Usage) || !strings.Contains(oneLine(errs), "'floe rm box' and make the machine anew") {
		t.Errorf("without its plan: %d\n%s", code, errs)
	}
}

// TestRemoveWaitsForRun: a machine that 'floe run' is starting is not removed from
// under its hands.
func TestRemoveWaitsForRun(t *testing.T) {
	p := newPerson(t)
	dir := filepath.Join(p.home, "state", "floe", "machines", "box")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	starting := flock.New(filepath.Join(dir, "lock"))
	if err := starting.Lock(); err != nil {
		t.Fatal(err)
	}
	defer starting.Unlock()
	cmd, said := p.begin("rm", "box")
	ended := make(chan int, 1)
	go func() { ended <- p.ended(cmd) }()
	select {
	case code := <-ended:
		t.Fatalf("removed while it starts: %d", code)
	case <-time.After(2 * time.Second):
	}
	if err := starting.Unlock(); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != 0 {
		text, _ := os.ReadFile(said)
		t.Errorf("%d\n%s", code, text)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it is still there")
	}
}
