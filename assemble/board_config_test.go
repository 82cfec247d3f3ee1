package assemble

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/internal/board"
)

// settingsOf reads config.txt as the firmware of a model does: the lines without a section,
// those of [all] and those of its own.
func settingsOf(model string) map[string]string {
	got, mine := map[string]string{}, true
	for line := range strings.Lines(boardSettings) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			name = strings.TrimSuffix(name, "]")
			mine = name == "all" || name == model
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			key, value, _ = strings.Cut(line, " ") // initramfs
		}
		if mine && line != "" && !strings.HasPrefix(line, "#") {
			got[key] = value
		}
	}
	return got
}

// TestBoardSettings: what a Raspberry Pi is told before Linux runs, which no emulator reads.
func TestBoardSettings(t *testing.T) {
	every := map[string]string{
		"arm_64bit":       "1", // else a Pi 3 starts a kernel of 32 bits
		"upstream_kernel": "1", // device trees by Linux's own names
		"enable_uart":     "1", // else the clock of the port on the header changes with the processor's
		"disable_splash":  "1",
		"kernel":          "kernel8.img",
		"initramfs":       "core.img,personal.img followkernel",
	}
	for model, more := range map[string]map[string]string{
		"pi3": {}, "pi4": {},
		// A Pi 5 starts nothing that does not name it, unless it is told not to look.
		"pi5": {"os_check": "0", "cmdline": "cmdline5.txt"},
	} {
		want := maps.Clone(every)
		maps.Copy(want, more)
		if got := settingsOf(model); !maps.Equal(got, want) {
			t.Errorf("%s: %q, not %q", model, got, want)
		}
	}
}

// TestBoardConsoles: each model's kernel speaks on the screen and, last, on the model's own
// serial port, unless the boot codes name a console.
func TestBoardConsoles(t *testing.T) {
	want := map[string]string{"cmdline.txt": "console=ttyS1,115200", "cmdline5.txt": "console=ttyAMA10,115200"}
	if got := slices.Sorted(maps.Keys(boardConsoles)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("files %q", got)
	}
	spec := Spec{Arch: arch.ARM64, Board: board.RaspberryPi, Hostname: "box", BootCodes: []string{"noembed"}}
	for file, console := range boardConsoles {
		line := boardLine(spec, console)
		if words := strings.Fields(line); !strings.HasPrefix(line, "console=tty0 "+want[file]+" ") || !slices.Contains(words, "noembed") {
			t.Errorf("%s: %s", file, line)
		}
		own := spec
		own.BootCodes = []string{"console=ttyS0"}
		if line := boardLine(own, console); strings.Count(line, "console=") != 1 {
			t.Errorf("%s with a console of one's own: %s", file, line)
		}
	}
}
