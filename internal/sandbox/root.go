package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"

	"floe/internal/fault"
)

// Root runs commands in a root folder of unpacked packages. It is safe for
// use by several goroutines.
type Root struct {
	dir string

	mu   sync.Mutex
	mode mode // the first that works; "" until it was tried
}

// New gives a runner for the root folder that Unpack made.
func New(root string) *Root { return &Root{dir: root} }

// Name is "sandbox".
func (r *Root) Name() string { return "sandbox" }

// Dir is the root folder.
func (r *Root) Dir() string { return r.dir }

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
// plain chroot does, with what is said at chroot.go. Run finds out the first
// time. If nothing works, the error is a fault.Missing that says why.
func (r *Root) Run(ctx context.Context, c Command) error {
	sp, err := r.spec(c)
	if err != nil {
		return err
	}
	if sp.Mode, err = r.findMode(ctx, sp); err != nil {
		return err
	}
	err = start(ctx, sp, c)
	var setup *setupError
	switch {
	case !errors.As(err, &setup):
		return err
	case setup.Step == stepFind:
		return fault.New(fault.Missing, "run", c.Args[0], errors.New(setup.Text),
			"a package that has it must be part of the root")
	}
	return fault.New(fault.Missing, "set up the sandbox for", c.Args[0], setup, "")
}

// findMode gives the first mode that works with the folders of sp.
func (r *Root) findMode(ctx context.Context, sp spec) (mode, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mode != "" {
		return r.mode, nil
	}
	m, err := tryModes(ctx, sp)
	if err == nil {
		r.mode = m
	}
	return m, err
}

// tryModes sets up one mode after the other, with all but the command, until
// one works.
func tryModes(ctx context.Context, sp spec) (mode, error) {
	var why []error
	for i, m := range modes {
		if i > 0 && os.Geteuid() != 0 {
			break
		}
		sp.Mode, sp.Args = m, nil
		err := start(ctx, sp, Command{Args: []string{"try the sandbox"}})
		var setup *setupError
		if err == nil || !errors.As(err, &setup) {
			return m, err
		}
		why = append(why, fmt.Errorf("%s: %w", m, setup))
	}
	return "", forbidden(why)
}

// start runs the command of sp in its mode.
func start(ctx context.Context, sp spec, c Command) error {
	if sp.Mode == modeChroot {
		return runChroot(ctx, sp, c)
	}
	if err := checkWork(sp.Work); err != nil {
		return err
	}
	return run(ctx, sp, c)
}

// checkWork says whether the folder to work in is there.
func checkWork(work string) error {
	info, err := os.Stat(work)
	if err == nil && !info.IsDir() {
		err = errors.New("not a folder")
	}
	if err != nil {
		return fault.New(fault.Missing, "work in", work, err, "")
	}
	return nil
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
		if "/"+p == buildDir {
			continue // it comes and goes in a plain chroot
		}
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

// folders checks the command and gives Work as an absolute path, and Sub as a
// clean one. Whether Work is there is checked when it is needed: in a plain
// chroot it comes and goes.
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
	if work, err = filepath.Abs(c.Work); err != nil {
		return "", "", fault.New(fault.Missing, "work in", c.Work, err, "")
	}
	return work, sub, nil
}
