package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/store"
)

// TestWizardBuildsAndTriesOut is the whole way in a real terminal: from the
// first question to an image, to a machine that boots it, in over ssh, to its
// console and back, until it is off and the question comes whether to write. What is built comes from the person's own
// store, in which most of it is there already.
func TestWizardBuildsAndTriesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and boots")
	}
	archivetest.Seat(t)
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	mirror := os.Getenv("FLOE_MIRROR") // "" is the host's own
	cmd := floeFor(t, time.Hour, []string{"FLOE_STORE=" + dir, "FLOE_MIRROR=" + mirror, "FLOE_RUNTIME=none", "FLOE_MEMORY=128", "FLOE_CPUS=1"})
	c := openConsole(t, cmd)
	c.sees("Start").keys("\r")
	for _, s := range screens[:len(screens)-1] {
		c.sees(s).keys("\r")
	}
	c.sees(screens[len(screens)-1], "then ask before writing").keys("j\r")
	c.patience = 40 * time.Minute // without a warm store
	c.sees("firmware", "console")
	c.keys("?").sees("Ctrl-]").keys("\x1b").sees("s log in")
	c.patience = 10 * time.Minute // an emulated machine on a busy host
	c.sees("MiB used")
	c.stays("MiB used", "console")
	c.sees("MiB used", "power off")
	// The console has every key but one. What is typed there is not what is
	// waited for: the shell puts it together.
	c.keys("c").sees("Ctrl-] comes back").keys("\recho con''sole-$((6*7))\r").sees("console-42").keys("\x1d").sees("s log in")
	c.keys("s").sees("exit comes back", "10.0.2.15").keys("stty size; echo in''side-$((6*7))\r").sees("24 80", "inside-42").keys("exit\r").sees("s log in")
	c.keys("p").sees("QEMU's command line", "-name floe").keys("\x1b").sees("s log in")
	c.keys("r").sees("Restart the machine?", "\u276f Keep it running").keys("j\r").sees("Restarted").sees("MiB used")
	c.keys("o").sees("Power the machine off?", "\u276f Keep it running").keys("\r").sees("MiB used")
	c.keys("o").sees("Power the machine off?").keys("j\r").sees("Write it to a USB stick now?", "It was seen to work", "has ended: powered off", "\u276f Not now")
	c.keys("\r").sees("Done", "sha256", "floe run --detach floe-amd64.iso", "\u276f Write it to a USB stick")
	if info, err := os.Stat(filepath.Join(cmd.Dir, "floe-amd64.iso")); err != nil || info.Size() < 4<<20 {
		t.Errorf("the image: %v, %v", info, err)
	}
	c.keys("k").stays("Done", "sha256", "\u276f Try it out in QEMU")
	c.keys("\x03").sees("The image stays").keys("j\r")
	c.ends(0)
	if !strings.Contains(c.String(), "What next") {
		t.Errorf("afterwards the terminal shows\n%s", c)
	}
	endsByTerm(t, cmd)
}

// endsByTerm: a live view that is ended by SIGTERM leaves neither the terminal
// nor a machine behind.
func endsByTerm(t *testing.T, before *exec.Cmd) {
	t.Helper()
	cmd := floeFor(t, time.Hour, nil, "run", "floe-amd64.iso")
	cmd.Dir, cmd.Env = before.Dir, before.Env
	c := openConsole(t, cmd)
	c.patience = 10 * time.Minute
	c.sees("Running", "firmware", "floe-amd64.iso")
	image := filepath.Join(cmd.Dir, "floe-amd64.iso")
	if len(qemus(image)) != 1 {
		t.Errorf("%d machines run", len(qemus(image)))
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	c.ends(130)
	if left := qemus(image); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// qemus are the command lines of QEMUs that have an image.
func qemus(image string) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if bytes.Contains(line, []byte("qemu-system")) && bytes.Contains(line, []byte(image)) {
			list = append(list, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return list
}
