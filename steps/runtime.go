package steps

import "strings"

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
