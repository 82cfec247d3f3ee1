package steps

import (
	"fmt"
	"io"
	"os"
	"strings"

	"floe/internal/fault"
)

// Source is one place where answers come from.
type Source struct {
	Name  string // for people: "flag", "environment", "floe.toml"
	Given map[string][]string
}

// Origins tells, for each step's key, the name of the source whose answer was
// taken, or "default".
type Origins map[string]string

// Resolve makes the plan: for each step the answer of the first source that
// has one, else its default.
func Resolve(sources ...Source) (*Plan, Origins, error) {
	plan, origins := &Plan{}, Origins{}
	for _, step := range All() {
		values, origin := answer(step, sources)
		if origin == answered && !step.Applies(plan) {
			origin = "" // it did when the person answered
		}
		if origin == "" {
			origin = "default"
			values = step.defaults(plan)
		}
		if err := step.Set(plan, values); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", origin, err)
		}
		origins[step.Key] = origin
	}
	return plan, origins, nil
}

func answer(step Step, sources []Source) ([]string, string) {
	for _, s := range sources {
		if v, ok := s.Given[step.Key]; ok {
			return v, s.Name
		}
		if step.implied != nil {
			if v := step.implied(s); v != "" {
				return []string{v}, s.Name
			}
		}
	}
	return nil, ""
}

// Environment takes answers from variables such as FLOE_SSH_KEY. A step that
// takes several values takes one a line.
func Environment(lookup func(string) (string, bool)) Source {
	given := map[string][]string{}
	for _, step := range All() {
		v, ok := lookup(step.Env())
		switch {
		case !ok || v == "":
		case step.Many:
			given[step.Key] = strings.Split(strings.TrimSpace(v), "\n")
		default:
			given[step.Key] = []string{v}
		}
	}
	return Source{Name: "environment", Given: given}
}

// Load reads a plan's file. It names the line of what it cannot use.
func Load(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return Source{}, fault.New(fault.Usage, "read the plan", path, err,
			"Name a file that is there with -c, or leave -c out to use the defaults.")
	}
	defer f.Close()
	given, err := decode(f)
	if err != nil {
		return Source{}, fault.New(fault.Usage, "read the plan", path, err,
			"'floe plan --explain' lists every key with its meaning.")
	}
	return Source{Name: path, Given: given}, nil
}

// WriteTo writes the plan as floe.toml, each key with its meaning above it.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, p.encode())
	return int64(n), err
}
