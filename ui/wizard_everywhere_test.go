package ui

import (
	"context"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// everywhere calls a function for each scene, of the wizard and of a machine that it has
// started, on a terminal of 80×24.
func everywhere(t *testing.T, do func(name string, r *rig)) {
	t.Helper()
	for name, scene := range scenes {
		house := scene.house
		r := newRig(t, &house)
		scene.play(r)
		do(name, r)
	}
	for name, scene := range machineScenes {
		house := scene.house
		if house.machine != nil {
			machine := *house.machine
			house.machine = &machine
		}
		house.built = testBuilt()
		r := newRig(t, &house)
		scene.play(r)
		do("machine-"+name, r)
	}
}

// ctrl+c asks on every screen; staying comes first, and changes nothing.
func TestWizardAsksBeforeItLeaves(t *testing.T) {
	everywhere(t, func(name string, r *rig) {
		if r.m.dialog != nil {
			return
		}
		before := r.view()
		for _, stay := range []string{"enter", "esc"} {
			r.press("ctrl+c")
			if r.m.dialog == nil || r.m.dialog.at != 0 {
				t.Errorf("%s: ctrl+c does not ask with staying first:\n%s", name, r.view())
				break
			}
			if r.press(stay); r.quit || r.m.dialog != nil || r.view() != before {
				t.Errorf("%s: after ctrl+c and %s (quit: %t)\n%s", name, stay, r.quit, r.view())
			}
		}
		r.press("q", "x")
		if r.quit {
			t.Errorf("%s: a bare letter quits", name)
		}
		if r.m.running() {
			r.m.build.end(Built{}, context.Canceled)
		}
		if r.m.writing() {
			r.press("ctrl+c", "ctrl+c") // stops it
		}
		if r.press("ctrl+c", "ctrl+c"); !r.quit {
			t.Errorf("%s: ctrl+c twice does not leave:\n%s", name, r.view())
		}
	})
}

// Whatever is on the screen is there again after the window was smaller for a
// while, or far too small.
func TestWizardSurvivesResizing(t *testing.T) {
	everywhere(t, func(name string, r *rig) {
		before := r.view()
		for _, size := range [][2]int{{60, 16}, {100, 30}, {20, 5}, {200, 60}, {80, 24}} {
			r.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			r.view()
		}
		if after := r.view(); after != before {
			t.Errorf("%s: before\n%s\nafter\n%s", name, before, after)
		}
	})
}

// Hidden rows are marked: no screen draws more of them than it has, as what is beyond
// would be cut without a word.
func TestWizardCutsNoRowSilently(t *testing.T) {
	everywhere(t, func(name string, r *rig) {
		for _, size := range [][2]int{{80, 24}, {60, 16}, {60, 24}, {80, 16}, {64, 18}} {
			r.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			f := r.m.frame(r.m.grid())
			if lines := r.m.body(f).lines; len(lines) > f.height {
				t.Errorf("%s at %v draws %d rows where %d are:\n%s", name, size, len(lines), f.height, r.view())
			}
		}
	})
}
