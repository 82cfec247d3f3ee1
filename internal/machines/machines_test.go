package machines

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/qemu"
	"floe/steps"
)

func testShelf(t *testing.T) Shelf {
	dir := t.TempDir()
	return Shelf{
		Home: qemu.Home{State: filepath.Join(dir, "machines"), Runtime: filepath.Join(dir, "run")},
		SSH:  filepath.Join(dir, "ssh"), Identity: filepath.Join(dir, "id_ed25519"),
	}
}

func good() Spec {
	return Spec{Arch: arch.AMD64, Runtimes: []string{steps.Docker}, User: "ada", Image: "/i/floe.iso", Memory: 256, CPUs: 1,
		Firmware: "auto", Disk: "16G", SSHPort: 2222, Ports: []string{"8080:80", "9000:9000"}, Share: "/home/a b", SSHConfig: true}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSpecRoundTrip(t *testing.T) {
	s := testShelf(t)
	if err := s.Save("box", good()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load("box")
	want := good()
	want.Name = "box"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	text, _ := os.ReadFile(filepath.Join(s.Dir("box"), specFile))
	for _, line := range []string{"name = 'box'", "memory = 256", "cpus = 1", "disk = '16G'", "ports = ['8080:80', '9000:9000']", "share = '/home/a b'"} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	write(t, filepath.Join(s.Dir("copy"), specFile), string(text))
	if _, err := s.Load("copy"); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), `"box"`) {
		t.Errorf("a file of another machine's: %v", err)
	}
	write(t, filepath.Join(s.Dir("old"), specFile), strings.Replace(string(text), "name = 'box'\n", "", 1))
	if old, err := s.Load("old"); err != nil || old.Name != "old" {
		t.Errorf("a file without a name: %q, %v", old.Name, err)
	}
	spec, err := parseSpec([]byte(strings.Replace(string(text), "ssh-config = true\n", "", 1)))
	if err != nil || !spec.SSHConfig {
		t.Errorf("a file from before there was the key: %+v, %v", spec, err)
	}
	if _, err := s.Load("bax"); err == nil || !strings.Contains(fault.Hint(err), `"box"`) {
		t.Errorf("no nearest name: %v, %s", err, fault.Hint(err))
	}
	if err := os.MkdirAll(filepath.Join(s.Dir("dir"), specFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("dir"); err == nil || strings.Contains(err.Error(), "no such machine") || !strings.Contains(fault.Hint(err), "mend") {
		t.Errorf("a folder for a file: %v, %s", err, fault.Hint(err))
	}
}

func TestSpecRefusesWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Spec)
		says   string
	}{
		"arch":         {func(s *Spec) { s.Arch = "mips" }, "mips"},
		"image":        {func(s *Spec) { s.Image = "" }, "image"},
		"memory":       {func(s *Spec) { s.Memory = 1 }, "16"},
		"cpus":         {func(s *Spec) { s.CPUs = 0 }, "cpus"},
		"firmware":     {func(s *Spec) { s.Firmware = "coreboot" }, `"coreboot"`},
		"port":         {func(s *Spec) { s.Ports = []string{"80:"} }, `"80:"`},
		"port too big": {func(s *Spec) { s.Ports = []string{"80:65536"} }, "80:65536"},
		"port twice":   {func(s *Spec) { s.Ports = []string{"80:1", "80:2"} }, "twice"},
		"port of ssh":  {func(s *Spec) { s.Ports = []string{"2222:80"} }, "twice"},
		"share":        {func(s *Spec) { s.Share = "src" }, "absolute"},
	} {
		spec := good()
		tt.change(&spec)
		if err := spec.Check(); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, says := range map[string]string{
		"memory = \n":         "line 1",
		"memroy = 12\n":       "memroy",
		"memory = 'much'\n":   "line 1, column 10: memory: it is to be a whole number, not a TOML string",
		"ports = 80\n":        "ports: it is to be a list of texts in quotes, not a TOML integer",
		"ports = [80]\n":      "ports: it is to be a text in quotes, not a TOML integer",
		"arch = 3\n":          "arch: it is to be a text in quotes",
		"ssh-config = 'no'\n": "ssh-config: it is to be true or false",
		"":                    "arch",
	} {
		if _, err := parseSpec([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPortsAreChosenFreeAndKept(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	spec := good()
	spec.SSHPort, spec.Ports = 0, []string{"0:80", "0:81"}
	if err := spec.ChoosePorts("box"); err != nil {
		t.Fatal(err)
	}
	forwards, err := spec.Forwards()
	if err != nil || spec.SSHPort == 0 || forwards[0].Host == 0 || forwards[0].Host == forwards[1].Host || forwards[0].Host == spec.SSHPort {
		t.Errorf("%+v, %v", spec, err)
	}
	again := spec
	if err := again.ChoosePorts("box"); err != nil || !reflect.DeepEqual(again, spec) {
		t.Errorf("%+v, then %+v, %v", spec, again, err)
	}
	// The same wish again changes nothing; what is taken by now moves if it may.
	kept := spec.Ports[0]
	if movable, err := spec.TakePorts([]string{"0:80", "81"}); err != nil || !reflect.DeepEqual(movable, []int{80}) || spec.Ports[0] != kept || spec.Ports[1] != "81:81" {
		t.Errorf("%v, %v, %v", spec.Ports, movable, err)
	}
	spec.Ports = nil
	spec.SSHPort = taken.Addr().(*net.TCPAddr).Port
	moved := spec
	if err := moved.ChoosePorts("box", SSHGuestPort); err != nil || moved.SSHPort == spec.SSHPort || moved.SSHPort == 0 {
		t.Errorf("%+v, %v", moved, err)
	}
	if err := spec.ChoosePorts("box"); fault.Code(err) != int(fault.Missing) || !strings.Contains(fault.Hint(err), "--ssh-port 0") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
}

// TestHintKeepsOtherPorts: who does what is said of a port that is taken has the others
// as before.
func TestHintKeepsOtherPorts(t *testing.T) {
	var taken [2]net.Listener
	for i := range taken {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		taken[i] = l
	}
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	taken[0].Close()
	spec := good()
	spec.SSHPort, spec.Ports = 0, []string{fmt.Sprintf("%d:80", port(taken[0])), fmt.Sprintf("%d:81", port(taken[1]))}
	want := fmt.Sprintf("'floe up box --port %d:80 --port 0:81'", port(taken[0]))
	if err := spec.ChoosePorts("box"); err == nil || !strings.Contains(fault.Hint(err), want) {
		t.Errorf("no %s in %q: %v", want, fault.Hint(err), err)
	}
}

func TestOneFloeAtATime(t *testing.T) {
	s := testShelf(t)
	lock, err := s.Lock(t.Context(), "box", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	waited := ""
	if _, err := s.Lock(ctx, "box", func(other string) { waited = other }); err == nil || waited != "another floe has it in hand" {
		t.Fatalf("locked twice: %v, waited for %q", err, waited)
	}
	other, err := s.Lock(t.Context(), "bax", nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Release()
	var wg sync.WaitGroup
	wg.Go(func() {
		again, err := s.Lock(t.Context(), "box", nil)
		if err != nil {
			t.Error(err)
			return
		}
		again.Release()
	})
	lock.Release()
	wg.Wait()
	if _, err := s.Lock(t.Context(), "../box", nil); fault.Code(err) != int(fault.Usage) {
		t.Errorf("a name that is a path: %v", err)
	}
}

// workVar makes this test program another floe, which has the machine "box" of this
// folder in hand until it is killed or its input ends.
const workVar = "MACHINES_TEST_WORK"

func TestMain(m *testing.M) {
	dir := os.Getenv(workVar)
	if dir == "" {
		os.Exit(m.Run())
	}
	s := Shelf{Home: qemu.Home{State: dir}}
	lock, err := s.Lock(context.Background(), "box", nil)
	if err != nil {
		panic(err)
	}
	lock.Doing("building its image")
	fmt.Println()
	_, _ = os.Stdin.Read(make([]byte, 1))
	lock.Release()
	fmt.Println()
	time.Sleep(time.Hour)
}

// TestBusy has another floe that works on a machine: what it does is known until it
// lets go of it, or is killed.
func TestBusy(t *testing.T) {
	s := testShelf(t)
	if err := s.Save("box", good()); err != nil {
		t.Fatal(err)
	}
	condition := func() (Condition, string) {
		list, err := s.List()
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0].Condition, list[0].Why
	}
	for _, killed := range []bool{false, true} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), workVar+"="+s.Home.State)
		in, _ := cmd.StdinPipe()
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		step := func() { _, _ = out.Read(make([]byte, 1)) }
		step()
		want := fmt.Sprintf("another floe, process %d, is building its image", cmd.Process.Pid)
		if c, why := condition(); c != Busy || why != want {
			t.Errorf("it is %s: %q", c, why)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		waited := ""
		if _, err := s.Lock(ctx, "box", func(other string) { waited = other }); err == nil || waited != want {
			t.Errorf("waited for %q; %v", waited, err)
		}
		cancel()
		if killed {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		} else {
			in.Close()
			step()
		}
		if c, why := condition(); c != Stopped || why != "" {
			t.Errorf("afterwards it is %s: %q", c, why)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestList has machines of every condition, with a state file of a QEMU that
// has ended and one of a process that is by now another.
func TestList(t *testing.T) {
	s := testShelf(t)
	for _, name := range []string{"calm", "killed", "rebooted", "odd", "off", "quit"} {
		if err := s.Save(name, good()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"killed", "rebooted", "odd", "off", "quit"} {
		if err := s.Want(name, true); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(s.Dir("rebooted"), wantedFile), "another-boot\n")
	write(t, s.Home.Files("odd").State, "not JSON")
	const began = `{"QMP": {"version": {}}}` + "\r\n" + `{"return": {}}` + "\r\n"
	const shutdown = `{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "%s"}}` + "\r\n"
	write(t, s.Home.Files("killed").Events, began)
	write(t, s.Home.Files("off").Events, began+fmt.Sprintf(shutdown, "guest-shutdown"))
	write(t, s.Home.Files("quit").Events, began+fmt.Sprintf(shutdown, "host-qmp-quit"))
	// A process of that number runs, but it is not the QEMU.
	write(t, s.Home.Files("killed").State, fmt.Sprintf(`{"machine":{"name":"killed"},"process":{"pid":%d,"start":1,"boot_id":"x"}}`, os.Getpid()))
	write(t, filepath.Join(s.Home.State, "logs-only", "console.log"), "")
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Condition{}
	for _, e := range list {
		got[e.Name] = e.Condition
		if (e.Why == "") != (e.Name == "calm") {
			t.Errorf("%s is %s: %q", e.Name, e.Condition, e.Why)
		}
	}
	want := map[string]Condition{"calm": Stopped, "killed": Dead, "rebooted": Dead, "odd": Dead, "off": Stopped, "quit": Dead}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := os.Stat(s.Home.Files("killed").State); err == nil {
		t.Error("the stale state file is still there")
	}
	if err := s.Want("killed", false); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("odd"); err != nil {
		t.Fatal(err)
	}
	list, _ = s.List()
	for _, e := range list {
		if e.Name == "odd" || e.Name == "killed" && e.Condition != Stopped {
			t.Errorf("%+v", e)
		}
	}
}

// TestExports runs what is printed for a shell in that shell.
func TestExports(t *testing.T) {
	variables := []Variable{{"DOCKER_HOST", "ssh://floe-box"}, {"CONTAINER_SSHKEY", `/a b/o'k\"$x`}}
	for shell, want := range map[string]string{
		"/usr/bin/zsh": "export DOCKER_HOST='ssh://floe-box'\n" + `export CONTAINER_SSHKEY='/a b/o'\''k\"$x'` + "\n# eval \"$(floe env box)\"\n",
		"fish":         "set -gx DOCKER_HOST 'ssh://floe-box';\n" + `set -gx CONTAINER_SSHKEY '/a b/o\'k\\"$x';` + "\n# floe env box | source\n",
		"pwsh.exe":     "$Env:DOCKER_HOST = 'ssh://floe-box'\n" + `$Env:CONTAINER_SSHKEY = '/a b/o''k\"$x'` + "\n# floe env box | Out-String | Invoke-Expression\n",
	} {
		if got, err := Exports(shell, "floe env box", variables); err != nil || got != want {
			t.Errorf("%s:\n%s%v\nwant\n%s", shell, got, err, want)
		}
	}
	if _, err := Exports("/bin/tcsh", "", variables); fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "fish") {
		t.Errorf("a shell that nobody knows: %v", err)
	}
	// The archive has no PowerShell.
	root := archivetest.Tools(t, "checks-shells", "bash", "dash", "zsh", "fish")
	for _, shell := range []string{"bash", "dash", "zsh", "fish"} {
		set, _ := Exports(shell, "x", variables)
		unset, _ := Unsets(shell, "x", variables)
		program := root.Direct(shell)
		cmd := exec.CommandContext(t.Context(), program[0], append(program[1:], "-c", set+`printf '%s|' "$DOCKER_HOST" "$CONTAINER_SSHKEY"`+"\n"+unset+`printf '%s|' "$DOCKER_HOST"`)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
		out, err := cmd.Output() // fish misses files of its own, which it tells as an error
		if want := variables[0].Value + "|" + variables[1].Value + "||"; err != nil || string(out) != want {
			t.Errorf("%s says %q, %v; want %q", shell, out, err, want)
		}
	}
}

// TestVersion asks an HTTP server for its version, as it would a runtime.
func TestVersion(t *testing.T) {
	answer := `{"Version":"26.1.5","ApiVersion":"1.45"}`
	status := http.StatusOK
	d := dialer(filepath.Join(t.TempDir(), "s"))
	l, err := net.Listen("unix", string(d))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	})}
	go server.Serve(l)
	defer server.Close()
	if v, err := Version(t.Context(), d, steps.Docker); v != "26.1.5" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	answer = `{}`
	if _, err := Version(t.Context(), d, steps.Podman); err == nil {
		t.Error("no version is an answer")
	}
	answer, status = `{"Version":"1"}`, http.StatusServiceUnavailable
	if _, err := Version(t.Context(), d, steps.Docker); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("503 is ready: %v", err)
	}
	server.Close()
	if _, err := Version(t.Context(), d, steps.Docker); err == nil {
		t.Error("nobody listens, and it is ready")
	}
}

type dialer string

func (d dialer) DialUnix(ctx context.Context, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", string(d))
}

func indent(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", " "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
