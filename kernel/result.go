package kernel

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"floe/internal/arch"
)

// Result is what is known about a finished kernel, kept beside it as JSON.
type Result struct {
	Arch    arch.Arch `json:"arch"`
	Version string    `json:"version"` // "6.12.107"
	Objects int       `json:"objects"` // for the progress of the next build

	// Unfit are the patches that the source had no place for, so that they
	// were left out: none as a rule.
	Unfit []string `json:"unfit,omitempty"`

	// Plain is how many objects were compiled twice, because the precompiled
	// headers were in their way: a few.
	Plain int `json:"plain"`
}

// ReadResult reads what Build left in dir.
func ReadResult(dir string) (Result, error) {
	var r Result
	text, err := os.ReadFile(filepath.Join(dir, ResultName))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func (r Result) write(dir string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ResultName), append(text, '\n'), 0o644)
}

// objects are the counted objects of a whole build from today's fragments.
var objects = map[arch.Arch]int{
	arch.AMD64: 3833,
	arch.ARM64: 3726,
}

// Objects gives how many objects a build of Linux 6.12 for an
// architecture has. An update of the source changes it by a few at most, a
// change of the fragments by more: Result has the number of a finished build.
func Objects(a arch.Arch) int { return objects[a] }

// stageVersion is raised when this package makes something else of the same
// inputs.
const stageVersion = "1"

// Part is one input of a build.
type Part struct{ Name, Value string }

// KeyParts are all inputs of Build that can change its output, apart from two
// that the caller knows: the content of the source and that of the toolchain.
// Jobs, the number of objects and the paths have no influence.
func KeyParts(target arch.Arch, prefix string, t time.Time) ([]Part, error) {
	frags, err := Fragments(target)
	if err != nil {
		return nil, err
	}
	reqs, err := Merge(frags)
	if err != nil {
		return nil, err
	}
	patches, err := Patches()
	if err != nil {
		return nil, err
	}
	var diffs strings.Builder
	for _, p := range patches {
		diffs.WriteString(p.diff())
	}
	parts := []Part{
		{"kernel code", stageVersion},
		{"arch", target.String()},
		{"configuration", string(settings(reqs))},
		{"patches", diffs.String()},
		{"make", fmt.Sprint(makeArgs(target, prefix), makeEnv(t))},
	}
	if trees := treeTargets(target); len(trees) > 0 {
		parts = append(parts, Part{"device trees", fmt.Sprint(trees)})
	}
	return parts, nil
}
