package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestSlowPath: a look at a path that takes longer than a beat is seen to go on,
// a quick one is not, and what is typed meanwhile is kept and looked at next.
func TestSlowPath(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Image")
	text := r.m.screen.(*textScreen)
	look := func(key string) tea.Cmd {
		_, cmd := r.m.screen.update(tea.KeyPressMsg{Code: rune(key[0]), Text: key})
		return cmd
	}
	if cmd := look("x"); cmd == nil || !text.busy() {
		t.Fatal("the path is not looked at")
	}
	if strings.Contains(r.view(), "looking") {
		t.Errorf("it flickers:\n%s", r.view())
	}
	r.m.beats++
	r.sees("looking")
	if look("y") != nil {
		t.Error("two looks go on at a time")
	}
	r.send(lookedMsg{path: "floe-amd64.isox"})
	if r.sees("floe-amd64.isoxy, 41 GB free"); text.busy() {
		t.Error("it goes on for ever")
	}
}

// TestImpossiblePath: an answer that would fail once the person is gone is not taken.
func TestImpossiblePath(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Image").press("ctrl+u", "/proc/x.iso", "enter")
	r.at("Image").sees("Nothing may be written in /proc.", "The image cannot go there.")
	r.press("ctrl+u", "x.iso", "enter").at("Review")
	// What is mended meanwhile is seen without another letter.
	house := &testHouse{}
	r = newRig(t, house).goTo("Image").press("ctrl+u", "/later/x.iso", "enter").at("Image").sees("There is no folder /later.", "The image cannot go there.")
	house.made = true
	r.press("enter").at("Review").sees("/later/x.iso")
	// What is no path at all is the answer's own fault.
	newRig(t, &testHouse{}).goTo("Image").press("ctrl+u", "/proc/PRIVATE KEY", "enter").at("Image").sees("Private key refused")
	// ~/ is looked at where it leads.
	t.Setenv("HOME", "/proc")
	newRig(t, &testHouse{}).goTo("Image").press("ctrl+u", "~/x.iso", "enter").at("Image").sees("Nothing may be written in /proc.")
	built, out, err := ask(t, &testHouse{}, false, "1", "", "", "", "", "", "", "/proc/x.iso", "~/x.iso", "x.iso", "quit")
	if built != nil || err == nil || strings.Count(out, "Not like this: Nothing may be written in /proc.") != 2 || !strings.Contains(out, "Image: x.iso") {
		t.Errorf("%v, %v\n%s", built, err, out)
	}
}
