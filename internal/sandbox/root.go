package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"

	"floe/internal/fault"
)

// Root runs commands in a root folder of unpacked packages. It is safe for
// use by several goroutines.
type Root struct {
	dir  string
	mode atomic.Int32 // index into modes of the first that is not known to fail
}

// New gives a runner for the root folder that Unpack made.
func New(root string) *Root { return &Root{dir: root} }

// Name is "sandbox".
func (r *Root) Name() string { return "sandbox" }

// modes are the modes of a Root, the best first. All after the first need
// root.
var modes = []mode{modeUser, modeAdmin, modeChroot}

// Run runs a command in the root. Inside, the root is / and read-only; Work is
// /build; /tmp is empty and goes away with the command; /proc shows only the
// command's own processes; there is no network, not even a loopback that is
// up; the user is 0 without any privilege, and is the caller outside.
//
// Where the kernel gives no user namespaces but the caller is root, the other
// namespaces do; where those are forbidden too (an ordinary container), a
// plain chroot does, with what is said at chroot.go. If nothing works, the
// error is a fault.Missing that says why.
func (r *Root) Run(ctx context.Context, c Command) error {
	sp, err := r.spec(c)
	if err != nil {
		return err
	}
	return tryModes(&r.mode, func(m mode) error {
		sp.Mode = m
		if m == modeChroot {
			return runChroot(ctx, sp, c)
		}
		return run(ctx, sp, c)
	}, c.Args)
}

// tryModes calls do with each mode until one could start the command, and
// remembers it for the next time.
func tryModes(from *atomic.Int32, do func(mode) error, args []string) error {
	var why []error
	for i := from.Load(); int(i) < len(modes); i++ {
		if i > 0 && os.Geteuid() != 0 {
			break
		}
		err := do(modes[i])
		var setup *setupError
		if !errors.As(err, &setup) {
			from.Store(i)
			return err
		}
		if setup.Step == stepFind {
			return fault.New(fault.Missing, "run", args[0], errors.New(setup.Text),
				"a package that has it must be part of the root")
		}
		why = append(why, fmt.Errorf("%s: %w", modes[i], setup))
	}
	return forbidden(why)
}

// spec checks c and gives what the inner process has to know, but the mode.
func (r *Root) spec(c Command) (spec, error) {
	root, err := filepath.EvalSymlinks(r.dir)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return spec{}, fault.New(fault.Missing, "find the root folder", r.dir, err, "")
	}
	for _, p := range mountPoints {
		if info, err := os.Lstat(filepath.Join(root, p)); err != nil || !info.IsDir() {
			return spec{}, fault.New(fault.Missing, "run a command in", root, fmt.Errorf("no folder /%s", p),
				"was it made by Unpack?")
		}
	}
	work, sub, err := c.folders()
	if err != nil {
		return spec{}, err
	}
	return spec{
		Root: root, Work: work, Dir: path.Join(buildDir, sub),
		Args: c.Args, Env: environ(innerPath, c.Env),
	}, nil
}

// folders checks the command and gives Work as an absolute path without
// links, and Sub as a clean one.
func (c Command) folders() (work, sub string, err error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return "", "", errors.New("sandbox: a command without a name")
	}
	if c.Work == "" {
		return "", "", fmt.Errorf("sandbox: %s has no folder to work in", c.Args[0])
	}
	if sub = filepath.Clean(c.Sub); !filepath.IsLocal(sub) {
		return "", "", fmt.Errorf("sandbox: %s is not below the folder to work in", c.Sub)
	}
	work, err = filepath.EvalSymlinks(c.Work)
	if err == nil {
		work, err = filepath.Abs(work)
	}
	if err != nil {
		return "", "", fault.New(fault.Missing, "find the folder to work in", c.Work, err, "")
	}
	return work, sub, nil
}
