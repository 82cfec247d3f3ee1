package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
)

// testMachine is a machine without anything behind it.
type testMachine struct {
	sight                                      Sight
	err                                        error // of whatever is done with it
	slow                                       bool  // the button is pressed, and then it takes its time
	consoles, shells, restarts, offs, closings int
}

func (m *testMachine) Look(context.Context) Sight { return m.sight }
func (m *testMachine) Log() []string              { return m.sight.Tail }
func (m *testMachine) CommandLine() []string {
	return append([]string{`qemu-system-x86_64 \`, `  -name floe \`, `  -drive ` + strings.Repeat("file=/home/ada/floe-amd64.iso,", 5) + ` \`},
		strings.Split(strings.Repeat("  -device virtio-net-pci,netdev=net0 \\\n", 12)+"  -m 512", "\n")...)
}
func (m *testMachine) Console(context.Context) error { m.consoles++; return m.err }
func (m *testMachine) Shell(context.Context) error   { m.shells++; return m.err }
func (m *testMachine) Restart(context.Context) error { m.restarts++; return m.err }
func (m *testMachine) Close()                        { m.closings++ }
func (m *testMachine) PowerOff(context.Context) error {
	m.offs++
	if m.err == nil && !m.slow {
		m.sight.Over, m.sight.Ending = true, "powered off"
	}
	return m.err
}

func (h *testHouse) Start(context.Context, *steps.Plan, string, report.Sink) (Machine, error) {
	h.tried++
	if h.tryErr != nil {
		return nil, h.tryErr
	}
	return h.machine, nil
}

// bootedAt is a machine that got as far as a number of its milestones.
func bootedAt(n int) *testMachine {
	s := Sight{Up: 2300 * time.Millisecond, Memory: 512, Host: 187, Facts: []Row{
		{Key: "image", Value: "floe-amd64.iso"}, {Key: "processor", Value: "emulation: this CPU shows no virtualisation"},
		{Key: "ssh", Value: "127.0.0.1:40021, floe ssh"}}}
	for i, name := range []string{"firmware", "boot loader", "kernel", "init", "network", "ssh", "docker"} {
		s.Milestones = append(s.Milestones, Milestone{Name: name, Reached: i < n && i != 2, At: time.Duration(i) * 800 * time.Millisecond})
	}
	for i := range 4 * n {
		s.Tail = append(s.Tail, fmt.Sprintf("[    %d.%06d] floe: the console's line %d\x1b[31m, and a long one at that, so that it is cut", i/4, i, i))
	}
	if n > 5 {
		s.Up, s.Used = 61*time.Second, 96
	}
	return &testMachine{sight: s}
}

// running puts a wizard where its machine runs.
func running(r *rig) *rig { return r.goTo("Done").press("enter") }

// machineScenes are the live view's states.
var machineScenes = map[string]struct {
	house testHouse
	play  func(*rig)
}{
	"starting": {testHouse{}, func(r *rig) {
		r.goTo("Done")
		r.m.tryOut() // what it gives is not run: nothing is started
		r.send(startEventsMsg{r.m.machine, []report.Event{{Time: after(0), Stage: "qemu", Kind: report.Started, Text: "Unpack QEMU"},
			{Time: after(2), Stage: "qemu", Kind: report.Progress, Done: 40, Total: 91, Unit: "packages"}}})
	}},
	"booting":   {testHouse{machine: bootedAt(1)}, func(r *rig) { running(r) }},
	"ready":     {testHouse{machine: bootedAt(7)}, func(r *rig) { running(r) }},
	"foreign":   {testHouse{machine: func() *testMachine { m := bootedAt(6); m.sight.Used = 0; return m }()}, func(r *rig) { running(r) }},
	"off-asked": {testHouse{machine: bootedAt(7)}, func(r *rig) { running(r).press("o") }},
	"stopping": {testHouse{machine: bootedAt(7)}, func(r *rig) {
		running(r)
		r.m.actOnMachine(offIntent{}) // what it gives is not run: the machine takes its time
	}},
	"tried": {testHouse{machine: bootedAt(7)}, func(r *rig) {
		running(r)
		r.m.build.try = true
		r.powerOff()
	}},
	"leaving": {testHouse{machine: bootedAt(7)}, func(r *rig) { running(r).press("ctrl+c") }},
	"command": {testHouse{machine: bootedAt(7)}, func(r *rig) { running(r).press("p") }},
	"console": {testHouse{machine: bootedAt(7)}, func(r *rig) { running(r).press("l") }},
	"help":    {testHouse{machine: bootedAt(7)}, func(r *rig) { running(r).press("?") }},
	"help-disk": {testHouse{machine: bootedAt(7)}, func(r *rig) {
		running(r)
		r.house.machine.sight.Disk = "/home/ada/.local/share/floe/disks/floe.qcow2"
		r.look()
		r.press("?")
	}},
	"died": {testHouse{machine: bootedAt(3)}, func(r *rig) {
		running(r)
		m := r.house.machine
		m.sight.Over, m.sight.Err = true, fault.New(fault.Build, "run machine", "floe", errors.New("the guest's kernel panicked\n  the console's last lines:\n    Kernel panic - not syncing"), "")
		r.look()
	}},
	"not-started": {testHouse{tryErr: fault.New(fault.Missing, "start machine", "floe", errors.New("it wants 512 MiB of memory and QEMU about 128 more, but this host has 300 MiB available"),
		"give the machine less memory, or close something else")}, func(r *rig) { running(r) }},
}

// look has the machine looked at, as a tick does.
func (r *rig) look() { r.run(r.m.lookAt(tickMsg(after(0)))) }

func TestMachineScreens(t *testing.T) {
	for name, scene := range machineScenes {
		t.Run(name, func(t *testing.T) {
			for _, look := range []string{"escape", "dark", "linux"} {
				var all strings.Builder
				for _, size := range wizardSizes {
					house := scene.house
					if house.machine != nil {
						machine := *house.machine
						house.machine = &machine
					}
					house.built = testBuilt()
					r := newRigOn(t, &house, looks[look], size[0], size[1])
					scene.play(r)
					view := r.view()
					checkText(t, name, looks[look], view)
					fmt.Fprintf(&all, "--- %d×%d\n%s\n", size[0], size[1], view)
				}
				if look != "linux" {
					golden(t, "machine-"+name+"-"+look, all.String())
				}
			}
		})
	}
}

// TestMachineInTheWizard: tried out, used, powered off; and the image is there
// again.
func TestMachineInTheWizard(t *testing.T) {
	m := bootedAt(4)
	r := running(newRig(t, &testHouse{built: testBuilt(), machine: m})).at("Running").sees("firmware", "kernel silent", "network")
	m.sight = bootedAt(7).sight
	r.look()
	r.sees("docker", "96 of 512 MiB")
	r.press("r", "enter")
	r.press("o", "esc")
	if m.restarts+m.offs != 0 {
		t.Error("done without being confirmed")
	}
	r.press("r", "down", "enter").sees("Restarted.")
	m.err = errors.New("QEMU does not answer")
	r.press("o", "down", "enter").sees("QEMU does not answer").at("Running")
	m.err, m.slow = nil, true
	r.press("esc", "down", "enter").at("Powering off")
	r.press("s", "c", "r", "o", "esc").at("Powering off") // too late for any of it
	m.sight.Over, m.sight.Ending = true, "powered off"
	r.look()
	r.at("Done").sees("The machine has ended: powered off.", "floe-amd64.iso")
	if m.closings != 1 || m.restarts != 1 || m.offs != 2 {
		t.Errorf("%+v", m)
	}
	if r.press("ctrl+c").sees("The image stays").press("down", "enter"); !r.quit {
		t.Error("no way out")
	}
}

// TestMachineIsNotLeftBehind: whoever leaves has the machine powered off
// first, or, being in a hurry, at once.
func TestMachineIsNotLeftBehind(t *testing.T) {
	m := bootedAt(7)
	m.slow = true
	r := running(newRig(t, &testHouse{built: testBuilt(), machine: m}))
	if r.press("ctrl+c", "down", "enter"); r.quit || m.offs != 1 {
		t.Errorf("left at once: %t, powered off %d times", r.quit, m.offs)
	}
	m.sight.Over = true
	if r.look(); !r.quit {
		t.Error("still there")
	}
	m = bootedAt(7)
	r = running(newRig(t, &testHouse{built: testBuilt(), machine: m}))
	r.m.actOnMachine(offIntent{leave: true})
	if r.press("ctrl+c").sees("Leave before").press("ctrl+c"); !r.quit {
		t.Error("no way out in a hurry")
	}
	if r.m.closeMachine(io.Discard); m.closings != 1 {
		t.Errorf("closed %d times", m.closings)
	}
}

// TestMachineStartGivenUp: a machine that comes after all is closed.
func TestMachineStartGivenUp(t *testing.T) {
	m := bootedAt(1)
	r := newRig(t, &testHouse{built: testBuilt(), machine: m}).goTo("Done")
	start := r.m.tryOut()
	r.at("Starting").press("esc").at("Done")
	if r.run(start); m.closings != 1 {
		t.Errorf("closed %d times", m.closings)
	}
	r.at("Done")
	house := &testHouse{built: testBuilt(), tryErr: errors.New("no QEMU")}
	r = running(newRig(t, house)).at("Off").sees("no QEMU", "Start it again")
	r.press("enter").press("down", "enter").at("Done")
	if house.tried != 2 {
		t.Errorf("tried %d times", house.tried)
	}
}

// TestWatch: the live view alone ends with its machine.
func TestWatch(t *testing.T) {
	m := bootedAt(7)
	m.sight.Next = []Command{{What: "docker, with a key of yours in the image", Line: "docker -H ssh://floe@127.0.0.1:40021 ps"}}
	w := newWatch(t.Context(), m, NewStyles(looks["escape"]), 80, 24)
	r := &rig{t: t, m: w, house: &testHouse{machine: m}}
	w.beating = true
	r.run(w.Init())
	r.at("Running").sees("docker", "console").press("?").sees("Ctrl-]", "docker -H ssh://floe@127.0.0.1:40021 ps").press("esc", "p").sees("qemu-system").press("esc")
	m.sight.Over, m.sight.Ending = true, "powered off"
	if r.look(); !r.quit {
		t.Error("it goes on without a machine")
	}
}
