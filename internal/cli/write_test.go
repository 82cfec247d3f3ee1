package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/stick"
)

// run runs floe without a terminal.
func run(t *testing.T, env []string, args ...string) (out string, code int) {
	t.Helper()
	cmd := floe(t, env, args...)
	b, _ := cmd.CombinedOutput()
	return string(b), cmd.ProcessState.ExitCode()
}

// starts gives the first bytes of a device's file.
func starts(t *testing.T, d disks.Disk) string {
	t.Helper()
	return string(disktest.Content(t, d.Serial, 0, 8))
}

// TestWriteUnattended: without a terminal only a serial number says which disk
// is meant.
func TestWriteUnattended(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Loop(t, 96)
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{image}, 2, "--to"},
		{[]string{"--to", d.Path}, 2, "one image"},
		{[]string{image, "--to", d.Path}, 2, "--serial"},
		{[]string{image, "--to", "/dev/null", "--serial", "1234"}, 2, "is no disk"},
		{[]string{image, "--to", d.Path, "--serial", "1234"}, 4, "does not end in"},
		{[]string{image, "--to", d.Path, "--serial", "img"}, 4, "four characters"},
		{[]string{"/etc/passwd", "--to", d.Path, "--serial", d.Serial}, 2, "ISO 9660"},
		{[]string{image, "--to", d.Path, "--serial", d.Serial, "--keep-data"}, 4, "no data partition to keep"},
	} {
		if out, code := run(t, nil, append([]string{"write"}, tt.args...)...); code != tt.code || !strings.Contains(out, tt.says) {
			t.Errorf("%q: exit code %d\n%s", tt.args, code, out)
		}
	}
	if starts(t, d) != "old data" {
		t.Fatal("the disk has lost its data")
	}
	out, code := run(t, nil, "write", image, "--to", d.Path, "--serial", d.Serial)
	if code != 0 || !strings.Contains(out, "safe to remove") || !strings.Contains(out, "Read back and compare") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if starts(t, d) == "old data" {
		t.Error("nothing was written")
	}
	out, code = run(t, nil, "--progress", "json", "write", image, "--to", d.Path, "--serial", d.Serial, "--new-data")
	for line := range strings.Lines(out) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestWriteConfirmed: a person types the disk's name, and nothing else will do.
func TestWriteConfirmed(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Loop(t, 96)
	for _, answer := range []string{"y\r", "yes\r", "loop\r", "\r", "\x04"} {
		c := openConsole(t, floe(t, nil, "write", image, "--to", d.Path))
		c.sees("This disk will be erased", d.Path, "loop device", "Type its name, loop device").keys(answer)
		c.ends(130)
	}
	if starts(t, d) != "old data" {
		t.Fatal("the disk has lost its data")
	}
	c := openConsole(t, floe(t, nil, "write", image, "--to", d.Path))
	c.sees("Type its name").keys("Loop  device\r").sees("safe to remove")
	c.ends(0)
}

// TestWriteChoosesADisk: without --to there is a list. Leaving it changes
// nothing, and neither does choosing.
func TestWriteChoosesADisk(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Loop(t, 96)
	env := []string{"FLOE_LOOP=1"}
	for _, leave := range []string{"\x1b", "\x03"} {
		c := openConsole(t, floe(t, env, "write", image))
		c.sees("Which disk?", d.Path).keys(leave)
		c.ends(130)
	}
	c := openConsole(t, floe(t, env, "write", image))
	c.sees("Which disk?", d.Path).keys("/").sees("/").keys(d.Path + " ").keys("\r").keys("\r")
	c.sees("This disk will be erased", d.Path, "Type its name").keys("\x04")
	c.ends(130)
	if starts(t, d) != "old data" {
		t.Fatal("the disk has lost its data")
	}
}

// TestChosenIsNotTheName: a disk that takes the place of the one in the list, with
// its name, is not the one that was chosen.
func TestChosenIsNotTheName(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("loop devices take root")
	}
	image, content := disktest.Image(t, 1, 4), bytes.Repeat([]byte("old data"), 12<<20)
	file := func(name string) *os.File {
		path := filepath.Join(t.TempDir(), name)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	one, two := file("one"), file("two")
	device, detach, err := disktest.Attach(one)
	if err != nil {
		t.Skip(err)
	}
	c := openConsole(t, floe(t, []string{"FLOE_LOOP=1"}, "write", image))
	c.sees("Which disk?", device.Name()).keys("/").sees("/").keys(device.Name() + " ").keys("\r").sees("Type its name")
	detach()
	again, err := disktest.AttachAs(device.Name(), two)
	if errors.Is(err, unix.EBUSY) {
		t.Skip("somebody else was given ", device.Name())
	} else if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	c.keys("loop device\r").sees("it is not the disk that was chosen")
	c.ends(int(fault.Disk))
	if got, err := os.ReadFile(two.Name()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the other disk was changed, or %v", err)
	}
}

// TestElevatorRefusal: whoever may not write gets the words of what refused,
// and the disk is left alone.
func TestElevatorRefusal(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Loop(t, 96)
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\necho 'tester is not in the sudoers file.' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := floe(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, "write", image, "--to", d.Path, "--serial", d.Serial)
	for _, dir := range []string{filepath.Dir(image), filepath.Dir(filepath.Dir(image)), bin, filepath.Dir(bin), cmd.Dir, filepath.Dir(cmd.Dir), filepath.Dir(filepath.Dir(cmd.Dir)), filepath.Dir(d.Serial), filepath.Dir(os.Args[0])} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(image, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd.Args = append([]string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}, append([]string{os.Args[0]}, cmd.Args[1:]...)...)
	cmd.Path, _ = exec.LookPath("setpriv")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(out), "is not in the sudoers file") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if starts(t, d) != "old data" {
		t.Fatal("the disk has lost its data")
	}
}

// TestDisks lists what there is, for people and for programs.
func TestDisks(t *testing.T) {
	t.Parallel()
	d := disktest.Loop(t, 16)
	out, code := run(t, nil, "disks", "--all", "--json")
	var list []struct{ Path, Serial, Refused string }
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
		t.Fatalf("exit code %d: %v\n%s", code, err, out)
	}
	found := false
	for _, l := range list {
		found = found || l.Path == d.Path && l.Serial == d.Serial && l.Refused == ""
	}
	if !found {
		t.Errorf("%s is not in\n%s", d.Path, out)
	}
	if out, code = run(t, nil, "disks", "--all"); code != 0 || !strings.Contains(out, d.Path) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if out, _ = run(t, nil, "disks"); strings.Contains(out, d.Path) {
		t.Errorf("a loop device is listed\n%s", out)
	}
}

// TestProtected: the disk of what the person told floe to keep elsewhere is never
// written, whichever way that was told.
func TestProtected(t *testing.T) {
	t.Parallel()
	d := disktest.Loop(t, 32)
	if out, err := exec.CommandContext(t.Context(), "mke2fs", "-q", "-F", d.Path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	point, err := os.MkdirTemp("/mnt", "floe-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.Remove(point) })
	if err := unix.Mount(d.Path, point, "ext2", 0, ""); err != nil {
		if err = unix.Mount(d.Path, point, "ext4", 0, ""); err != nil {
			t.Skip(err)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	refused := func(env []string, args ...string) string {
		var list []struct{ Path, Refused string }
		out, code := run(t, env, append([]string{"disks", "--all", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
			t.Fatalf("exit code %d: %v\n%s", code, err, out)
		}
		for _, l := range list {
			if l.Path == d.Path {
				return l.Refused
			}
		}
		t.Fatalf("%s is not listed", d.Path)
		return ""
	}
	if why := refused(nil); why != "" {
		t.Fatalf("it is refused in any case: %s", why)
	}
	there := filepath.Join(point, "not", "yet")
	for _, name := range []string{"HOME", "FLOE_STORE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"} {
		if why := refused([]string{name + "=" + there}); !strings.HasPrefix(why, "carries "+point) {
			t.Errorf("%s: %q", name, why)
		}
	}
	if why := refused(nil, "--store", there); !strings.HasPrefix(why, "carries "+point) {
		t.Errorf("--store: %q", why)
	}
}

// TestServeWithoutListener: a child whose floe has gone stops with its own words
// and not in the middle of one.
func TestServeWithoutListener(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Loop(t, 96)
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(stick.Order{
		Image: image, SHA256: fmt.Sprintf("%x", sha256.Sum256(b)), Size: int64(len(b)), Disk: d.Identity, Data: stick.NoData,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := floe(t, nil, serveName)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if first, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(first, "ready") {
		t.Errorf("%q, %v", first, err)
	}
	out.Close()
	if _, err := in.Write(append(line, '\n')); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != int(fault.Cancelled) {
		t.Errorf("exit code %d: %v", code, cmd.ProcessState)
	}
}

// TestServeRefuses: the elevated child is no way around the questions.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	cmd := floe(t, nil, serveName)
	cmd.Stdin = strings.NewReader("{}\n")
	out, _ := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !bytes.Contains(out, []byte(`"failure"`)) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestConfirmName(t *testing.T) {
	t.Parallel()
	named := func(vendor, model string) disks.Disk {
		return disks.Disk{Kernel: "sdb", Identity: disks.Identity{Vendor: vendor, Model: model}}
	}
	for d, want := range map[[2]string]string{{"SanDisk", "Ultra Fit"}: "SanDisk Ultra Fit", {"", ""}: "sdb", {"", "名前"}: "sdb"} {
		if got := confirmName(named(d[0], d[1])); got != want {
			t.Errorf("%q: %q", d, got)
		}
	}
	if !isName(" sandisk  ULTRA fit ", "SanDisk Ultra Fit") || isName("SanDisk", "SanDisk Ultra Fit") || isName("", "sdb") {
		t.Error("the wrong answers confirm")
	}
}

// TestDisksStandForThemselves: what the wizard knows a disk by is never what it
// knows another one by, even one that tells the same of itself.
func TestDisksStandForThemselves(t *testing.T) {
	t.Parallel()
	stick := func(serial string, minor uint32, count uint64) disks.Disk {
		return disks.Disk{Identity: disks.Identity{Number: disks.Number{Major: 8, Minor: minor}, Model: "Flash Disk", Serial: serial, Size: 16e9, Sequence: count}}
	}
	key := func(one disks.Disk, others ...disks.Disk) string {
		return shownDisks(append([]disks.Disk{one}, others...), 0)[0].Key
	}
	for _, tt := range []struct {
		name     string
		one, two string
		same     bool
	}{
		{"the first of two equal ones, and the second without it", key(stick("SAME", 0, 5), stick("SAME", 16, 6)), key(stick("SAME", 16, 6)), false},
		{"two equal ones", key(stick("SAME", 0, 5), stick("SAME", 16, 6)), key(stick("SAME", 16, 6), stick("SAME", 0, 5)), false},
		{"one without a serial number, and another in its place", key(stick("", 0, 5)), key(stick("", 0, 6)), false},
		{"one without a serial number, looked at twice", key(stick("", 0, 5)), key(stick("", 0, 5)), true},
		{"one that was plugged in again under another name", key(stick("AAAA", 0, 5)), key(stick("AAAA", 16, 6), stick("BBBB", 0, 7)), true},
	} {
		if (tt.one == tt.two) != tt.same {
			t.Errorf("%s: %q, %q", tt.name, tt.one, tt.two)
		}
	}
}
