package qemu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/qemu"
)

// otherVar makes this test program another floe: one that starts a machine,
// prints its process number and waits to be killed.
const otherVar = "FLOE_TEST_OTHER"

// order is what the other floe does.
type order struct {
	Home    qemu.Home
	Program qemu.Program
	Machine qemu.Machine
	Detach  bool
}

func TestMain(m *testing.M) {
	text := os.Getenv(otherVar)
	if text == "" {
		os.Exit(m.Run())
	}
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	r, err := o.Home.Start(context.Background(), o.Program, o.Machine, qemu.Launch{Detach: o.Detach})
	if err != nil {
		panic(err)
	}
	fmt.Println(r.State().Process.PID)
	time.Sleep(time.Hour)
}

// otherFloe is another floe, not yet started.
func otherFloe(t *testing.T, o order) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), otherVar+"="+string(text))
	return cmd
}

// killedFloe starts a machine in another floe and kills that one.
func killedFloe(t *testing.T, o order) {
	t.Helper()
	cmd := otherFloe(t, o)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
}

func TestForegroundMachineDiesWithItsFloe(t *testing.T) {
	h := home(t)
	killedFloe(t, order{h, archivetest.QEMU(t, arch.AMD64), empty(t), false})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		list, err := h.List()
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it lives on: %+v", list)
		}
	}
	start(t, h, empty(t), qemu.Launch{}) // nothing is in the way of the next one
}

func TestDetachedMachineOutlivesItsFloe(t *testing.T) {
	h := home(t)
	killedFloe(t, order{h, archivetest.QEMU(t, arch.AMD64), empty(t), true})
	r, err := h.Load("empty")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	if how, err := r.Stop(t.Context(), impatient); err != nil || how != qemu.Quit {
		t.Errorf("stopped: %q, %v", how, err)
	}
}

func TestOnlyOneOfManyStarts(t *testing.T) {
	h := home(t)
	p := archivetest.QEMU(t, arch.AMD64)
	m := empty(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var started []*qemu.Running
	for range 6 {
		wg.Go(func() {
			r, err := h.Start(t.Context(), p, m, qemu.Launch{})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				started = append(started, r)
			case fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "runs already"):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range started {
		r.Kill()
		r.Wait(context.Background())
	}
	if len(started) != 1 {
		t.Errorf("%d were started", len(started))
	}
}
