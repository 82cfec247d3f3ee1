package cli

import (
	"fmt"

	"floe/steps"
)

// hints tells of what a plan says that was probably not meant. Nothing waits
// for an answer.
func (t *terminal) hints(plan *steps.Plan) {
	for _, hint := range plan.Hints() {
		fmt.Fprintln(t.Err, "floe: note: boot codes:", hint)
	}
}
