package ui

import (
	"testing"
)

// tries puts a wizard where a machine that boots what was built in its review's second
// way runs.
func tries(r *rig) *rig { return r.goTo("Review").press("down", "enter").at("Running") }

// powerOff ends the machine by its button.
func (r *rig) powerOff() *rig {
	m, reached := r.house.machine, r.house.machine.sight.Milestones
	m.slow = true
	r.press("o", "down", "enter")
	m.sight.Milestones = bootedAt(2).sight.Milestones // going down, it has left the others
	r.look()
	m.sight.Over, m.sight.Ending = true, "powered off"
	r.look()
	m.sight.Milestones = reached
	r.house.machine.sight.Over = false // the next one runs
	return r
}

// TestTriedThenAsked: an image that was built to be tried out and then written is asked
// about once its machine is off, and nothing is written by a key that was meant for that.
func TestTriedThenAsked(t *testing.T) {
	r := tries(newRig(t, &testHouse{built: testBuilt(), machine: bootedAt(7), testSticks: testSticks{disks: testDisks()}})).powerOff()
	r.sees("Write it to a USB stick now?", "It was seen to work: the machine was ready after 4.8s.", "powered off", "❯ Not now")
	r.press("enter").at("Done").sees("❯ Write it to a USB stick")
	r.press("up", "enter").at("Running").powerOff().sees("now?").press("down", "enter").at("Disk")
	r.press("down", "down", "enter").at("Erase and write").press("esc", "esc").at("Done")
	// Whoever has chosen a disk is asked about that one.
	r.press("up", "up", "enter").at("Running").powerOff().sees("Write it to SanDisk Ultra Fit now?").press("down", "enter").at("Erase and write").sees("SanDisk Ultra Fit", "lost")
	if len(r.house.orders) > 0 {
		t.Errorf("%+v was written", r.house.orders)
	}
}

// TestTriedIsNotAsked: nobody is asked who did not want to write, who has written
// already, or whose machine broke down.
func TestTriedIsNotAsked(t *testing.T) {
	r := running(newRig(t, &testHouse{built: testBuilt(), machine: bootedAt(7)})).powerOff().at("Done").sees("❯ Write it to a USB stick")
	if r.m.dialog != nil {
		t.Errorf("asked: %s", r.m.dialog.title)
	}
	r = tries(newRig(t, &testHouse{built: testBuilt(), machine: bootedAt(7)}))
	r.m.write = newWriteScreen(WriteOrder{}, nil)
	r.m.write.state = buildDone
	if r.powerOff().at("Done"); r.m.dialog != nil {
		t.Errorf("asked after it was written: %s", r.m.dialog.title)
	}
	r = tries(newRig(t, &testHouse{built: testBuilt(), machine: bootedAt(3)}))
	r.house.machine.sight.Over, r.house.machine.sight.Err = true, errBack
	r.look()
	if r.at("Off").press("down", "enter").at("Done").sees("❯ Try it out in QEMU"); r.m.dialog != nil {
		t.Errorf("asked after it broke down: %s", r.m.dialog.title)
	}
}

// TestVerdict: a machine that did not become ready is not said to work.
func TestVerdict(t *testing.T) {
	for n, want := range map[int]string{
		0: "The machine ended before it told of anything.",
		5: "The machine ended on its way to ready: it got as far as network.",
		7: "It was seen to work: the machine was ready after 4.8s.",
	} {
		if got := bootedAt(n).sight.verdict(); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// TestCtrlCTwice: in a dialog that is not about leaving ctrl+c asks to leave, and does
// not do what the dialog is about.
func TestCtrlCTwice(t *testing.T) {
	r := running(newRig(t, &testHouse{built: testBuilt(), machine: bootedAt(7)}))
	r.press("r").sees("Restart the machine?").press("ctrl+c").sees("Leave Floe?", "❯ Stay").press("esc").at("Running")
	if r.house.machine.restarts > 0 {
		t.Error("ctrl+c restarted it")
	}
	r = tries(newRig(t, &testHouse{built: testBuilt(), machine: bootedAt(7)})).powerOff()
	if r.sees("now?").press("ctrl+c").sees("Leave Floe?").press("ctrl+c"); !r.quit {
		t.Error("no way out")
	}
}
