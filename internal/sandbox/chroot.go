package sandbox

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A plain chroot is for root in an ordinary container, which may neither make
// namespaces nor mount. It falls short of them:
//
//   - Without a bind mount, Work itself moves into the root as /build, and back
//     at the end; a link stands in its place meanwhile. So both must be on one
//     file system, and one command runs in a root at a time; others wait.
//   - The root is not read-only, /proc is empty, /tmp is a folder of the root
//     that is emptied after each command, the network is the host's.
//   - What leaves the command's session lives on after it.

// nodes are the numbers of the devices; see Documentation/admin-guide/devices.txt
// of Linux.
var nodes = map[string]struct{ major, minor uint32 }{
	"null": {1, 3}, "zero": {1, 5}, "full": {1, 7}, "random": {1, 8}, "urandom": {1, 9}, "tty": {5, 0},
}

// turnPoll is how often a command looks whether it is its turn.
const turnPoll = 50 * time.Millisecond

// runChroot runs the command of sp in a plain chroot.
func runChroot(ctx context.Context, sp spec, c Command) (err error) {
	done, err := takeTurn(ctx, sp.Root)
	if err != nil {
		if ctx.Err() != nil {
			return stopped(c.Args, ctx.Err())
		}
		return step(err, "wait for the turn in %s", sp.Root)
	}
	defer done()
	if err := checkWork(sp.Work); err != nil {
		return err
	}
	// Only now: while another command had the turn, Work may have been a link.
	if sp.Work, err = filepath.EvalSymlinks(sp.Work); err != nil {
		return step(err, "find the folder %s", sp.Work)
	}
	if err := makeNodes(filepath.Join(sp.Root, "dev")); err != nil {
		return err
	}
	build := filepath.Join(sp.Root, buildDir)
	if err := moveIn(sp.Work, build); err != nil {
		return step(err, "move %s to %s", sp.Work, build)
	}
	defer func() {
		back := errors.Join(moveOut(sp.Work, build), emptyOut(filepath.Join(sp.Root, "tmp")))
		if err == nil && back != nil {
			err = back
		}
	}()
	return run(ctx, sp, c)
}

// takeTurn waits until no other command runs in the root, whatever process
// started it. done lets the next one in.
func takeTurn(ctx context.Context, root string) (done func(), err error) {
	f, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, errors.Join(os.NewSyscallError("flock", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(turnPoll):
		}
	}
}

// makeNodes makes the devices in dev that are not there yet.
func makeNodes(dev string) error {
	for _, name := range devices {
		node, path := nodes[name], filepath.Join(dev, name)
		err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(node.major, node.minor)))
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			err = os.Chmod(path, 0o666) // whatever the umask
		}
		if err != nil {
			return step(err, "make /dev/%s", name)
		}
	}
	for _, l := range deviceLinks {
		if err := os.Symlink(l.target, filepath.Join(dev, l.name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return step(err, "link /dev/%s", l.name)
		}
	}
	return nil
}

// moveIn moves the folder work to build and leaves a link. What is in build
// is of a run that was killed.
func moveIn(work, build string) error {
	if err := os.RemoveAll(build); err != nil {
		return err
	}
	if err := os.Rename(work, build); err != nil {
		return errors.Join(err, os.Mkdir(build, 0o755))
	}
	if err := os.Symlink(build, work); err != nil {
		return errors.Join(err, os.Rename(build, work), os.Mkdir(build, 0o755))
	}
	return nil
}

// moveOut undoes moveIn.
func moveOut(work, build string) error {
	if err := os.Remove(work); err != nil {
		return err
	}
	if err := os.Rename(build, work); err != nil {
		return err
	}
	return os.Mkdir(build, 0o755)
}

// emptyOut removes all that is in dir.
func emptyOut(dir string) error {
	list, err := os.ReadDir(dir)
	for _, e := range list {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
