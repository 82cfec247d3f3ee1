package steps

import (
	"slices"
	"strings"
)

// runtimeKey is the key of the step that chooses them.
const runtimeKey = "runtime"

// The runtimes.
const (
	NoRuntime = "none"
	Docker    = "docker"
	Podman    = "podman"
)

// Runtimes lists the runtimes of the plan's image; none gives none.
func (p *Plan) Runtimes() []string {
	if p.Runtime == NoRuntime {
		return nil
	}
	return strings.Split(p.Runtime, ",")
}

// NoPackages is the boot code of a machine that loads no runtime, whatever is on its
// image.
const NoPackages = "base"

// Loads lists the runtimes that a machine of the plan has.
func (p *Plan) Loads() []string {
	if slices.Contains(p.BootWords(), NoPackages) {
		return nil
	}
	return p.Runtimes()
}
