package stick

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/report"
)

// mounted mounts a disk with a new file system where people mount sticks.
func mounted(t *testing.T, d disks.Disk) (point string) {
	t.Helper()
	run(t, "mke2fs", "-q", "-F", d.Path)
	point, err := os.MkdirTemp("/mnt", "floe-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH); _ = os.Remove(point) })
	run(t, "mount", d.Path, point)
	return point
}

// TestChildProtectsByItself has an order that leaves out what floe needs: here
// the program itself is on the disk.
func TestChildProtectsByItself(t *testing.T) {
	image, d := disktest.Image(t, 1, 3), disktest.Loop(t, 128)
	point := mounted(t, d)
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(point, "floe")
	if err := os.WriteFile(there, program, 0o755); err != nil {
		t.Fatal(err)
	}
	o := order(t, image, disktest.Again(t, d), NewData)
	o.Unmount = []string{point}
	line, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(soon(t), there, "serve")
	in, out := strings.NewReader(string(line)+"\n"), &strings.Builder{}
	hold, err := cmd.StdinPipe() // its end would cancel
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.WriteTo(hold); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != int(fault.Disk) || !strings.Contains(out.String(), "carries "+point) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestChildProtectsWhatItIsTold: where the elevator leaves nothing of the person's
// environment, the order alone tells of a store that is elsewhere, and that is
// heeded.
func TestChildProtectsWhatItIsTold(t *testing.T) {
	image, d := disktest.Image(t, 1, 3), disktest.Loop(t, 64)
	disktest.Readable(t, image)
	point := mounted(t, d)
	t.Setenv("FLOE_STORE", filepath.Join(point, "store"))
	o := order(t, image, disktest.Again(t, d), NewData)
	o.Unmount, o.Protect = []string{point}, []string{filepath.Join(point, "store")}
	for _, told := range []bool{true, false} {
		if !told {
			o.Protect = nil // it is written: the environment did not tell
		}
		c, err := Elevate(soon(t), elevator(t, `exec env -i SUDO_UID=1001 "$@"`), os.Args[0], []string{"serve"}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Write(soon(t), o, report.Discard)
		if refused := fault.Code(err) == int(fault.Disk) && strings.Contains(err.Error(), "carries "+point); refused != told {
			t.Errorf("told %t: %v", told, err)
		}
	}
}

func TestNeeded(t *testing.T) {
	accounts := filepath.Join(t.TempDir(), "passwd")
	text := "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:::\n# a word\nada:x:1001:1001:Ada,,,:/media/ada/HOME:/bin/sh\nrel:x:1:1::home:/bin/sh\n"
	if err := os.WriteFile(accounts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := homes(accounts); !slices.Equal(got, []string{"/root", "/media/ada/HOME"}) {
		t.Errorf("%q", got)
	}
	t.Setenv("FLOE_STORE", "/mnt/store")
	t.Setenv("HOME", "/mnt/me")
	got := needed(&user.User{HomeDir: "/mnt/ada"})
	for _, want := range append(homes("/etc/passwd"), "/mnt/me", "/mnt/store", "/mnt/ada", "/mnt/ada/.cache/floe") {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not in %q", want, got)
		}
	}
}

// TestLargeSectors: a disk with sectors of 4096 bytes is refused before anything
// is lost, whether sysfs tells of them or only the disk itself.
func TestLargeSectors(t *testing.T) {
	image, d := disktest.Image(t, 1, 3), disktest.Loop(t, 64)
	small := d
	f, err := os.OpenFile(d.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), unix.LOOP_SET_BLOCK_SIZE, 4096); err != nil {
		t.Skip(err)
	}
	d = disktest.Again(t, d)
	refused := func(err error) {
		t.Helper()
		if fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "its sectors have 4096 bytes") || !strings.Contains(fault.Hint(err), "Nothing was changed") {
			t.Errorf("%v; %s", err, fault.Hint(err))
		}
	}
	_, err = Write(t.Context(), order(t, image, d, NewData), disks.Here(), report.Discard)
	refused(err)
	refused((&block{File: f, disk: small}).compare(small.Identity))
	if got := disktest.Content(t, d.Path, 0, 9); string(got) != "old data " {
		t.Errorf("the disk has lost its data: %q", got)
	}
}

// TestExchanged: what was opened is compared once more, by what it tells itself.
func TestExchanged(t *testing.T) {
	d := disktest.Loop(t, 8)
	f, err := os.Open(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := &block{File: f, disk: d}
	if err := b.compare(d.Identity); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*disks.Identity){
		"number": func(i *disks.Identity) { i.Number.Minor++ }, "size": func(i *disks.Identity) { i.Size-- }, "count": func(i *disks.Identity) { i.Sequence-- },
	} {
		other := d.Identity
		change(&other)
		if err := b.compare(other); fault.Code(err) != int(fault.Disk) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// exchanging is the access of root, but for what happens while it opens a disk.
type exchanging struct {
	root
	path  string // opened instead, unless it is ""
	while func()
}

func (e exchanging) open(ctx context.Context, disk disks.Disk) (*os.File, error) {
	if e.path != "" {
		disk.Path = e.path
	}
	f, err := e.root.open(ctx, disk)
	if e.while != nil {
		e.while()
	}
	return f, err
}

// TestExchangedMeanwhile: what was looked at before it was opened is looked at once
// more, and so is what is open.
func TestExchangedMeanwhile(t *testing.T) {
	image, d, other := disktest.Image(t, 1, 3), disktest.Loop(t, 64), disktest.Loop(t, 64)
	sys := t.TempDir() // as if the machine were asked, and then told something else
	if err := os.Symlink("/sys", filepath.Join(sys, "sys")); err != nil {
		t.Fatal(err)
	}
	machine := disks.Here()
	machine.Sys = filepath.Join(sys, "sys")
	for name, a := range map[string]exchanging{
		"another disk is open": {path: other.Path},
		"it is not there any more": {while: func() {
			_ = os.Remove(machine.Sys)
			_ = os.MkdirAll(filepath.Join(machine.Sys, "block"), 0o755)
		}},
	} {
		_, err := write(t.Context(), order(t, image, d, NewData), machine, a, nil, report.Discard, func() error { return nil })
		if fault.Code(err) != int(fault.Disk) {
			t.Errorf("%s: %v", name, err)
		}
		for _, disk := range []disks.Disk{d, other} {
			if got := disktest.Content(t, disk.Path, 0, 9); string(got) != "old data " {
				t.Errorf("%s: %s has lost its data: %q", name, disk.Path, got)
			}
		}
		_ = os.RemoveAll(machine.Sys)
		_ = os.Symlink("/sys", machine.Sys)
	}
}

// TestHowItIsOpen: past the page cache, and for this process alone.
func TestHowItIsOpen(t *testing.T) {
	d := disktest.Loop(t, 8)
	f, err := root{}.open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_DIRECT == 0 {
		t.Errorf("flags %o, %v", flags, err)
	}
	if again, err := (root{}).open(t.Context(), d); !errors.Is(err, unix.EBUSY) {
		again.Close()
		t.Errorf("it is opened twice: %v", err)
	}
}

// TestGone: a disk that was pulled out is gone even if its writes fail a moment
// before the kernel has taken it away, and one of the same number is another.
func TestGone(t *testing.T) {
	sys := t.TempDir()
	dir := filepath.Join(sys, "dev", "block", "8:0")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "diskseq"), []byte("7\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	b := &block{system: disks.System{Sys: sys}, disk: disks.Disk{Identity: disks.Identity{Number: disks.Number{Major: 8}, Sequence: 7}}}
	if b.Gone() {
		t.Error("a disk that is there is gone")
	}
	other := *b
	if other.disk.Sequence--; !other.Gone() {
		t.Error("another disk is taken for it")
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = os.RemoveAll(dir) })
	if !b.Gone() {
		t.Error("it goes away, and that is not noticed")
	}
}

// TestElsewhere: what is mounted in another mount namespace only cannot be seen,
// and is left alone all the same.
func TestElsewhere(t *testing.T) {
	image, d := disktest.Image(t, 1, 3), disktest.Loop(t, 64)
	run(t, "mke2fs", "-q", "-F", d.Path)
	o := order(t, image, d, NewData)
	cmd := exec.CommandContext(soon(t), "unshare", "-m", "--propagation", "private", "sh", "-c", fmt.Sprintf("mount -o ro %s %s && echo ready && read line", d.Path, t.TempDir()))
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Skip(err)
	}
	before := disktest.Content(t, d.Path, 0, 8192)
	if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "something else has it open") {
		t.Errorf("%v", err)
	}
	if string(disktest.Content(t, d.Path, 0, 8192)) != string(before) {
		t.Error("the disk was changed")
	}
}

// TestImageOnTheDisk: the disk that the image lies on is not written, even where its
// mount is agreed to be lost, and by whatever path the image is called.
func TestImageOnTheDisk(t *testing.T) {
	image, d := disktest.Image(t, 1, 3), disktest.Loop(t, 64)
	point := mounted(t, d)
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	there, link := filepath.Join(point, "floe.iso"), filepath.Join(t.TempDir(), "floe.iso")
	if err := errors.Join(os.WriteFile(there, b, 0o600), os.Symlink(there, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{there, link} {
		o := order(t, path, disktest.Again(t, d), NewData)
		o.Unmount = []string{point}
		if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "carries "+point) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if now, err := os.ReadFile(there); err != nil || len(now) != len(b) {
		t.Errorf("the image is gone: %v", err)
	}
}

// TestStacked: where another disk is mounted on the same point, none of the two
// is unmounted.
func TestStacked(t *testing.T) {
	image, lower, upper := disktest.Image(t, 1, 3), disktest.Loop(t, 64), disktest.Loop(t, 64)
	point := mounted(t, lower)
	run(t, "mke2fs", "-q", "-F", upper.Path)
	run(t, "mount", upper.Path, point)
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	o := order(t, image, disktest.Again(t, lower), NewData)
	o.Unmount = []string{point}
	if _, err := Write(t.Context(), o, disks.Here(), report.Discard); fault.Code(err) != int(fault.Disk) || !strings.Contains(err.Error(), "carries "+point) {
		t.Errorf("%v", err)
	}
	if got := disktest.Again(t, upper).MountPoints(); !slices.Equal(got, []string{point}) {
		t.Errorf("the other disk is mounted on %q", got)
	}
	o = order(t, image, disktest.Again(t, upper), NewData)
	o.Unmount = []string{point}
	mustWrite(t, o)
}
