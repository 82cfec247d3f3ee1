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

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/qemu"
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
	r, err := h.Start(t.Context(), archivetest.QEMU(t, m.Arch), m, l)
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

	if _, err := h.Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t), qemu.Launch{}); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second start of the same machine: %v", err)
	}
	// Nothing in the machine listens to the power button.
	how, err := r.Stop(t.Context(), impatient)
	if err != nil || how != qemu.Quit {
		t.Errorf("stopped: %q, %v; want %q", how, err, qemu.Quit)
	}
	if _, err := os.Stat(s.Files.State); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state file left: %v", err)
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
	_, err := home(t).Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t, qemu.Extra("-device", "no-such-thing")), qemu.Launch{})
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
	_, err = home(t).Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t, qemu.SSH(port)), qemu.Launch{})
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(fault.Hint(err), "port is taken") {
		t.Errorf("got %v, hint %q", err, fault.Hint(err))
	}
}

func TestDiskInUse(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "data")
	put(t, disk, make([]byte, 1<<20))
	start(t, home(t), empty(t, qemu.Data(disk, "data")), qemu.Launch{})
	_, err := home(t).Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t, qemu.Data(disk, "data")), qemu.Launch{})
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(fault.Hint(err), "has this disk") {
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
	if how, _ := h.LastEnding("empty"); how != qemu.Died {
		t.Errorf("afterwards: %q", how)
	}
	if how, _ := h.LastEnding("other"); how != "" {
		t.Errorf("one that never ran: %q", how)
	}
}

func TestContextEndsForegroundMachine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := home(t).Start(ctx, archivetest.QEMU(t, arch.AMD64), empty(t), qemu.Launch{})
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
	_, err := home(t).Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t),
		qemu.Launch{Accel: qemu.Accel{KVM: true, Device: fake, Sure: true}})
	if err == nil {
		t.Error("KVM was insisted upon, and emulation came")
	}
}

// QEMU takes a second -accel when the first does not work, and -S keeps the
// machine from its first step: that is what hanging under KVM looks like.
func TestSilentKVMFallsBack(t *testing.T) {
	fake := filepath.Join(t.TempDir(), "kvm")
	put(t, fake, nil)
	m := empty(t, qemu.Extra("-accel", "tcg", "-cpu", "max", "-S"))
	l := qemu.Launch{Accel: qemu.Accel{KVM: true, Device: fake}, Silence: 200 * time.Millisecond}
	if a := start(t, home(t), m, l).Accel(); a.KVM || !strings.Contains(a.String(), "no sign of life in 200ms") {
		t.Errorf("accel: %s", a)
	}
	spoke := empty(t, qemu.Extra("-accel", "tcg", "-cpu", "max"))
	l.Silence = 20 * time.Second
	if a := start(t, home(t), spoke, l).Accel(); !a.KVM {
		t.Errorf("a machine that speaks was started anew: %s", a)
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

// UEFI firmware comes from descriptors, speaks on the console and gets a
// variable store of its own.
func TestUEFI(t *testing.T) {
	for _, a := range arch.All() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			m, err := qemu.New("uefi", a, qemu.With(qemu.UEFI), qemu.Isolated())
			if err != nil {
				t.Fatal(err)
			}
			r := start(t, home(t), m, qemu.Launch{})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if _, err := r.Console().WaitFor(ctx, regexp.MustCompile(`UEFI|Shell|BdsDxe|PXE`)); err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(r.Console().Tail(20), "\n"))
			}
			if st, err := os.Stat(r.State().Files.Vars); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("variables: %v, %v", st, err)
			}
		})
	}
}

func TestLongSocketPathIsRefused(t *testing.T) {
	h := home(t)
	h.Runtime = filepath.Join(h.Runtime, strings.Repeat("long", 20))
	_, err := h.Start(t.Context(), qemu.Program{Argv: []string{"/not/run"}}, empty(t), qemu.Launch{})
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(fault.Hint(err), "XDG_RUNTIME_DIR") {
		t.Errorf("got %v", err)
	}
}

func TestMissingImage(t *testing.T) {
	m := empty(t, qemu.Boot(qemu.CDROM, filepath.Join(t.TempDir(), "floe.iso")))
	_, err := home(t).Start(t.Context(), qemu.Program{Argv: []string{"/not/run"}}, m, qemu.Launch{})
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "floe.iso") {
		t.Errorf("got %v", err)
	}
}

func TestRuntimeFolderOfOthersIsRefused(t *testing.T) {
	h := home(t)
	if err := os.MkdirAll(h.Runtime, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.Runtime, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := h.Start(t.Context(), qemu.Program{Argv: []string{"/not/run"}}, empty(t), qemu.Launch{})
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "own folder") {
		t.Errorf("got %v", err)
	}
}
