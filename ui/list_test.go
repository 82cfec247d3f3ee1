package ui

import (
	"strings"
	"testing"

	"floe/internal/report"
	"floe/steps/keysource"
)

// TestRowAtTheCursorIsWhole: what has no room in a row is shown when the cursor comes to it.
func TestRowAtTheCursorIsWhole(t *testing.T) {
	whole := func(r *rig, words string) {
		t.Helper()
		view := strings.Join(strings.Fields(r.view()), " ")
		if !strings.Contains(view, words) {
			t.Errorf("%q is not whole in\n%s", words, r.view())
		}
	}
	small := func(house *testHouse) *rig { return newRigOn(t, house, looks["escape"], 60, 16) }

	r := small(&testHouse{}).goTo("SSH keys")
	whole(r, "made at first use; 'floe ssh' logs in with it")
	whole(r.press("down"), "from GitHub, GitLab or Launchpad, by user name")

	key := testKey("ada.lovelace.of.the.analytical.engine@the-long-name-of-a-host", 1)
	key.From = "~/.ssh/id_ed25519_for_all_of_the_boxes.pub"
	r = small(&testHouse{keys: []keysource.Key{key}}).goTo("SSH keys").press("down")
	whole(r, "[ ] ada.lovelace.of.the.analytical.engine@the-long-nam e-of-a-host")
	whole(r, key.From)

	r = small(&testHouse{}).goTo("Review").press("up", "up")
	whole(r, "as this machine's apt, else Debian's own")

	disks := testDisks()
	disks[0].Refused = "carries / (nvme0n1p2), swap (nvme0n1p3) and the folder with what floe keeps"
	disks[1].Facts = "16 GB, usb, serial ...15103182, in the second hub from the left"
	r = withDisks(small(&testHouse{}))
	r.send(disksMsg{disks: disks})
	whole(r.press("down"), disks[0].Refused)
	whole(r.press("down"), disks[1].Facts)
	whole(r, "vfat HOLIDAYS, mounted on /media/ada/HOLIDAYS")
}

// TestQuietStageSaysAll: how long nothing was said, and what was said last, have a row
// each where one has no room for both.
func TestQuietStageSaysAll(t *testing.T) {
	last := "a line that has room in a row of its own, and beside nothing else"
	r := newRig(t, &testHouse{})
	building(r, []report.Event{{Time: after(0), Stage: "kernel", Kind: report.Started, Text: "Compile the kernel"},
		{Time: after(1), Stage: "kernel", Kind: report.Log, Text: last}})
	r.m.build.tick(after(90))
	r.sees("no output for 1m29s", "last: "+last)
}
