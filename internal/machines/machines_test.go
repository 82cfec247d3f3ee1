package machines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

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

func indent(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", " "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
