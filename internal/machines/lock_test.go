package machines

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"floe/internal/fault"
	"floe/qemu"
)

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
