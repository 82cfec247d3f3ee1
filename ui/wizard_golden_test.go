package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
	"floe/steps/keysource"
)

// wizardSizes are those of the golden files.
var wizardSizes = [][2]int{{80, 24}, {100, 30}, {60, 16}}

var goodChecks = []Check{
	{Level: OK, Name: "system", Text: "linux on amd64, 2 processors"},
	{Level: OK, Name: "disk space", Text: "999 GB free, 8.0 GB needed; in ~/.cache/floe"},
	{Level: Warn, Name: "kvm", Text: "emulated, slower: this processor shows no vmx or svm", Hint: "virtualisation may be switched off in the firmware"},
}

// allChecks are those that floe makes, but for the last.
var allChecks = append(goodChecks[:2:2], Check{Level: OK, Name: "memory", Text: "23 GiB available"},
	Check{Level: OK, Name: "sandbox", Text: "builds without root and without this machine's tools"}, goodChecks[2],
	Check{Level: OK, Name: "qemu", Text: "none on the PATH: brought from the archive when needed"})

// offline is what the last one says without a network.
var offline = Check{Level: Fail, Name: "archive", Text: "cannot reach the Debian archive: dial tcp: lookup mirror.example: no such host",
	Hint: "check the network. Another mirror: --mirror URL, FLOE_MIRROR or mirror in floe.toml; a proxy: http_proxy and https_proxy"}

func manyKeys(n int) (keys []keysource.Key) {
	for i := range n {
		keys = append(keys, testKey(fmt.Sprintf("key-%d@host", i), i))
	}
	return keys
}

// scenes are the wizard's screens, each in a state worth looking at.
var scenes = map[string]struct {
	house testHouse
	play  func(*rig)
}{
	"welcome": {testHouse{checks: goodChecks, beginnings: []Beginning{
		{Title: "Start", Note: "a few questions"},
		{Title: "Resume", Note: "box, kernel done at 14:02", Review: true},
		{Title: "Load floe.toml", Err: fault.New(fault.Usage, "read the plan", "floe.toml", errors.New("line 3: unknown key"), "")},
	}}, func(*rig) {}},
	"welcome-whole": {testHouse{checks: append(allChecks[:6:6],
		Check{Level: OK, Name: "archive", Text: "Debian 13.7, updates of 27 Nov 2026, signatures good"})}, func(*rig) {}},
	"welcome-check": {testHouse{checks: append(allChecks[:6:6], offline)}, func(r *rig) { r.press("down", "down", "down", "down", "down") }},
	"welcome-again": {testHouse{checks: append(allChecks[:6:6], offline)}, func(r *rig) {
		r.press("end")
		r.m.screen.update(named["enter"]) // what it gives is not run: the check takes its time
	}},
	"welcome-offline": {testHouse{checks: append(allChecks[:6:6], offline)}, func(*rig) {}},
	"welcome-error": {testHouse{checks: goodChecks, beginnings: []Beginning{
		{Title: "Start", Note: "a few questions", Sources: []steps.Source{{Name: "environment", Given: map[string][]string{"runtime": {"both"}}}}}}},
		func(r *rig) { r.press("enter") }},
	"welcome-loading": {testHouse{checks: goodChecks}, func(r *rig) { r.m.welcome.found = r.m.welcome.found[:1] }},
	"welcome-failing": {testHouse{checks: append(goodChecks[:2:2], Check{Level: Fail, Name: "archive", Text: "cannot reach the Debian archive: no route to host", Hint: "check the network, or set a mirror"})}, func(*rig) {}},
	"welcome-overfull": {testHouse{checks: func() (c []Check) {
		for i := range 20 {
			c = append(c, Check{Level: Fail, Name: fmt.Sprint("check ", i), Text: "something is not there", Hint: "get it"})
		}
		return c
	}()}, func(*rig) {}},
	"keys-empty": {testHouse{}, func(r *rig) { r.goTo("SSH keys").press("space", "enter") }},
	"keys": {testHouse{keys: append(manyKeys(2), keysource.Key{Value: "~/.ssh/id_old.pub", From: "~/.ssh/id_old.pub", PublicKey: steps.PublicKey{
		Type: "rsa", Bits: 1024, Fingerprint: "SHA256:" + strings.Repeat("z", 43), Comment: "old@vax", Weak: "an RSA key of 1024 bits is too weak; 2048 are the least"}})},
		func(r *rig) { r.goTo("SSH keys").press("down", "space") }},
	"keys-overfull": {testHouse{keys: manyKeys(30)}, func(r *rig) { r.goTo("SSH keys").press("pgdown", "pgdown") }},
	"keys-filter":   {testHouse{keys: manyKeys(30)}, func(r *rig) { r.goTo("SSH keys").press("/", "key-2") }},
	"keys-import":   {testHouse{}, func(r *rig) { r.goTo("SSH keys").press("down", "enter", "tab", "ada") }},
	"keys-import-error": {testHouse{importErr: fault.New(fault.Network, "fetch ssh keys", "GitHub, ada", keysource.ErrRateLimited, "Try again later, or paste the key.")},
		func(r *rig) { r.goTo("SSH keys").press("down", "enter", "ada", "enter") }},
	"keys-imported": {testHouse{imported: manyKeys(2)}, func(r *rig) { r.goTo("SSH keys").press("down", "enter", "ada", "enter") }},
	"keys-paste": {testHouse{}, func(r *rig) {
		r.goTo("SSH keys").press("down", "down", "enter")
		r.send(tea.PasteMsg{Content: "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"})
	}},
	"keys-new":     {testHouse{}, func(r *rig) { r.goTo("SSH keys").press("down", "down", "down", "enter") }},
	"keys-loading": {testHouse{}, func(r *rig) { r.goTo("SSH keys").m.screen.(*keysScreen).wait = true }},
	"keys-import-waiting": {testHouse{}, func(r *rig) {
		r.goTo("SSH keys").press("down", "enter", "ada")
		r.m.screen.(*keysScreen).submit() // what it gives is not run: nobody answers
	}},
	"keys-new-error": {testHouse{newKeyErr: fault.New(fault.Usage, "make a key", "~/.ssh/id_ed25519_floe", errors.New("there is such a file already"), "Choose another name.")},
		func(r *rig) { r.goTo("SSH keys").press("down", "down", "down", "enter", "enter") }},
	"text":          {testHouse{}, func(r *rig) { r.goTo("Host name") }},
	"text-error":    {testHouse{}, func(r *rig) { r.goTo("Host name").press("_", "enter") }},
	"text-long":     {testHouse{}, func(r *rig) { r.goTo("Host name").press(strings.Repeat("long", 40)) }},
	"codes":         {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("shift+tab", "noembed host=box quiet") }},
	"codes-table":   {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("down", "down", "down", "down", "space", "down", "space") }},
	"codes-none":    {testHouse{}, func(r *rig) { r.goTo("Boot codes") }},
	"codes-filter":  {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("/", "mirror") }},
	"codes-empty":   {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("/", "zzz", "enter") }},
	"codes-value":   {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("/", "fixed", "enter", "space", "10.0.0.2") }},
	"codes-chosen":  {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("space", "box", "enter", "/", "own", "enter") }},
	"codes-wrong":   {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("shift+tab", "tz=Berlin noembedd") }},
	"memory":        {testHouse{}, func(r *rig) { r.goTo("Memory").press("up") }},
	"memory-arm64":  {testHouse{}, func(r *rig) { r.goTo("Architecture").press("down").goTo("Memory") }},
	"memory-scarce": {testHouse{}, func(r *rig) { r.goTo("Memory").press("ctrl+u", "96") }},
	"memory-error":  {testHouse{}, func(r *rig) { r.goTo("Memory").press("ctrl+u", "63") }},
	"path":          {testHouse{}, func(r *rig) { r.goTo("Image") }},
	"path-warning":  {testHouse{}, func(r *rig) { r.goTo("Image").press("ctrl+u", "/old/x.iso") }},
	"choice": {testHouse{}, func(r *rig) {
		r.goTo("Review")
		r.m.flow.Edit("firmware")
		r.m.show()
	}},
	"choice-overfull": {testHouse{}, func(r *rig) {
		r.goTo("Runtime")
		c := r.m.screen.(*choiceScreen)
		for i := range 30 {
			c.step.Choices = append(c.step.Choices, steps.Choice{Value: steps.Docker, Title: fmt.Sprint("Runtime ", i), Help: strings.Repeat("one more of them; ", 8), Cost: steps.Cost{Image: 1e6, Memory: 10}})
		}
		r.press("pgdown", "pgdown")
	}},
	"architecture":       {testHouse{}, func(r *rig) { r.goTo("Architecture") }},
	"architecture-arm64": {testHouse{}, func(r *rig) { r.goTo("Architecture").press("down") }},
	"board":              {testHouse{}, func(r *rig) { r.goTo("Architecture").press("down", "enter").at("Board") }},
	"runtime":            {testHouse{}, func(r *rig) { r.goTo("Runtime") }},
	"runtime-arm64":      {testHouse{}, func(r *rig) { r.goTo("Architecture").press("down").goTo("Runtime").press("up", "up") }},
	"runtime-none":       {testHouse{}, func(r *rig) { r.goTo("Runtime").press("up", "up") }},
	"runtime-seal":       {testHouse{}, func(r *rig) { r.goTo("Runtime").press("down") }},
	"choice-refused": {testHouse{}, func(r *rig) {
		r.goTo("Architecture").press("down").goTo("Review")
		r.m.flow.Edit("firmware")
		r.m.show()
		r.press("down", "enter")
	}},
	"review":        {testHouse{}, func(r *rig) { r.goTo("Review") }},
	"review-answer": {testHouse{}, func(r *rig) { r.goTo("Review").press("up", "up", "up") }},
	"codes-overfull": {testHouse{}, func(r *rig) {
		r.goTo("Boot codes").press("shift+tab", strings.Repeat("quiet host=box tz=Europe/Berlin ", 9))
	}},
	"path-overfull":   {testHouse{}, func(r *rig) { r.goTo("Image").press("ctrl+u", "/old/"+strings.Repeat("deep/", 60)+"x.iso") }},
	"path-impossible": {testHouse{}, func(r *rig) { r.goTo("Image").press("ctrl+u", "/proc/x.iso", "enter") }},
	"path-error":      {testHouse{}, func(r *rig) { r.goTo("Image").press("ctrl+u", "images/", "enter") }},
	"review-overfull": {testHouse{keys: manyKeys(30)}, func(r *rig) {
		r.goTo("SSH keys")
		for range 30 {
			r.press("down", "space")
		}
		r.press("enter").goTo("Boot codes").press("shift+tab", strings.Repeat("quiet ", 40), "enter").goTo("Image").press("ctrl+u", strings.Repeat("deep/", 40)+"x.iso", "enter")
	}},
	"review-replace": {testHouse{saveErr: fs.ErrExist}, func(r *rig) { r.goTo("Review").press("s") }},
	"review-error":   {testHouse{saveErr: fault.New(fault.Missing, "save the plan", "floe.toml", errors.New("permission denied"), "")}, func(r *rig) { r.goTo("Review").press("s") }},
	"building-empty": {testHouse{}, func(r *rig) { building(r, nil) }},
	"log-empty": {testHouse{}, func(r *rig) {
		building(r, nil)
		r.press("l")
	}},
	"log-overfull": {testHouse{}, func(r *rig) {
		var events []report.Event
		for i := range 500 {
			events = append(events, report.Event{Time: after(float64(i)), Stage: "kernel", Kind: report.Log, Text: strings.Repeat(fmt.Sprintf("CC %d.o ", i), 20)})
		}
		building(r, events)
		r.press("l")
		r.view()
		r.press("up")
	}},
	"build-stopped": {testHouse{}, func(r *rig) {
		building(r, testEvents())
		r.press("ctrl+c", "down", "enter")
		r.send(builtMsg{err: context.Canceled})
	}},
	"failed-overfull": {testHouse{}, func(r *rig) {
		building(r, testEvents())
		r.send(builtMsg{built: Built{Log: "/home/ada/.local/state/floe/last-build.log"}, err: fault.New(fault.Network, "fetch", strings.Repeat("dists/trixie/", 30), errors.New(strings.Repeat("no route to host; ", 40)), strings.Repeat("check the network; ", 30))})
	}},
	"done-overfull": {testHouse{built: func() Built {
		b := testBuilt()
		b.Path = "/" + strings.Repeat("deep/", 60) + "floe.iso"
		for i := range 20 {
			b.Parts = append(b.Parts, Row{Key: fmt.Sprint("part", i), Value: "1 byte"})
			b.Next = append(b.Next, Command{What: "docker here, containers on the machine at ADDRESS", Line: "docker context create floe --docker host=ssh://floe@ADDRESS"})
		}
		return b
	}()}, func(r *rig) { r.goTo("Review").press("enter") }},
	"done-board": {testHouse{built: func() Built {
		b := testBuilt()
		b.Path, b.Fixed, b.Next = "/home/ada/floe-rpi.img", true, []Command{{What: "put it on the board's memory card", Line: "floe write floe-rpi.img"}}
		return b
	}()}, func(r *rig) { r.goTo("Architecture").press("down", "enter", "down").goTo("Review").press("enter") }},
	"path-looking": {testHouse{}, func(r *rig) {
		r.goTo("Image")
		s := r.m.screen.(*textScreen)
		s.looking, s.beats = true, -1
		r.view()
		r.m.beats++
	}},
	"command-overfull": {testHouse{}, func(r *rig) {
		r.goTo("Boot codes").press("shift+tab", strings.Repeat("quiet host=box tz=Europe/Berlin ", 30), "enter").goTo("Review").press("p")
	}},
	"review-saved": {testHouse{}, func(r *rig) { r.goTo("Review").press("s") }},
	"command":      {testHouse{}, func(r *rig) { r.goTo("Host name").press("x", "enter").goTo("Review").press("p") }},
	"help":         {testHouse{}, func(r *rig) { r.goTo("Review").press("?") }},
	"leave":        {testHouse{}, func(r *rig) { r.goTo("Boot codes").press("ctrl+c") }},
	"building": {testHouse{}, func(r *rig) {
		building(r, testEvents())
	}},
	"building-quiet": {testHouse{}, func(r *rig) {
		building(r, testEvents())
		r.m.build.tick(after(300))
	}},
	"building-overfull": {testHouse{}, func(r *rig) {
		var events []report.Event
		for i := range 40 {
			id := fmt.Sprint("stage", i)
			events = append(events, report.Event{Time: after(float64(i)), Stage: id, Kind: report.Started, Text: fmt.Sprint("Stage ", i)})
			if i < 30 {
				events = append(events, report.Event{Time: after(float64(i)), Stage: id, Kind: report.Done, Elapsed: 1e9})
			}
		}
		building(r, events)
	}},
	"stopping": {testHouse{}, func(r *rig) {
		building(r, testEvents())
		r.press("ctrl+c", "down", "enter")
	}},
	"failed": {testHouse{}, func(r *rig) {
		building(r, append(testEvents(),
			report.Event{Time: after(81), Stage: "kernel", Kind: report.Log, Text: "fs/ext4/inode.c:7:1: error: expected ';' before 'int'"},
			report.Event{Time: after(81), Stage: "kernel", Kind: report.Log, Text: "make: *** [Makefile:248: __sub-make] Error 2"},
			report.Event{Time: after(82), Stage: "kernel", Kind: report.Failed, Text: "make: exit status 2", Elapsed: 67e9}))
		r.send(builtMsg{built: Built{Log: "/home/ada/.local/state/floe/last-build.log"}, err: kernelFailure("fs/ext4/inode.c:7:1: error: expected ';' before 'int'",
			"Try again: what was finished is kept. If it ends at the same line, the fault is in the sources or in floe.")})
	}},
	"failed-briefly": {testHouse{}, func(r *rig) {
		building(r, append(testEvents(),
			report.Event{Time: after(81), Stage: "kernel", Kind: report.Log, Text: "fs/ext4/inode.c:7:1: error: expected ';' before 'int'"},
			report.Event{Time: after(81), Stage: "kernel", Kind: report.Log, Text: "make: *** [Makefile:248: __sub-make] Error 2"},
			report.Event{Time: after(82), Stage: "kernel", Kind: report.Failed, Text: "make: exit status 2", Elapsed: 67e9}))
		r.send(builtMsg{built: Built{Log: "/home/ada/.local/state/floe/last-build.log"}, err: buildFailure()})
	}},
	"failed-memory": {testHouse{}, func(r *rig) {
		building(r, append(testEvents(),
			report.Event{Time: after(81), Stage: "kernel", Kind: report.Log, Text: "gcc: fatal error: Killed signal terminated program cc1"},
			report.Event{Time: after(82), Stage: "kernel", Kind: report.Failed, Text: "make: exit status 2", Elapsed: 67e9}))
		r.send(builtMsg{built: Built{Log: "/home/ada/.local/state/floe/last-build.log"}, err: kernelFailure("gcc: fatal error: Killed signal terminated program cc1",
			"Memory ran out: close other programs or add swap, and try again.")})
	}},
	"log": {testHouse{}, func(r *rig) {
		building(r, testEvents())
		r.press("l")
	}},
	"done": {testHouse{built: testBuilt()}, func(r *rig) { r.goTo("Review").press("enter") }},
}

// building puts a wizard where it is while it builds.
func building(r *rig, events []report.Event) {
	r.goTo("Review")
	r.m.startBuild(false) // what it gives is not run: nothing is built
	r.send(batchMsg(events))
}

func TestWizardScreens(t *testing.T) {
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			for _, look := range []string{"escape", "dark", "linux"} {
				var all strings.Builder
				for _, size := range wizardSizes {
					house := scene.house
					r := newRigOn(t, &house, looks[look], size[0], size[1])
					scene.play(r)
					view := r.view()
					checkText(t, name, looks[look], view)
					fmt.Fprintf(&all, "--- %d×%d\n%s\n", size[0], size[1], view)
				}
				if look == "linux" { // its letters are ASCII, its words those of the others
					for _, c := range strings.ReplaceAll(all.String(), "×", "x") {
						if c > '~' {
							t.Errorf("%q is shown where only ASCII is", c)
							break
						}
					}
					continue
				}
				golden(t, "wizard-"+name+"-"+look, all.String())
			}
		})
	}
}

// TestWelcomeCutsNothing: from 80×24 on all is said of every check; 60×16 has all of those
// that fail, with what mends them.
func TestWelcomeCutsNothing(t *testing.T) {
	for _, name := range []string{"welcome", "welcome-whole", "welcome-offline", "welcome-failing"} {
		for _, size := range wizardSizes {
			house := scenes[name].house
			r := newRigOn(t, &house, looks["escape"], size[0], size[1])
			if view := r.view(); size[0] >= 80 && strings.Contains(view, "…") {
				t.Errorf("%s at %v is cut:\n%s", name, size, view)
			}
			for _, c := range house.checks {
				r.press("down")
				for _, word := range strings.Fields(c.Text + " " + c.Hint) {
					r.sees(word) // at the cursor nothing is cut at any size
				}
			}
			r.press("home")
			for _, c := range house.checks {
				if c.Level < Warn {
					continue
				}
				if c.Level == Fail || size[0] >= 80 {
					for _, word := range strings.Fields(c.Text + " " + c.Hint) {
						r.sees(word)
					}
				}
			}
		}
	}
	// A long name takes the mascot's place.
	long := "a-long-host-name-for-a-box, kernel done at 14:02"
	r := newRig(t, &testHouse{beginnings: []Beginning{{Title: "Start", Note: "a few questions"}, {Title: "Resume", Note: long}}})
	r.sees(long)
}

// TestWizardTooSmall: the size needed is said, nothing is done by accident,
// and every answer is there again afterwards.
func TestWizardTooSmall(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Host name").press("x")
	for _, size := range [][2]int{{59, 16}, {60, 15}, {20, 5}, {5, 2}, {1, 1}} {
		r.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		view := r.view()
		if size[0] > 50 && !strings.Contains(view, "60×16") {
			t.Errorf("at %v: %s", size, view)
		}
		r.press("q", "enter", "esc")
		r.send(tea.PasteMsg{Content: "pasted"}) // nobody would see where it goes
	}
	r.send(tea.WindowSizeMsg{Width: 60, Height: 16})
	if r.at("Host name").sees("floex"); strings.Contains(r.view(), "pasted") {
		t.Errorf("it is pasted unseen\n%s", r.view())
	}
	r.send(tea.WindowSizeMsg{})
	if r.m.width != 80 || r.m.height != 24 {
		t.Errorf("a terminal without a size counts as %d×%d", r.m.width, r.m.height)
	}
}
