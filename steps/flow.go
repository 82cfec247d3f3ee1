package steps

import (
	"errors"
	"maps"
	"slices"

	"floe/internal/fault"
)

// Flow is a person's way through the steps: which question is asked now, what
// was answered so far, and what the plan is with these answers. The last place
// on the way is the review.
//
// A Flow is a plain value without clock or input; whoever asks drives it.
type Flow struct {
	base    []Source            // what is answered already
	given   map[string][]string // what the person answered
	plan    *Plan
	origins Origins
	at      string // key of the current step; "" is the review
	editing bool   // the current step was chosen in the review
}

// answered is the name of the source that a Flow's own answers are.
const answered = "you"

// NewFlow starts at the first question, with the answers of the sources, the
// first of which wins, as defaults.
func NewFlow(base ...Source) (*Flow, error) {
	f := &Flow{base: base, given: map[string][]string{}}
	var err error
	if f.plan, f.origins, err = f.resolve(nil); err != nil {
		return nil, err
	}
	f.Restart()
	return f, nil
}

func (f *Flow) resolve(more map[string][]string) (*Plan, Origins, error) {
	given := maps.Clone(f.given)
	maps.Copy(given, more)
	return Resolve(append([]Source{{Name: answered, Given: given}}, f.base...)...)
}

// Plan gives a copy of the plan as it is by now.
func (f *Flow) Plan() *Plan {
	p := *f.plan
	p.SSHKeys = slices.Clone(p.SSHKeys)
	return &p
}

// Asked lists the steps that are asked in turn: those that apply, without
// details, and without questions that have one possible answer only.
func (f *Flow) Asked() []Step {
	return slices.DeleteFunc(f.Applying(), func(s Step) bool { return s.Detail || len(s.Choices) == 1 })
}

// Applying lists the steps that apply: the lines of the review.
func (f *Flow) Applying() []Step {
	return slices.DeleteFunc(All(), func(s Step) bool { return !s.Applies(f.plan) })
}

// Current gives the step that is asked now; ok is false in the review.
func (f *Flow) Current() (step Step, ok bool) {
	return f.step(f.at)
}

func (f *Flow) step(key string) (Step, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s Step) bool { return s.Key == key })
	if i < 0 {
		return Step{}, false
	}
	return all[i], true
}

// Editing tells that the current step was chosen in the review, to which both
// ways lead back.
func (f *Flow) Editing() bool { return f.editing }

// Position tells the how manieth of how many places is shown, counted from 1.
// The review is the last one, and details count as the review.
func (f *Flow) Position() (n, of int) {
	asked := f.Asked()
	of = len(asked) + 1
	for i, s := range asked {
		if s.Key == f.at {
			return i + 1, of
		}
	}
	return of, of
}

// Check tells what is wrong with an answer, without giving it.
func (f *Flow) Check(key string, values []string) error {
	_, err := f.With(key, values)
	return err
}

// With gives the plan as it would be with an answer.
func (f *Flow) With(key string, values []string) (*Plan, error) {
	p, _, err := f.resolve(map[string][]string{key: values})
	return p, err
}

// Choices are those of a step, with what they add. One that the other answers rule out
// says why.
func (f *Flow) Choices(s Step) []Choice {
	list := slices.Clone(s.Choices)
	for i, c := range list {
		plan, err := f.With(s.Key, []string{c.Value})
		switch {
		case err == nil && s.cost != nil:
			list[i].Cost = s.cost(plan)
		case err != nil && c.Refused == "":
			list[i].Refused = err.Error()
			if known, ok := errors.AsType[*fault.Error](err); ok && known.Err != nil {
				list[i].Refused = known.Err.Error()
			}
		}
	}
	return list
}

// Answer answers the current step and goes on. A bad answer changes nothing.
func (f *Flow) Answer(values ...string) error {
	plan, origins, err := f.resolve(map[string][]string{f.at: values})
	if err != nil {
		return err
	}
	f.given[f.at] = slices.Clone(values)
	f.plan, f.origins = plan, origins
	f.Next()
	return nil
}

// Changed tells whether the person has answered anything yet.
func (f *Flow) Changed() bool { return len(f.given) > 0 }

// Next goes on to the next step that applies, or to the review.
func (f *Flow) Next() {
	if f.editing {
		f.Review()
		return
	}
	asked := f.Asked()
	i := slices.IndexFunc(asked, func(s Step) bool { return s.Key == f.at })
	if i < 0 || i+1 == len(asked) {
		f.Review()
		return
	}
	f.at = asked[i+1].Key
}

// Back goes to the step before. It is false at the first one, where it changes
// nothing.
func (f *Flow) Back() bool {
	if f.editing {
		f.Review()
		return true
	}
	asked := f.Asked()
	i := len(asked)
	if f.at != "" {
		i = slices.IndexFunc(asked, func(s Step) bool { return s.Key == f.at })
	}
	if i <= 0 {
		return false
	}
	f.at = asked[i-1].Key
	return true
}

// Restart goes to the first question. Answers stay.
func (f *Flow) Restart() {
	f.editing, f.at = false, ""
	if asked := f.Asked(); len(asked) > 0 {
		f.at = asked[0].Key
	}
}

// Review goes to the review.
func (f *Flow) Review() { f.at, f.editing = "", false }

// Jump goes to a step, from which the way leads on as usual. It is false, and
// changes nothing, where there is no such step.
func (f *Flow) Jump(key string) bool {
	if !f.applies(key) {
		return false
	}
	f.at, f.editing = key, false
	return true
}

// Edit goes to a step and, from there, back to the review.
func (f *Flow) Edit(key string) bool {
	if !f.applies(key) {
		return false
	}
	f.at, f.editing = key, true
	return true
}

func (f *Flow) applies(key string) bool {
	s, ok := f.step(key)
	return ok && s.Applies(f.plan)
}
