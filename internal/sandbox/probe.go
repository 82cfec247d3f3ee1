package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"floe/internal/fault"
)

// Probe says whether this host lets a Root run commands, by setting up
// everything but the command. The error is a fault.Missing that says what
// forbids it and how to mend that.
func Probe() error {
	_, err := probe()
	return err
}

// probe gives the mode that a Root would use here.
func probe() (mode, error) {
	dir, err := os.MkdirTemp("", "floe-probe-")
	if err != nil {
		return "", fault.New(fault.Missing, "make a folder in", os.TempDir(), err, "set TMPDIR to a folder that can be written to")
	}
	defer os.RemoveAll(dir)
	root, work := filepath.Join(dir, "root"), filepath.Join(dir, "work")
	for _, p := range append([]string{"../work"}, mountPoints...) {
		if err := os.MkdirAll(filepath.Join(root, p), 0o755); err != nil {
			return "", fault.New(fault.Missing, "make a folder in", dir, err, "")
		}
	}
	return tryModes(context.Background(), spec{Root: root, Work: work, Dir: buildDir})
}

// hostToolchain is the last thing that every hint offers.
const hostToolchain = "or build with the host's own tools: --toolchain host"

// forbidden makes the error of a host where no mode works. The first of why
// is of user namespaces.
func forbidden(why []error) error {
	err := errors.Join(why...)
	var setup *setupError
	hint := hostToolchain
	if errors.As(why[0], &setup) {
		for _, s := range switches {
			if s.forbids(setup) {
				err = fmt.Errorf("%s: %w", s.says, err)
				hint = s.mend + "; " + hint
				break
			}
		}
	}
	return fault.New(fault.Missing, "set up the sandbox", "", oneLine{err}, hint)
}

// oneLine is an error whose message is on one line.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", "; ") }

func (e oneLine) Unwrap() error { return e.error }

// switches are what forbids user namespaces on the systems that people have,
// the most particular first.
var switches = []struct {
	forbids func(*setupError) bool
	says    string
	mend    string
}{
	{
		func(*setupError) bool { return !exists("/proc/self/ns/user") },
		"this kernel has no user namespaces",
		"use a kernel with CONFIG_USER_NS, or run floe as root",
	},
	{
		func(*setupError) bool { return setting("/proc/sys/kernel/unprivileged_userns_clone") == "0" },
		"kernel.unprivileged_userns_clone is 0",
		"allow user namespaces: sudo sysctl kernel.unprivileged_userns_clone=1",
	},
	{
		func(*setupError) bool { return setting("/proc/sys/user/max_user_namespaces") == "0" },
		"user.max_user_namespaces is 0",
		"allow user namespaces: sudo sysctl user.max_user_namespaces=15000",
	},
	{
		// Ubuntu since 23.10: the namespace comes to be, without any capability.
		func(*setupError) bool {
			return setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
		},
		"AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
		"allow them: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give floe an AppArmor profile with the rule userns",
	},
	{
		func(*setupError) bool { return status("Seccomp") == "2" },
		"a seccomp filter is in force, as in a container",
		"start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined, or with --privileged",
	},
	{
		func(e *setupError) bool { return e.Step == stepNamespaces && e.Errno == syscall.ENOSPC },
		"the limit of namespaces is reached",
		"raise user.max_user_namespaces and its siblings (sysctl -a | grep max_.*_namespaces)",
	},
	{
		func(e *setupError) bool { return e.Step == stepNamespaces && e.Errno == syscall.EPERM },
		"the kernel refuses user namespaces, as it does in a chroot",
		"run floe outside of the chroot",
	},
	{
		func(e *setupError) bool { return e.Errno == syscall.EACCES && strings.HasPrefix(e.Step, "bind ") },
		"a folder on the way is closed to this user",
		"put the store where this user may go: set FLOE_STORE to that folder",
	},
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// setting gives a sysctl; "" if this kernel does not know it.
func setting(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// status gives a field of /proc/self/status.
func status(field string) string {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
