package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"floe/internal/fault"
)

// Host runs commands with the tools of the host. They run as the caller, see
// the whole host and its network, and may write wherever the caller may. The
// environment is as fixed as a Root's, but for PATH, which is the host's.
type Host struct{}

// Name is "host".
func (Host) Name() string { return "host" }

// Run runs a command in the folder Work/Sub of the host.
func (Host) Run(ctx context.Context, c Command) error {
	work, sub, err := c.folders()
	if err != nil {
		return err
	}
	if err := checkWork(work); err != nil {
		return err
	}
	sp := spec{
		Mode: modeHost, Dir: filepath.Join(work, sub),
		Args: c.Args, Env: environ(os.Getenv("PATH"), c.Env),
	}
	err = run(ctx, sp, c)
	var setup *setupError
	if errors.As(err, &setup) && setup.Step == stepFind {
		return fault.New(fault.Missing, "run", c.Args[0], errors.New(setup.Text), "install it, or use floe's own toolchain: --toolchain sandbox")
	}
	return err
}

// Tool is something that a build needs from the host: a program; a C header,
// whose name is in angle brackets, as a program would include it; or a file or
// folder, whose name is a path.
type Tool struct {
	Name    string
	Reason  string // what it is needed for: "compiles the kernel"
	Package string // the Debian package that has it; "": the same name
}

// Program tells whether t is a program, which is looked up on PATH.
func (t Tool) Program() bool { return !t.header() && !filepath.IsAbs(t.Name) }

func (t Tool) header() bool { return strings.HasPrefix(t.Name, "<") }

// there looks for t on the host.
func (t Tool) there(ctx context.Context) bool {
	switch {
	case t.header(): // only the compiler knows where it looks for them
		cmd := exec.CommandContext(ctx, "gcc", "-E", "-xc", "-o", os.DevNull, "-")
		cmd.Stdin = strings.NewReader("#include " + t.Name + "\n")
		return cmd.Run() == nil
	case filepath.IsAbs(t.Name):
		_, err := os.Stat(t.Name)
		return err == nil
	}
	_, err := exec.LookPath(t.Name)
	return err == nil
}

// CheckHost looks for every tool on the host. If any is missing, the error is
// one fault.Missing that names them all, each with its reason, and hints at the
// packages that have them.
func CheckHost(ctx context.Context, tools []Tool) error {
	var missing, packages []string
	for _, t := range tools {
		if t.there(ctx) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		missing = append(missing, fmt.Sprintf("%s (%s)", t.Name, t.Reason))
		packages = append(packages, strings.Fields(cmp.Or(t.Package, t.Name))...)
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	return fault.New(fault.Missing, "find the host's tools", "", errors.New("not here: "+strings.Join(missing, ", ")),
		"on Debian: apt install "+strings.Join(packages, " ")+"; or use floe's own: --toolchain sandbox")
}
