package steps

import "strings"

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
