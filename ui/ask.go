package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"floe/internal/fault"
	"floe/steps"
)

// AskOptions are where the plain questions are asked.
type AskOptions struct {
	In  io.Reader
	Out io.Writer
	Try bool // images can be tried out: there is a person at In
}

// Ask asks the wizard's questions as numbered lines of text, for screen
// readers, simple terminals and pipes, and builds. An empty line takes the
// answer in brackets. The end of the input is never an answer: it ends the
// questions with an error, and nothing is built.
func Ask(ctx context.Context, house House, o AskOptions) (*Built, error) {
	styles := NewStyles(Terminal{Profile: colorprofile.NoTTY, ASCII: true}).At(79)
	a := &asker{ctx: ctx, house: house, AskOptions: o, styles: styles, wanted: make(chan struct{}, 1), input: make(chan string, 1)}
	go a.read()
	defer close(a.wanted)
	err := a.run()
	if errors.Is(err, errQuit) {
		if a.built != nil {
			return a.built, a.failed
		}
		if a.flow != nil && a.flow.Changed() {
			_ = house.Remember(ctx, a.flow.Plan())
		}
		err = fault.New(fault.Cancelled, "ask", "", context.Canceled, "")
	}
	return a.built, err
}

// asker is a conversation.
type asker struct {
	AskOptions
	ctx    context.Context
	house  House
	styles Styles
	wanted chan struct{} // for each line that is to be read
	input  chan string   // lines; closed at the end of the input
	flow   *steps.Flow
	built  *Built
	failed error // of the latest writing of a disk
}

// What may be said instead of an answer.
var (
	errBack = errors.New("back")
	errQuit = errors.New("quit")
)

// maxLine is more than any answer takes, in bytes.
const maxLine = 1 << 20

// read reads a line whenever one is wanted, and never before: in between, the
// input is that of a machine's console, or of whoever asks for a password.
func (a *asker) read() {
	defer close(a.input)
	lines := bufio.NewScanner(a.In)
	lines.Buffer(nil, maxLine)
	for range a.wanted {
		if !lines.Scan() {
			return
		}
		a.input <- strings.TrimRight(lines.Text(), "\r")
	}
}

func (a *asker) say(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }

func (a *asker) tell(text string) {
	for _, l := range wrap(clean(text), 79) {
		a.say("%s", l)
	}
}

// item tells a numbered line of a list.
func (a *asker) item(n int, text string) {
	head := fmt.Sprintf("  %d. ", n)
	for _, l := range wrap(clean(text), 79-len(head)) {
		a.say("%s%s", head, l)
		head = strings.Repeat(" ", len(head))
	}
}

// line asks for one line. The words back, quit and ? are not answers; with an
// = before them they are. Neither is a private key, and none of its lines. about names what is asked, and flag how to answer it
// on the command line, should the input end.
func (a *asker) line(prompt, about, flag string, help func()) (string, error) {
	for {
		fmt.Fprint(a.Out, prompt+" ")
		text, err := a.next(about, flag)
		if err != nil {
			return "", err
		}
		if steps.IsPrivate(text) {
			a.tell("Private key refused. Its lines are read to their end and dropped. A key's .pub line is wanted, and only where a key is asked for.")
			if err := a.swallow(text, about, flag); err != nil {
				return "", err
			}
			continue
		}
		switch word := strings.TrimSpace(text); strings.ToLower(word) {
		case "back":
			return "", errBack
		case "quit":
			return "", errQuit
		case "?":
			help()
			a.tell("back goes to the question before, quit leaves, ? is this help. An answer that is such a word is written with = before it.")
		default:
			return strings.TrimPrefix(word, "="), nil
		}
	}
}

// next gives the next line of the input.
func (a *asker) next(about, flag string) (string, error) {
	if a.ctx.Err() == nil {
		a.wanted <- struct{}{}
	}
	select {
	case <-a.ctx.Done():
		return "", context.Cause(a.ctx)
	case text, ok := <-a.input:
		if ok {
			return text, nil
		}
		if a.ctx.Err() != nil {
			return "", context.Cause(a.ctx)
		}
		a.say("")
		hint := "Nothing was accepted and nothing is built. 'floe build' takes the defaults without asking."
		if flag != "" {
			hint = "Nothing was accepted and nothing is built. On the command line the answer is " + flag + "."
		}
		return "", fault.New(fault.Usage, "ask", about, errors.New("the input ended before the answer"), hint)
	}
}

// run is the whole conversation.
func (a *asker) run() error {
	if err := a.welcome(); err != nil {
		return err
	}
	for {
		step, ok := a.flow.Current()
		var err error
		if ok {
			err = a.question(step)
		} else {
			err = a.review()
		}
		switch {
		case errors.Is(err, errBack):
			if !a.flow.Back() {
				if err := a.welcome(); err != nil {
					return err
				}
			}
		case err != nil:
			return err
		}
	}
}

// welcome tells what this is and how the machine is, and begins.
func (a *asker) welcome() error {
	if a.flow == nil {
		a.tell("Floe builds a tiny Linux for containers. A few questions, then it is built here, from signed sources.")
		a.tell("An empty line takes the answer in [brackets]. back, ? and quit always work.")
		a.say("")
		for _, check := range a.house.Checks() {
			if a.ctx.Err() != nil {
				return context.Cause(a.ctx)
			}
			fmt.Fprint(a.Out, a.styles.Checks([]Check{check(a.ctx)}))
		}
	}
	list := a.house.Beginnings()
	a.say("\nHow to begin")
	for i, b := range list {
		note := b.Note
		if b.Err != nil {
			note = "cannot be used: " + whole(b.Err)
		}
		a.item(i+1, b.Title+": "+note)
	}
	for {
		n, err := a.number("Number [1]:", "how to begin", len(list), 1)
		if errors.Is(err, errBack) {
			a.say("This is the beginning.")
			continue
		}
		if err != nil {
			return err
		}
		b := list[n-1]
		if b.Err == nil {
			var flow *steps.Flow
			if flow, err = steps.NewFlow(b.Sources...); err == nil {
				if a.flow = flow; b.Review {
					flow.Review()
				}
				return nil
			}
			b.Err = err
		}
		a.tell("Not that one: " + whole(b.Err))
	}
}

// number asks for a number from 1 to most; 0 for otherwise means that there is
// no default.
func (a *asker) number(prompt, about string, most, otherwise int) (int, error) {
	for {
		text, err := a.line(prompt, about, "", func() { a.say("A number from 1 to %d is wanted.", most) })
		if err != nil {
			return 0, err
		}
		if text == "" && otherwise > 0 {
			return otherwise, nil
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= most {
			return n, nil
		}
		a.say("A number from 1 to %d is wanted.", most)
	}
}

// question asks one step, whatever its kind, until the answer is good.
func (a *asker) question(step steps.Step) error {
	n, of := a.flow.Position()
	if a.flow.Editing() {
		a.say("\n%s", step.Title)
	} else {
		a.say("\nQuestion %d of %d: %s", n, of-1, step.Title)
	}
	a.tell(step.Ask)
	a.tell(step.Help)
	if step.Kind == steps.Keys {
		return a.keys(step)
	}
	for {
		values, err := a.answer(step)
		if err != nil {
			return err
		}
		if why := a.refused(step, values); why != "" {
			a.tell("Not like this: " + why)
			continue
		}
		if err = a.flow.Answer(values...); err == nil {
			a.effect(step)
			return nil
		}
		a.tell("Not like this: " + reason(err))
	}
}

// refused says why a path is none where anything can go: that would fail only once the
// person is gone.
func (a *asker) refused(step steps.Step, values []string) string {
	if plan, err := a.flow.With(step.Key, values); err == nil && step.Kind == steps.Path {
		if level, text := a.house.LookAt(a.ctx, step.Show(plan)); level == Fail {
			return text
		}
	}
	return ""
}

// answer asks for a line, or for one of the choices by number or name.
func (a *asker) answer(step steps.Step) ([]string, error) {
	now := step.Values(a.flow.Plan())[0]
	for i, c := range a.flow.Choices(step) {
		note := c.Help
		if cost := costs(c); len(cost) > 0 {
			note += " (" + strings.Join(cost, ", ") + ")"
		}
		if c.Refused != "" {
			note = "not here: " + c.Refused
		}
		a.item(i+1, c.Value+": "+note)
	}
	prompt := "Answer [" + now + "]:"
	switch {
	case now == "":
		prompt = "Answer [none]:"
	case a.flow.Check(step.Key, []string{""}) == nil:
		prompt = "Answer [" + now + "], - for none:"
	}
	flag := "--" + step.Key + " " + step.Value
	help := func() {
		a.tell(step.Help)
		if step.Kind == steps.Codes {
			a.say("%s", strings.Join(CodeLines(), "\n"))
		}
		a.say("On the command line: %s", flag)
	}
	text, err := a.line(prompt, step.Title, flag, help)
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return []string{now}, nil
	case text == "-" && a.flow.Check(step.Key, []string{""}) == nil:
		return []string{""}, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(step.Choices) {
		text = step.Choices[n-1].Value
	}
	return []string{text}, nil
}

// effect says what an answer leads to.
func (a *asker) effect(step steps.Step) {
	plan := a.flow.Plan()
	if text := figures(plan); text != "" && step.Costs() {
		a.tell(strings.ToUpper(text[:1]) + text[1:] + ".")
	}
	switch step.Kind {
	case steps.Codes:
		for _, hint := range plan.Hints() {
			a.tell("Note: " + hint)
		}
		a.tell("The boot line will be: " + a.house.BootLine(plan))
	case steps.Size:
		if left, known := plan.Left(); known {
			a.say("About %d MiB stay for containers.", left)
		}
		if warning := plan.Scarce(); warning != "" {
			a.tell("Note: " + warning)
		}
	case steps.Path:
		if _, text := a.house.LookAt(a.ctx, plan.Output); text != "" {
			a.tell(text)
		}
	}
}
