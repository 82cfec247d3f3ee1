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
	if plan.Tries() {
		t.tight(plan.Scarce())
	}
}

// tight tells that the memory of a machine is little.
func (t *terminal) tight(text string) {
	if text != "" {
		fmt.Fprintln(t.Err, "floe: note: memory:", text)
	}
}
