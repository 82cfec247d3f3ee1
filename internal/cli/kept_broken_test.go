package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/qcow2"
	"floe/qemu"
	"floe/steps"
)

// withQEMU gives the person a QEMU of the host's own, for amd64: a script that is the archive's
// QEMU but for what it does first, where "$1" is QEMU's first argument.
func (p *person) withQEMU(first string) {
	p.Helper()
	q, bin := archivetest.QEMU(p, arch.AMD64), p.TempDir()
	argv := append([]string{}, q.Argv...)
	for _, dir := range q.DataDirs {
		argv = append(argv, "-L", dir)
	}
	script := "#!/bin/sh\n" + first + "\nexec '" + strings.Join(argv, "' '") + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "qemu-system-x86_64"), []byte(script), 0o700); err != nil {
		p.Fatal(err)
	}
	p.env = append(append(p.env, "PATH="+bin+":"+os.Getenv("PATH")), q.Env...)
}

// killsItsFloe is a shell's way of killing the floe that runs it.
const killsItsFloe = "kill -9 $PPID"

// zeros makes an image that boots nothing.
func (p person) zeros() string {
	p.Helper()
	path := filepath.Join(p.home, "zeros.iso")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		p.Fatal(err)
	}
	return path
}

// folder is where the machine "box" keeps its files.
func (p person) folder() string { return filepath.Join(p.home, "state", "floe", "machines", "box") }

// TestUpKilledAsQEMUBegins: floe is killed at the very moment at which QEMU begins to
// run. The machine is there for every command all the same.
func TestUpKilledAsQEMUBegins(t *testing.T) {
	p := newPerson(t)
	p.withQEMU(`[ "$1" = --version ] || ` + killsItsFloe)
	if _, errs, code := p.floe("up", "box", "--arch", "amd64", "--image", p.zeros(), "--memory", "64", "--arch", "amd64", "--disk", ""); code != -1 {
		t.Fatalf("it was to be killed: %d\n%s", code, errs)
	}
	t.Cleanup(func() { p.floe("rm", "--force", "box") })
	box := p.list()["box"]
	if box.Condition != machines.Up || box.PID == 0 || box.SSHPort == 0 || p.machinesHere() != 1 {
		t.Fatalf("listed as %+v, and %d QEMUs run", box, p.machinesHere())
	}
	if _, errs, code := p.floe("rm", "box"); code != int(fault.Usage) || !strings.Contains(errs, "it runs") {
		t.Errorf("removed: %d\n%s", code, errs)
	}
	p.must("stop", "box")
	if now := p.list()["box"]; now.Condition != machines.Stopped || p.machinesHere() != 0 {
		t.Errorf("afterwards it is %+v, and %d QEMUs run", now, p.machinesHere())
	}
}

// TestQEMUGivesUp: a machine whose QEMU aborts before there is a kernel is started once
// more, and not again and again.
func TestQEMUGivesUp(t *testing.T) {
	p := newPerson(t)
	starts := filepath.Join(p.home, "starts")
	p.withQEMU(`[ "$1" = --version ] || { echo >>'` + starts + `'; { sleep 2; kill -ABRT $$; } & }`)
	_, errs, code := p.floe("run", p.zeros(), "--detach", "--ephemeral", "--arch", "amd64", "--memory", "64")
	if text, _ := os.ReadFile(starts); string(text) != "\n\n" || code != int(fault.Build) || !strings.Contains(errs, "signal: aborted") {
		t.Errorf("%d starts, exit status %d\n%s", len(text), code, errs)
	}
	if n := strings.Count(errs, "gave up before there was a kernel"); n != 2 { // begun and done
		t.Errorf("told %d times\n%s", n, errs)
	}
	if p.machinesHere() != 0 {
		t.Error("a QEMU is left")
	}
}

// TestStartBrokenOff: a start that was broken off before QEMU ran is not taken for
// the run before it.
func TestStartBrokenOff(t *testing.T) {
	p := newPerson(t)
	p.withQEMU(killsItsFloe)
	up := []string{"up", "box", "--arch", "amd64", "--image", p.zeros(), "--memory", "64", "--disk", ""}
	const told = `{"QMP": {"version": {}}}` + "\r\n" +
		`{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}` + "\r\n"
	for _, before := range []map[string]string{{}, {"events.qmp": told, "console.log": "of the run before\n"}} {
		for name, text := range before {
			if err := os.WriteFile(filepath.Join(p.folder(), name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if len(before) > 0 && !strings.Contains(p.list()["box"].Why, "from inside") {
			t.Fatalf("before: %+v", p.list())
		}
		if _, errs, code := p.floe(up...); code != -1 {
			t.Fatalf("it was to be killed: %d\n%s", code, errs)
		}
		if box := p.list()["box"]; box.Condition != machines.Dead || !strings.Contains(box.Why, "broken off while it was started") {
			t.Errorf("%+v", box)
		}
		if out, errs, code := p.floe("logs", "box"); code != int(fault.Missing) || out != "" || !strings.Contains(errs, "broken off") {
			t.Errorf("logs: %d, %q\n%s", code, out, errs)
		}
	}
}

// keeps has a machine that stays, and has not been started.
func (p person) keeps(name string) {
	p.Helper()
	sh := machines.Shelf{Home: qemu.Home{State: filepath.Join(p.home, "state", "floe", "machines")}}
	if err := sh.Save(name, machines.Spec{Arch: arch.AMD64, Image: p.zeros(), Memory: 64, CPUs: 1, Firmware: steps.AutoFirmware}); err != nil {
		p.Fatal(err)
	}
}

// TestDiskOfMachine: a data disk that was asked for is made without a runtime too, grows
// when more is asked for, in the machine's file too, and never gets smaller.
func TestDiskOfMachine(t *testing.T) {
	p := newPerson(t)
	p.withQEMU(killsItsFloe)
	disk := filepath.Join(p.home, "data", "floe", "disks", "box.qcow2")
	size := func() int64 {
		f, err := os.Open(disk)
		if err != nil {
			return 0
		}
		defer f.Close()
		n, err := qcow2.Size(f)
		if err != nil {
			t.Error(err)
		}
		return n >> 20
	}
	up := []string{"up", "box", "--arch", "amd64", "--image", p.zeros(), "--runtime", "none", "--memory", "64"}
	for _, tt := range []struct {
		more []string
		want int64
	}{
		{nil, 0},
		{[]string{"--disk", "64M"}, 64},
		{nil, 64},
		{[]string{"--disk", "2G"}, 2048},
	} {
		if _, errs, code := p.floe(append(up, tt.more...)...); code != -1 || size() != tt.want {
			t.Errorf("%q: %d, and its disk has %d MiB\n%s", tt.more, code, size(), errs)
		}
	}
	if _, errs, code := p.floe(append(up, "--disk", "1G")...); code != int(fault.Usage) || !strings.Contains(oneLine(errs), "of 2.0 GiB, and can only grow") || size() != 2048 {
		t.Errorf("smaller: %d, and its disk has %d MiB\n%s", code, size(), errs)
	}
	file := filepath.Join(p.folder(), "machine.toml")
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "disk = '2G'") {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "disk = '2G'", "disk = '3G'", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := p.floe("up", "box"); code != -1 || size() != 3072 {
		t.Errorf("by its file: %d, and its disk has %d MiB\n%s", code, size(), errs)
	}
	// The next machine of that name has it as it is.
	p.must("rm", "box")
	if _, errs, code := p.floe(up...); code != -1 || size() != 3072 {
		t.Errorf("the next one: %d, and its disk has %d MiB\n%s", code, size(), errs)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "disk = '3G'") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestWhileAnotherFloeBuilds: what is wanted of a machine whose image another floe is
// building is answered by that, until Ctrl-C ends that one.
func TestWhileAnotherFloeBuilds(t *testing.T) {
	p := newPerson(t)
	asked := make(chan struct{}, 100)
	archive := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer archive.Close()
	p.env = append(p.env, "FLOE_STORE="+filepath.Join(p.home, "store"), "FLOE_MIRROR="+archive.URL)
	up, _ := p.begin("up", "box", "--runtime", "none")
	<-asked
	it := fmt.Sprintf("another floe, process %d, is building its image", up.Process.Pid)
	if box := p.list()["box"]; box.Condition != machines.Busy || box.Why != it {
		t.Errorf("listed as %+v", box)
	}
	for _, tt := range []struct{ says, args string }{
		{fmt.Sprintf("kill %d", up.Process.Pid), "stop box"},
		{"then 'floe rm box'", "rm box"},
		{"then 'floe rm box'", "rm --force box"},
		{"waits until it is ready", "ssh box true"},
		{"wait until", "logs box"},
		{"wait until", "logs -f box"},
	} {
		if _, errs, code := p.floe(strings.Fields(tt.args)...); code != int(fault.Usage) || !strings.Contains(oneLine(errs), it) || !strings.Contains(oneLine(errs), tt.says) {
			t.Errorf("%s: %d\n%s", tt.args, code, errs)
		}
	}
	second, said := p.begin("up", "box")
	p.until("the second floe waits for the first", func() bool { return says(said, it) })
	for _, cmd := range []*exec.Cmd{second, up} {
		_ = cmd.Process.Signal(os.Interrupt)
		if code := p.ended(cmd); code != int(fault.Cancelled) {
			t.Errorf("Ctrl-C: %d", code)
		}
	}
	if box := p.list()["box"]; box.Condition != machines.Stopped || box.Why != "" {
		t.Errorf("afterwards it is %+v", box)
	}
	p.must("stop", "box")
	p.must("rm", "box")
}

// oneLine is a text without its line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestCtrlCWhileItBoots: on a terminal Ctrl-C ends the waiting for a machine, not the
// machine, and that is said.
func TestCtrlCWhileItBoots(t *testing.T) {
	p := newPerson(t)
	interrupt := func(again string, args ...string) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env, cmd.Dir = append(p.env, "TERM=xterm-256color", "LANG=C.UTF-8"), p.home
		c := openConsole(t, cmd)
		c.sees("Boot")
		c.keys("\x03").sees("machine box runs on", again, "powers it off")
		c.ends(int(fault.Cancelled))
	}
	t.Cleanup(func() { p.floe("rm", "--force", "box") })
	disk := filepath.Join(p.home, "data", "floe", "disks", "box.qcow2") // which neither of the two is given
	if err := makeDisk(disk, "512M"); err != nil {
		t.Fatal(err)
	}
	without := func() {
		if line := fmt.Sprintf("/proc/%d/cmdline", p.list()["box"].PID); says(line, disk) || !says(line, "zeros.iso") {
			text, _ := os.ReadFile(line)
			t.Errorf("QEMU is called by %q", text)
		}
	}
	interrupt("floe ssh --name box", "run", p.zeros(), "--name", "box", "--memory", "64", "--arch", "amd64", "--ephemeral", "--detach")
	without()
	if err := syscall.Kill(p.list()["box"].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.until("its QEMU is gone", func() bool { return p.machinesHere() == 0 })
	interrupt("floe up box", "up", "box", "--image", p.zeros(), "--memory", "64", "--arch", "amd64", "--disk", "")
	without()
	box := p.list()["box"]
	if box.Condition != machines.Up || p.machinesHere() != 1 {
		t.Errorf("it is %+v, and %d QEMUs run", box, p.machinesHere())
	}
	if err := syscall.Kill(box.PID, 0); err != nil {
		t.Error(err)
	}
	began := time.Now()
	p.must("rm", "--force", "box")
	if p.machinesHere() != 0 || time.Since(began) > time.Minute {
		t.Errorf("after %s %d QEMUs run", time.Since(began), p.machinesHere())
	}
}

// TestMachineThatBootsNothing: whoever waits for one is told in words that nothing
// comes, and that 'floe run' started it.
func TestMachineThatBootsNothing(t *testing.T) {
	p := newPerson(t)
	if err := os.WriteFile(filepath.Join(p.home, "zeros.iso"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	run, _ := p.begin("run", "zeros.iso", "--detach", "--ephemeral", "--memory", "64", "--arch", "amd64")
	p.until("a QEMU runs", func() bool { return p.list()["floe"].PID != 0 })
	pid := p.list()["floe"].PID
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	_ = run.Process.Kill()
	p.ended(run)
	for _, tt := range []struct {
		args []string
		code fault.Class
		says string
	}{
		{[]string{"ssh", "--wait", "1s", "true"}, fault.Build, "takes nobody in after 1s"},
		{[]string{"env"}, fault.Usage, "'floe run' started it"},
		{[]string{"up"}, fault.Usage, "'floe run' started one of that name"},
		{[]string{"run", "zeros.iso"}, fault.Usage, "it runs already"},
		{[]string{"logs", "--qemu", "--follow"}, fault.Usage, "follow"},
		// From here on there is one of that name that stays, and does not run.
		{[]string{"up"}, fault.Usage, "'floe run' started one of that name"},
		{[]string{"restart"}, fault.Usage, "'floe run' started it"},
		{[]string{"env"}, fault.Usage, "'floe run' started it"},
	} {
		if tt.args[0] == "logs" {
			p.keeps("floe")
		}
		if _, errs, code := p.floe(tt.args...); code != int(tt.code) || !strings.Contains(errs, tt.says) {
			t.Errorf("%q: %d\n%s", tt.args, code, errs)
		}
	}
	if left := p.list(); left["floe"].PID != pid {
		t.Errorf("now there is %+v", left)
	}
}
