package sandbox

import (
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

// Tool is a program that a build needs from the host.
type Tool struct {
	Name    string // as looked up on PATH
	Reason  string // what it is needed for: "to compile the kernel"
	Package string // the Debian package that has it; "": the same name
}

// CheckHost looks for every tool on the host's PATH. If any is missing, the
// error is one fault.Missing that names them all, each with its reason, and
// hints at the packages that have them.
func CheckHost(tools []Tool) error {
	var missing, packages []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.Name); err == nil {
			continue
		}
		missing = append(missing, fmt.Sprintf("%s (%s)", t.Name, t.Reason))
		pkg := t.Package
		if pkg == "" {
			pkg = t.Name
		}
		packages = append(packages, pkg)
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	return fault.New(fault.Missing, "find the host's tools", "", errors.New("not on PATH: "+strings.Join(missing, ", ")),
		"on Debian: apt install "+strings.Join(packages, " ")+"; or use floe's own: --toolchain sandbox")
}
