package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// mountPoints are the folders that a root must have; Unpack makes them.
var mountPoints = []string{"proc", "dev", "sys", "tmp", "build"}

// devices are the nodes of /dev, each the host's own.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// deviceLinks are the links of /dev.
var deviceLinks = []struct{ name, target string }{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
}

// hostName is the machine's name inside.
const hostName = "floe"

// mountAll makes the file systems that the command sees, and makes them the
// whole world of this process.
func mountAll(sp spec) *setupError {
	root := sp.Root
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return step(err, "keep mounts to itself")
	}
	if err := bind(root, root); err != nil {
		return step(err, "bind the root %s", root)
	}
	if sp.Work != "" {
		work := filepath.Join(root, buildDir)
		if err := bind(sp.Work, work); err != nil {
			return step(err, "bind %s at %s", sp.Work, buildDir)
		}
		if err := restrict(work, unix.MS_NOSUID|unix.MS_NODEV); err != nil {
			return step(err, "restrict %s", buildDir)
		}
	}
	if err := mountProc(filepath.Join(root, "proc")); err != nil {
		return step(err, "mount /proc")
	}
	if err := mountTmp(filepath.Join(root, "tmp")); err != nil {
		return step(err, "mount /tmp")
	}
	if err := mountDev(filepath.Join(root, "dev")); err != nil {
		return err
	}
	if err := restrict(root, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV); err != nil {
		return step(err, "make the root read-only")
	}
	if err := unix.Sethostname([]byte(hostName)); err != nil {
		return step(err, "set the host name")
	}
	return step(pivot(root), "make %s the root", root)
}

// bind makes the folder or file from appear at to, with all that is mounted
// below: a user namespace may not uncover what lies under a mount.
func bind(from, to string) error {
	return pathError("bind", to, unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""))
}

// keptFlags pairs the flags of statfs(2) with those of mount(2). A user
// namespace may not lose any of them on a mount that it did not make.
var keptFlags = []struct {
	stat  int64
	mount uintptr
}{
	{unix.ST_RDONLY, unix.MS_RDONLY},
	{unix.ST_NOSUID, unix.MS_NOSUID},
	{unix.ST_NODEV, unix.MS_NODEV},
	{unix.ST_NOEXEC, unix.MS_NOEXEC},
	{unix.ST_NOATIME, unix.MS_NOATIME},
	{unix.ST_NODIRATIME, unix.MS_NODIRATIME},
	{unix.ST_RELATIME, unix.MS_RELATIME},
}

// restrict adds flags to the mount at path.
func restrict(path string, flags uintptr) error {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return pathError("statfs", path, err)
	}
	for _, k := range keptFlags {
		if int64(st.Flags)&k.stat != 0 {
			flags |= k.mount
		}
	}
	return pathError("remount", path, unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""))
}

// mountProc mounts a /proc of the new pid namespace. A container whose own
// /proc is masked may not: there, its /proc has to do.
func mountProc(path string) error {
	err := unix.Mount("proc", path, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if errors.Is(err, unix.EPERM) {
		err = bind("/proc", path)
	}
	return err
}

func mountTmp(path string) error {
	return unix.Mount("tmp", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
}

// mountDev makes a /dev of the few nodes that builds need.
func mountDev(dev string) *setupError {
	if err := unix.Mount("dev", dev, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755"); err != nil {
		return step(err, "mount /dev")
	}
	for _, name := range devices {
		node := filepath.Join(dev, name)
		if err := os.WriteFile(node, nil, 0o666); err != nil {
			return step(err, "make /dev/%s", name)
		}
		if err := bind("/dev/"+name, node); err != nil {
			return step(err, "bind /dev/%s", name)
		}
	}
	for _, l := range deviceLinks {
		if err := os.Symlink(l.target, filepath.Join(dev, l.name)); err != nil {
			return step(err, "link /dev/%s", l.name)
		}
	}
	shm := filepath.Join(dev, "shm")
	if err := os.Mkdir(shm, 0o755); err != nil {
		return step(err, "make /dev/shm")
	}
	if err := mountTmp(shm); err != nil {
		return step(err, "mount /dev/shm")
	}
	return step(restrict(dev, unix.MS_RDONLY), "make /dev read-only")
}

// pivot makes root the root and lets go of the old one.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	// The old root ends up below the new one, at the same place, and is
	// unmounted there; see "pivot_root(".", ".")" in pivot_root(2).
	err := unix.PivotRoot(".", ".")
	switch {
	case err == nil:
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return os.NewSyscallError("umount2", err)
		}
	case errors.Is(err, unix.EINVAL): // the old root is the kernel's rootfs
		if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
			return os.NewSyscallError("mount", err)
		}
		if err := unix.Chroot("."); err != nil {
			return os.NewSyscallError("chroot", err)
		}
	default:
		return os.NewSyscallError("pivot_root", err)
	}
	return os.Chdir("/")
}

// pathError adds to an error of a system call what it was about.
func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &fs.PathError{Op: op, Path: path, Err: errno}
	}
	return err
}
