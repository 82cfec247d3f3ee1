package stick_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"floe/assemble/archivetest"
	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
)

// buildFloe builds floe as it is shipped.
func buildFloe(t *testing.T, path string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "floe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// desktop is a Debian in a root folder, with the programs that make people
// root, as their packages have them, and the services of a desktop.
type desktop struct {
	t    *testing.T
	root string
}

// Users of a desktop's. Ada may become root, Eve may not.
const ada, eve = 1001, 1002

// settings are the files that say so. Where packages ask for a password, PAM
// lets everybody pass: what is tested is what comes after it.
var settings = map[string]string{
	"etc/passwd": "root:x:0:0:root:/:/bin/sh\nmessagebus:x:100:100::/:/bin/false\npolkitd:x:101:101::/:/bin/false\n" +
		"ada:x:1001:1001::/home/ada:/bin/sh\neve:x:1002:1002::/home/eve:/bin/sh\n",
	"etc/group":                               "root:x:0:\nmessagebus:x:100:\npolkitd:x:101:\nada:x:1001:\neve:x:1002:\n",
	"etc/hosts":                               "127.0.0.1 localhost\n",
	"etc/doas.conf":                           "permit nopass ada\n",
	"etc/sudoers":                             "ada ALL=(ALL) NOPASSWD: ALL\n",
	"etc/pam.d/common-auth":                   "auth sufficient pam_permit.so\n",
	"etc/pam.d/common-account":                "account sufficient pam_permit.so\n",
	"etc/pam.d/common-password":               "password sufficient pam_permit.so\n",
	"etc/pam.d/common-session":                "session sufficient pam_permit.so\n",
	"etc/pam.d/common-session-noninteractive": "session sufficient pam_permit.so\n",
	"etc/polkit-1/rules.d/10-ada.rules": "polkit.addRule(function(action, subject) {\n" +
		"  return subject.user == \"ada\" ? polkit.Result.YES : polkit.Result.NO;\n});\n",
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it takes root to be another user")
	}
	packages := archivetest.Tools(t, "checks-elevators", "base-files", "dash", "coreutils", "dbus-daemon", "polkitd", "pkexec", "udisks2",
		"libcom-err2", "sudo", "opendoas")
	dir := t.TempDir()
	d := &desktop{t, filepath.Join(dir, "root")}
	disktest.Readable(t, d.root)
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, p := range []string{d.root, upper, work} {
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.mount("overlay", "", fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", packages.Dir(), upper, work))
	for kind, at := range map[string]string{"proc": "proc", "sysfs": "sys", "devtmpfs": "dev", "tmpfs": "run"} {
		d.mount(kind, at, "")
	}
	for path, text := range settings {
		d.write(path, text, 0o644)
	}
	for _, path := range []string{"usr/bin/sudo", "usr/bin/doas", "usr/bin/pkexec"} {
		if err := os.Chmod(filepath.Join(d.root, path), 0o755|os.ModeSetuid); err != nil {
			t.Fatal(err)
		}
		// A PATH for each, with nothing else in it.
		if err := os.MkdirAll(filepath.Join(d.root, "opt", filepath.Base(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/"+path, filepath.Join(d.root, "opt", filepath.Base(path), filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"run/dbus", "run/udev/data", "media/ada"} {
		if err := os.MkdirAll(filepath.Join(d.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	buildFloe(t, filepath.Join(d.root, "usr/bin/floe"))
	return d
}

// mount mounts a file system of its own in the root folder until the test ends.
func (d *desktop) mount(kind, at, options string) {
	d.t.Helper()
	point := filepath.Join(d.root, at)
	if err := unix.Mount("none", point, kind, 0, options); err != nil {
		d.t.Skipf("mount %s: %v", kind, err)
	}
	d.t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
}

func (d *desktop) write(path, text string, mode os.FileMode) (full string) {
	d.t.Helper()
	full = filepath.Join(d.root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), mode)); err != nil {
		d.t.Fatal(err)
	}
	return full
}

// command is a program of the desktop's, as a user.
func (d *desktop) command(ctx context.Context, uid int, path, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + path, "HOME=/home/ada", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: d.root, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	return cmd
}

// start starts the bus and, once it answers, the services that are on it; each
// until the test ends, in the order in which they came.
func (d *desktop) start() {
	d.t.Helper()
	var bus *dbus.Conn
	for _, service := range []struct {
		name string
		args []string
	}{
		{"org.freedesktop.DBus", []string{"/usr/bin/dbus-daemon", "--system", "--nofork", "--nopidfile"}},
		{"org.freedesktop.PolicyKit1", []string{"/usr/lib/polkit-1/polkitd", "--no-debug"}},
		{"org.freedesktop.UDisks2", []string{"/usr/libexec/udisks2/udisksd"}},
	} {
		var said bytes.Buffer
		cmd := d.command(d.t.Context(), 0, "/usr/sbin:/usr/bin", service.args[0], service.args[1:]...)
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			d.t.Fatal(err)
		}
		d.t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if d.t.Failed() {
				d.t.Logf("%s:\n%s", service.name, &said)
			}
		})
		late := time.Now().Add(2 * time.Minute)
		ctx, cancel := context.WithDeadline(d.t.Context(), late)
		defer cancel()
		for up := false; !up; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(late) {
				d.t.Fatalf("%s does not come", service.name)
			}
			if bus == nil {
				bus, _ = dbus.Connect("unix:path=" + filepath.Join(d.root, "run/dbus/system_bus_socket"))
			}
			if bus != nil {
				_ = bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, service.name).Store(&up)
			}
		}
	}
	d.t.Cleanup(func() { bus.Close() })
}

// order makes an image of a user's, that nobody else may read, and gives 'floe
// write' with it.
func (d *desktop) order(uid int, seed uint64, path string, disk disks.Disk) (cmd *exec.Cmd, image string) {
	d.t.Helper()
	b, err := os.ReadFile(disktest.Image(d.t, seed, 6))
	if err != nil {
		d.t.Fatal(err)
	}
	name := fmt.Sprintf("/home/floe-%d.iso", seed)
	image = d.write(name, string(b), 0o600)
	if err := os.Chown(image, uid, uid); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), oneCommand)
	d.t.Cleanup(cancel)
	return d.command(ctx, uid, path, "/usr/bin/floe", "--progress", "plain", "write", name, "--to", disk.Path, "--serial", disk.Serial, "--new-data"), image
}

// sum stands for all that is on a disk.
func sum(t *testing.T, disk disks.Disk) [sha256.Size]byte {
	t.Helper()
	return sha256.Sum256(disktest.Content(t, disk.Serial, 0, disk.Size))
}

// TestElevators writes as an ordinary user by means of each program that makes
// people root, and by udisks2 where there is none. The programs, the bus, polkit
// and udisks2 are Debian's. (run0 is not among them: it asks the systemd that
// runs the machine.)
//
// It waits more than it works: without udev, udisks2 waits for half a minute.
func TestElevators(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	disk := disktest.Loop(t, 96)
	// What udev would tell: that it knows the disk, and what is on it.
	d.write(fmt.Sprintf("run/udev/data/b%s", disk.Number), "I:1\nE:ID_FS_USAGE=filesystem\nE:ID_FS_TYPE=ext2\n", 0o644)
	d.start()
	for i, how := range []string{"sudo", "doas", "pkexec", "udisks2"} {
		path := "/opt/" + how // of udisks2 there is none
		t.Run(how+" refuses", func(t *testing.T) {
			before := sum(t, disk)
			cmd, _ := d.order(eve, uint64(10+i), path, disk)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != int(fault.Missing) || !strings.Contains(string(out), "Nothing was changed") {
				t.Errorf("exit code %d\n%s", code, out)
			}
			if sum(t, disk) != before {
				t.Error("the disk was changed")
			}
		})
		t.Run(how, func(t *testing.T) {
			if how == "udisks2" {
				d.inUse(t, disk)
			}
			cmd, image := d.order(ada, uint64(i), path, disk)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(string(out), "safe to remove") {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			if !disktest.Holds(t, disk.Serial, image) {
				t.Error("the image is not on the disk")
			}
		})
	}
}

// inUse: what somebody has open stays as it is. It leaves the disk mounted, as
// desktops do, so that udisks2 has something to unmount.
func (d *desktop) inUse(t *testing.T, disk disks.Disk) {
	refused := func(says string) {
		t.Helper()
		cmd, _ := d.order(ada, 20, "/none", disk)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != int(fault.Disk) || !strings.Contains(string(out), says) {
			t.Errorf("%v\n%s", cmd.ProcessState, out)
		}
	}
	before := sum(t, disk)
	// As if another mount namespace had it.
	holder, err := os.OpenFile(disk.Path, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	refused("has mounted it again")
	if sum(t, disk) != before {
		t.Error("the disk was changed")
	}
	holder.Close()
	point := filepath.Join(d.root, "media/ada/STICK")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mke2fs", "-q", "-F", disk.Path}, {"mount", disk.Path, point}} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	busy, err := os.Create(filepath.Join(point, "open"))
	if err != nil {
		t.Fatal(err)
	}
	refused("a program has a file or a folder open there")
	if _, err := os.Stat(busy.Name()); err != nil {
		t.Errorf("it is no longer mounted: %v", err)
	}
	busy.Close()
}
