package qemu_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"floe/qemu"
	"floe/qemu/qmp"
)

// deadly is a QEMU that kills the floe which starts it, before it has done anything
// else: a script that becomes QEMU after a while.
func deadly(t *testing.T, after string) qemu.Program {
	t.Helper()
	p := archivetest.QEMU(t, arch.AMD64)
	path := filepath.Join(t.TempDir(), "qemu")
	script := fmt.Sprintf("#!/bin/sh\nkill -9 $PPID\nsleep %s\nexec '%s' \"$@\"\n", after, strings.Join(p.Argv, "' '"))
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p.Argv = []string{path}
	return p
}

// bury has another floe start a machine in which it is killed.
func bury(t *testing.T, o order) {
	t.Helper()
	cmd := otherFloe(t, o)
	if _, err := cmd.Output(); cmd.ProcessState == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was to be killed: %v", err)
	}
}

// A floe that is killed at the very moment at which QEMU begins to run leaves a
// machine that every floe sees, none starts a second time, and any can stop.
func TestFloeKilledAsQEMUBegins(t *testing.T) {
	for _, after := range []string{"0", "0.5"} {
		t.Run("script for "+after+" s", func(t *testing.T) {
			h := home(t)
			bury(t, order{h, deadly(t, after), empty(t), true})
			list, err := h.List()
			if err != nil || len(list) != 1 || !list[0].Alive() {
				t.Fatalf("listed: %+v, %v", list, err)
			}
			t.Cleanup(func() {
				if list[0].Alive() {
					_ = syscall.Kill(list[0].Process.PID, syscall.SIGKILL)
				}
			})
			if _, err := h.Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t), qemu.Launch{}); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "runs already") {
				t.Errorf("a second start of the same machine: %v", err)
			}
			var r *qemu.Running
			for deadline := time.Now().Add(20 * time.Second); r == nil || r.State().SSHPort() == 0; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("its port is not known: %+v", r.State())
				}
				if r != nil {
					r.Close()
				}
				if r, err = h.Load("empty"); err != nil {
					t.Fatal(err)
				}
			}
			if pid := r.State().Process.PID; pid != list[0].Process.PID {
				t.Errorf("process %d was listed, and now it is %d", list[0].Process.PID, pid)
			}
			if how, err := r.Stop(t.Context(), impatient); err != nil || how != qemu.Quit {
				t.Errorf("stopped: %q, %v", how, err)
			}
			if list, err := h.List(); err != nil || len(list) != 0 {
				t.Errorf("still listed: %+v, %v", list, err)
			}
		})
	}
}

// Starting it is the first thing that anybody does then, and stopping it the second, long
// before it serves its socket, and after Load has asked it for its ports in vain: it is
// told to quit all the same, not struck.
func TestStartAfterFloeKilledAsQEMUBegins(t *testing.T) {
	h := home(t)
	bury(t, order{h, deadly(t, "3.5"), empty(t), true})
	_, err := h.Start(t.Context(), archivetest.QEMU(t, arch.AMD64), empty(t), qemu.Launch{})
	if err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second QEMU: %v", err)
	}
	r, err := h.Load("empty")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	if c, err := qmp.Dial(t.Context(), h.Files("empty").Control); err == nil {
		c.Close()
		t.Fatal("it serves its socket already: this proves nothing")
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Status(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("asked how it is: %v", err)
	}
	patience := qemu.Patience{PowerOff: 300 * time.Millisecond, Quit: 20 * time.Second, Term: time.Second}
	if how, err := r.Stop(t.Context(), patience); err != nil || how != qemu.Quit {
		t.Errorf("stopped: %q, %v", how, err)
	}
	if list, err := h.List(); err != nil || len(list) != 0 {
		t.Errorf("still listed: %+v, %v", list, err)
	}
}

// One that would have ended with its floe is gone, and in nobody's way.
func TestForegroundFloeKilledAsQEMUBegins(t *testing.T) {
	h := home(t)
	bury(t, order{h, deadly(t, "0"), empty(t), false})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // its end is on its way
		list, err := h.List()
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("still listed: %+v, %v", list, err)
		}
		if len(list) == 0 {
			break
		}
	}
	start(t, h, empty(t), qemu.Launch{})
}

// TestIntentOfNobody has a process that writes to the machine's log and is not its
// QEMU.
func TestIntentOfNobody(t *testing.T) {
	h := home(t)
	files := h.Files("empty")
	if err := os.MkdirAll(files.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(files.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	cmd.Stdout = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for _, argv := range [][]string{nil, {"qemu", "-name", "empty"}} {
		text, err := json.Marshal(qemu.State{Machine: empty(t), Argv: argv, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		put(t, files.State, text)
		if _, err := h.Load("empty"); !errors.Is(err, qemu.ErrNotRunning) {
			t.Errorf("arguments %q: taken for running: %v", argv, err)
		}
		if _, err := os.Stat(files.State); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("arguments %q: the state file is still there: %v", argv, err)
		}
	}
}

// TestForget: what is left of a run can be taken away, not that of one that goes on.
func TestForget(t *testing.T) {
	h := home(t)
	if err := h.Forget(t.Context(), "empty"); err != nil {
		t.Errorf("of a machine that never was: %v", err)
	}
	r := start(t, h, empty(t), qemu.Launch{Detach: true})
	if err := h.Forget(t.Context(), "empty"); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("while it runs: %v", err)
	}
	r.Kill()
	if how, _ := h.LastEnding("empty"); how == "" {
		t.Error("nothing is known of how it ended")
	}
	if err := h.Forget(t.Context(), "empty"); err != nil {
		t.Error(err)
	}
	if how, _ := h.LastEnding("empty"); how != "" {
		t.Errorf("it is still known that it ended: %s", how)
	}
	if _, err := os.Stat(h.Files("empty").ConsoleLog); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its console is still there: %v", err)
	}
}

// TestDamagedState: a machine that runs is not lost with its state file, whatever that
// is now.
func TestDamagedState(t *testing.T) {
	for _, text := range []string{"", "{}", `{"machine": {"na`} {
		h := home(t)
		r := start(t, h, empty(t), qemu.Launch{Detach: true})
		put(t, r.State().Files.State, []byte(text))
		list, err := h.List()
		if err != nil || len(list) != 1 || list[0].Process != r.State().Process || list[0].SSHPort() != r.State().SSHPort() {
			t.Fatalf("%q: listed as %+v, %v", text, list, err)
		}
		if d := list[0].Started.Sub(r.State().Started).Abs(); d > time.Second {
			t.Errorf("%q: it is said to have been started %s from when it was", text, d)
		}
		again, err := h.Load("empty")
		if err != nil {
			t.Fatal(err)
		}
		if how, err := again.Stop(t.Context(), impatient); err != nil || how != qemu.Quit {
			t.Errorf("%q: stopped: %q, %v", text, how, err)
		}
		again.Close()
	}
}
