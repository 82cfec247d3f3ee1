package qemu_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/qemu"
	"floe/qemu/qemutest"
)

// home is a place for machines that ends with the test.
func home(t *testing.T) qemu.Home {
	t.Helper()
	dir := t.TempDir()
	return qemu.Home{State: filepath.Join(dir, "machines"), Runtime: filepath.Join(dir, "run")}
}

// empty is a machine with nothing to boot.
func empty(t *testing.T, options ...qemu.Option) qemu.Machine {
	t.Helper()
	m, err := qemu.New("empty", arch.AMD64, append([]qemu.Option{qemu.Memory(64), qemu.Isolated()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// start starts a machine that is gone when the test ends.
func start(t *testing.T, h qemu.Home, m qemu.Machine, l qemu.Launch) *qemu.Running {
	t.Helper()
	r, err := h.Start(t.Context(), qemutest.Program(t, m.Arch), m, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Kill()
		if _, err := r.Wait(context.Background()); err != nil {
			t.Log(err)
		}
	})
	return r
}

var impatient = qemu.Patience{PowerOff: 300 * time.Millisecond, Quit: 5 * time.Second, Term: time.Second}

func TestStartStatusStop(t *testing.T) {
	h := home(t)
	r := start(t, h, empty(t, qemu.Port(0, 80)), qemu.Launch{})
	if status, err := r.Status(t.Context()); err != nil || status != "running" {
		t.Fatalf("status %q, %v", status, err)
	}
	s := r.State()
	if len(s.Ports) != 2 || s.SSHPort() == 0 || !s.Version.AtLeast(qemu.MinVersion()) {
		t.Errorf("state %+v", s)
	}
	conn, err := net.Dial("tcp", r.SSHAddr())
	if err != nil {
		t.Fatalf("nobody listens on the ssh port: %v", err)
	}
	conn.Close()

	if _, err := h.Start(t.Context(), qemutest.Program(t, arch.AMD64), empty(t), qemu.Launch{}); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second start of the same machine: %v", err)
	}
	// Nothing in the machine listens to the power button.
	how, err := r.Stop(t.Context(), impatient)
	if err != nil || how != qemu.Quit {
		t.Errorf("stopped: %q, %v; want %q", how, err, qemu.Quit)
	}
	if list, err := h.List(); err != nil || len(list) != 0 {
		t.Errorf("still listed: %v, %v", list, err)
	}
	if _, err := os.Stat(s.Files.Control); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket left: %v", err)
	}
}

func TestFirmwareSpeaksOnItsDebugPort(t *testing.T) {
	h := home(t)
	r := start(t, h, empty(t), qemu.Launch{})
	log := &strings.Builder{}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(r.State().Files.FirmwareLog)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "No bootable device") {
			return
		}
		log.Reset()
		log.Write(text)
	}
	t.Errorf("the firmware never said that nothing can be booted:\n%s", log)
}

func TestDiedEarlySaysWhy(t *testing.T) {
	_, err := home(t).Start(t.Context(), qemutest.Program(t, arch.AMD64), empty(t, qemu.Extra("-device", "no-such-thing")), qemu.Launch{})
	var died *qemu.DiedError
	if !errors.As(err, &died) || fault.Code(err) != int(fault.Build) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "no-such-thing") || !strings.Contains(err.Error(), "status 1") {
		t.Errorf("the error does not say why: %v", err)
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = home(t).Start(t.Context(), qemutest.Program(t, arch.AMD64), empty(t, qemu.SSH(port)), qemu.Launch{})
	if err == nil || !strings.Contains(fault.Hint(err), "port is taken") {
		t.Errorf("got %v, hint %q", err, fault.Hint(err))
	}
}

func TestKilledByAnotherIsSeenAsDead(t *testing.T) {
	h := home(t)
	r := start(t, h, empty(t), qemu.Launch{})
	p, err := os.FindProcess(r.State().Process.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	how, err := r.Wait(t.Context())
	if how != qemu.Died || err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("ended: %q, %v", how, err)
	}
}

func TestContextEndsForegroundMachine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := home(t).Start(ctx, qemutest.Program(t, arch.AMD64), empty(t), qemu.Launch{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	limit, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if how, err := r.Wait(limit); err != nil || how != qemu.Killed {
		t.Errorf("ended: %q, %v", how, err)
	}
}

func TestBrokenKVMFallsBack(t *testing.T) {
	fake := filepath.Join(t.TempDir(), "kvm")
	if err := os.WriteFile(fake, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, home(t), empty(t), qemu.Launch{Accel: qemu.Accel{KVM: true, Device: fake}})
	if a := r.Accel(); a.KVM || !strings.Contains(a.String(), "KVM does not start") {
		t.Errorf("accel: %s", a)
	}
	_, err := home(t).Start(t.Context(), qemutest.Program(t, arch.AMD64), empty(t),
		qemu.Launch{Accel: qemu.Accel{KVM: true, Device: fake, Sure: true}})
	if err == nil {
		t.Error("KVM was insisted upon, and emulation came")
	}
}

func TestDetachedLivesOn(t *testing.T) {
	h := home(t)
	first := start(t, h, empty(t), qemu.Launch{Detach: true})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := h.List()
	if err != nil || len(list) != 1 || list[0].SSHPort() != first.State().SSHPort() {
		t.Fatalf("listed: %+v, %v", list, err)
	}
	second, err := h.Load("empty")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := second.Status(t.Context()); err != nil || status != "running" {
		t.Errorf("status %q, %v", status, err)
	}
	if how, err := second.Stop(t.Context(), impatient); err != nil || how != qemu.Quit {
		t.Errorf("stopped: %q, %v", how, err)
	}
	if _, err := h.Load("empty"); !errors.Is(err, qemu.ErrNotRunning) || fault.Code(err) != int(fault.Usage) {
		t.Errorf("loading what is stopped: %v", err)
	}
}

func TestFrozenQEMUIsKilled(t *testing.T) {
	h := home(t)
	r := start(t, h, empty(t), qemu.Launch{Detach: true})
	if err := syscall.Kill(r.State().Process.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	loaded, err := h.Load("empty")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	how, err := loaded.Stop(t.Context(), qemu.Patience{PowerOff: 200 * time.Millisecond, Quit: 200 * time.Millisecond, Term: 200 * time.Millisecond})
	if err != nil || how != qemu.Killed {
		t.Errorf("stopped: %q, %v", how, err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestStaleStateIsCleaned(t *testing.T) {
	h := home(t)
	r := start(t, h, empty(t), qemu.Launch{Detach: true})
	s := r.State()
	text, err := os.ReadFile(s.Files.State)
	if err != nil {
		t.Fatal(err)
	}
	r.Kill()
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("process gone", func(t *testing.T) {
		put(t, s.Files.State, text)
		stale(t, h, s)
	})
	t.Run("number used again", func(t *testing.T) {
		var tree map[string]any
		if err := json.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		tree["process"].(map[string]any)["pid"] = os.Getpid()
		reused, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s.Files.State, reused)
		stale(t, h, s)
	})
	t.Run("not JSON", func(t *testing.T) {
		put(t, s.Files.State, []byte("{"))
		stale(t, h, s)
	})
	start(t, h, empty(t), qemu.Launch{}) // and the name is free
}

func stale(t *testing.T, h qemu.Home, s qemu.State) {
	t.Helper()
	if _, err := h.Load("empty"); !errors.Is(err, qemu.ErrNotRunning) {
		t.Errorf("taken for running: %v", err)
	}
	if _, err := os.Stat(s.Files.State); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state file is still there: %v", err)
	}
}

func put(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hello is a boot sector that writes "floe: hello" to the first serial port
// and halts.
func hello(t *testing.T) string {
	t.Helper()
	code := []byte{
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0xbe, 0x16, 0x7c, // mov si, 0x7c16
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xac,       // lodsb
		0x84, 0xc0, // test al, al
		0x74, 0x03, // jz halt
		0xee,       // out dx, al
		0xeb, 0xf8, // jmp lodsb
		0xf4,       // halt: hlt
		0xeb, 0xfd, // jmp halt
		0x90,
	}
	sector := make([]byte, 1<<20)
	copy(sector, append(code, "floe: hello\r\nfloe: address 10.0.2.15\r\n\x00"...))
	sector[510], sector[511] = 0x55, 0xaa
	path := filepath.Join(t.TempDir(), "hello, world.img")
	put(t, path, sector)
	return path
}

func TestConsoleFromEveryMedium(t *testing.T) {
	image := hello(t)
	for _, kind := range []qemu.MediumKind{qemu.VirtDisk, qemu.USBStick} {
		t.Run(string(kind), func(t *testing.T) {
			r := start(t, home(t), empty(t, qemu.Boot(kind, image)), qemu.Launch{})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if line, err := r.Console().WaitFor(ctx, regexp.MustCompile(`^floe: hello$`)); err != nil {
				t.Fatalf("%q, %v", line, err)
			}
			if _, err := r.Reached(ctx, qemu.Network); err != nil {
				t.Fatal(err)
			}
			if a := r.Guest().Addresses; len(a) != 1 || a[0] != "10.0.2.15" {
				t.Errorf("addresses %q", a)
			}
			r.Kill()
			if _, err := r.Reached(ctx, qemu.SSHReady); err == nil || !strings.Contains(err.Error(), "floe: hello") {
				t.Errorf("a machine that ended too early must show its console: %v", err)
			}
		})
	}
}
