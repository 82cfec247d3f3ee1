package cli

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/steps"
)

// archKey is the step that asks for the architecture. 'floe build' takes several for an
// answer, with commas between them, or every one; all others take one.
const (
	archKey   = "arch"
	everyArch = "both"
)

// planHere is the plan of what is for this machine: where nobody said what architecture
// it is for, it is the host's, since any other is emulated.
func planHere(cmd *cobra.Command, host arch.Arch, known ...steps.Source) (*steps.Plan, error) {
	sources, err := planSources(cmd, host, known...)
	if err != nil {
		return nil, err
	}
	plan, _, err := steps.Resolve(slices.Concat(sources, ofHost(host))...)
	return plan, err
}

// ofHost is what a machine tells of itself to whoever asks nobody else. One for which
// nothing is built tells nothing.
func ofHost(host arch.Arch) []steps.Source {
	if !host.Known() {
		return nil
	}
	return []steps.Source{{Name: "this machine", Given: map[string][]string{archKey: {host.String()}}}}
}

// archIsHosts says so in a command's help.
func archIsHosts(cmd *cobra.Command) { cmd.Flags().Lookup(archKey).DefValue = "this machine's" }

// archWords are the architectures that an answer names, as they are written there.
func archWords(s steps.Source) (words []string) {
	for _, answer := range s.Given[archKey] {
		for word := range strings.SplitSeq(answer, ",") {
			if word = strings.TrimSpace(word); word != everyArch {
				words = append(words, word)
				continue
			}
			for _, a := range arch.All() {
				words = append(words, a.String())
			}
		}
	}
	return words
}

// narrow makes one of several architectures that a source names: the one that is wanted,
// if it is among them, else the first. One that nobody knows is left, to be refused.
func narrow(s steps.Source, want arch.Arch) steps.Source {
	words := archWords(s)
	if len(words) < 2 {
		return s
	}
	one := words[0]
	if slices.Contains(words, want.String()) {
		one = want.String()
	}
	if i := slices.IndexFunc(words, func(w string) bool { return !arch.Arch(w).Known() }); i >= 0 {
		one = words[i]
	}
	s.Given = maps.Clone(s.Given)
	s.Given[archKey] = []string{one}
	return s
}

// resolvePlans makes one plan for each architecture that is named for a build.
func resolvePlans(cmd *cobra.Command) (plans []*steps.Plan, err error) {
	given, err := planAnswers(cmd)
	if err != nil {
		return nil, err
	}
	var named []string
	for _, s := range given {
		named = append(named, archWords(s)...)
	}
	if len(named) == 0 {
		named = []string{""} // the default, or a board's
	}
	for _, word := range named {
		sources := slices.Clone(given)
		for i, s := range sources {
			sources[i] = untried(narrow(s, arch.Arch(word)))
		}
		plan, _, err := steps.Resolve(sources...)
		switch {
		case err != nil:
			return nil, err
		case slices.ContainsFunc(plans, func(p *steps.Plan) bool { return p.Arch == plan.Arch }):
			// of a source that does not count, or named twice
		case slices.ContainsFunc(plans, func(p *steps.Plan) bool { return p.Output == plan.Output }):
			return nil, fault.New(fault.Usage, "name the images", plan.Output,
				errors.New("it is one name for several images"), "Put "+steps.ArchWord+" into it: each image has its architecture's name there.")
		default:
			plans = append(plans, plan)
		}
	}
	return plans, nil
}

// untried leaves out a firmware that machines of one architecture only have: a build tries
// nothing out.
func untried(s steps.Source) steps.Source {
	if slices.Equal(s.Given["firmware"], []string{"bios"}) {
		s.Given = maps.Clone(s.Given)
		delete(s.Given, "firmware")
	}
	return s
}

// onePlan refuses to write out one plan for several architectures: the others would be lost.
func onePlan(cmd *cobra.Command) error {
	plans, err := resolvePlans(cmd)
	if err != nil || len(plans) < 2 {
		return err
	}
	return fault.New(fault.Usage, "write the plan for", archKey, errors.New("it is for several architectures, and what is written is for one"),
		"Name one with --arch, and write the others into the file by hand.")
}
