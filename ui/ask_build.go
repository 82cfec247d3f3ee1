package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"floe/internal/fault"
	"floe/internal/report"
)

// review shows the answers and does what is asked with them.
func (a *asker) review() error {
	rows := a.flow.Applying()
	a.say("\nReview")
	for i, step := range rows {
		a.item(i+1, step.Title+": "+step.Show(a.flow.Plan()))
	}
	words := "build, write, save, command"
	if a.tries() {
		words = "build, try, write, save, command"
	}
	for {
		text, err := a.line("A number to change it, or "+words+":", "the review", "", func() {
			a.tell("build builds the image; try builds it, boots it in QEMU and then asks what is next; write builds it and then asks for a " + medium(!a.flow.Plan().Tries()) + "; save writes floe.toml; command shows the same as a command line.")
		})
		if err != nil {
			return err
		}
		switch word := strings.ToLower(text); {
		case word == "build":
			return a.build(nil)
		case word == "try" && a.tries():
			return a.build(a.tryOut)
		case word == "write":
			return a.build(a.write)
		case word == "save":
			if err := a.save(); err != nil {
				return err
			}
		case word == "command":
			a.say("%s", a.flow.Plan().Command())
		default:
			if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(rows) {
				a.flow.Edit(rows[n-1].Key)
				return nil
			}
			a.say("A number from 1 to %d is wanted, or one of: %s, back, ?, quit.", len(rows), words)
		}
	}
}

func (a *asker) save() error {
	path, err := a.house.Save(a.ctx, a.flow.Plan(), false)
	if errors.Is(err, fs.ErrExist) {
		text, err := a.line(path+" is there already, with other answers. Type yes to replace it:", "the review", "", func() {})
		if errors.Is(err, errBack) || err == nil && !strings.EqualFold(text, "yes") {
			a.say("It is left as it is.")
			return nil
		}
		if err != nil {
			return err
		}
		if path, err = a.house.Save(a.ctx, a.flow.Plan(), true); err != nil {
			a.say("%s", reason(err))
			return nil
		}
	} else if err != nil {
		a.say("%s", reason(err))
		return nil
	}
	a.say("Saved as %s.", path)
	return nil
}

// build builds, and on failure asks what to do. What is to follow, if anything
// is, follows once the image is there.
func (a *asker) build(then func() error) error {
	plan := a.flow.Plan()
	_ = a.house.Remember(a.ctx, plan)
	for {
		a.say("")
		built, err := a.buildOnce()
		if err == nil {
			a.built = &built
			return a.finish(then)
		}
		if a.ctx.Err() != nil || fault.Code(err) == int(fault.Cancelled) {
			return err
		}
		fmt.Fprint(a.Out, a.styles.Error(err, built.Log))
		for {
			text, ask := a.line("Type retry, or back to change the answers:", "what to do about the failure", "", func() {
				a.tell("Finished stages are kept: retry goes on from there.")
			})
			if errors.Is(ask, errBack) {
				return nil
			}
			if errors.Is(ask, errQuit) || ask != nil && a.ctx.Err() == nil {
				return err // the build's own failure is what counts
			}
			if ask != nil {
				return ask
			}
			if strings.EqualFold(text, "retry") {
				break
			}
		}
	}
}

func (a *asker) buildOnce() (Built, error) {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	var sink report.Sink
	sink, done := startPlain(ctx, a.Out, Stopping{})
	defer done()
	return a.house.Build(ctx, a.flow.Plan(), sink)
}

// tries tells whether the image can be tried out here.
func (a *asker) tries() bool { return a.Try && a.flow.Plan().Tries() }

// tryOut boots the image, with its console here.
func (a *asker) tryOut() error {
	if err := a.house.Try(a.ctx, a.flow.Plan(), a.built.Path); err != nil {
		fmt.Fprint(a.Out, a.styles.Error(err, ""))
	}
	return nil
}

// finish does what was to follow the build, and asks what is next.
func (a *asker) finish(then func() error) error {
	words, about := "write for a "+medium(a.built.Fixed), "Writing erases a disk, after you have typed its name. back goes to the answers."
	if a.tries() {
		words, about = "try to boot it in QEMU, "+words, "Trying it out gives its console this terminal. "+about
	}
	for {
		if then != nil {
			if err := then(); err != nil && !errors.Is(err, errBack) {
				return err
			}
		}
		a.say("\nBuilt: %s", a.built.Path)
		text, err := a.line("Type "+words+", back, or quit:", "what to do next", "", func() { a.tell(about) })
		if errors.Is(err, errBack) {
			return nil
		}
		if _, ended := errors.AsType[*fault.Error](err); ended {
			return errQuit // the image is there; nothing more was asked for
		}
		if err != nil {
			return err
		}
		switch word := strings.ToLower(text); {
		case word == "try" && a.tries():
			then = a.tryOut
		case word == "write":
			then = a.write
		default:
			then = nil
		}
	}
}
