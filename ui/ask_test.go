package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"floe/internal/fault"
	"floe/steps"
)

// ask holds a conversation: lines in, what was said out.
func ask(t *testing.T, house *testHouse, try bool, lines ...string) (*Built, string, error) {
	t.Helper()
	in := ""
	if len(lines) > 0 {
		in = strings.Join(lines, "\n") + "\n"
	}
	var out bytes.Buffer
	built, err := Ask(t.Context(), house, AskOptions{In: strings.NewReader(in), Out: &out, Try: try})
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("escape sequences in\n%q", out.String())
	}
	return built, out.String(), err
}

// theWay is an answer for every question from the beginning to the build.
var theWay = []string{"1", "1", "2", "1", "box", "quiet", "1G", "box.iso", "build"}

func TestAskWholeWay(t *testing.T) {
	house := &testHouse{checks: goodChecks, built: testBuilt(), events: testEvents()}
	built, out, err := ask(t, house, false, theWay...)
	if err != nil || built == nil || built.Path != testBuilt().Path {
		t.Fatalf("%v %v\n%s", built, err, out)
	}
	for _, text := range []string{"41 GiB free", "How to begin", "Question 1 of 7", "Question 6 of 7", "console=tty0 quiet",
		fmt.Sprintf("%d MiB stay", (&steps.Plan{Runtime: steps.Docker}).LeftOf(1024)), "Review", "Host name: box", "start  Build the kernel"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not said in\n%s", text, out)
		}
	}
	golden(t, "ask", out[:strings.Index(out, "start ")])
	if house.remembered != 1 {
		t.Errorf("remembered %d times", house.remembered)
	}
}

// The end of the input is never an answer, at whichever question it comes.
func TestAskEndOfInput(t *testing.T) {
	for n := range theWay {
		house := &testHouse{built: testBuilt()}
		built, out, err := ask(t, house, false, theWay[:n]...)
		if built != nil || fault.Code(err) != int(fault.Usage) || house.remembered != 0 {
			t.Errorf("after %q: built %v, error %v", theWay[:n], built, err)
		}
		if strings.Contains(out, "start ") {
			t.Errorf("after %q a build starts", theWay[:n])
		}
	}
	// The flag that answers the question is named.
	_, _, err := ask(t, &testHouse{}, false, "1", "", "", "1")
	if !strings.Contains(fault.Hint(err), "--hostname") {
		t.Errorf("%v: %s", err, fault.Hint(err))
	}
	// In the forms of the question about keys as well.
	for _, lines := range [][]string{{"1", "", ""}, {"1", "", "", "2"}, {"1", "", "", "2", "1"}, {"1", "", "", "3"}, {"1", "", "", "4"}, {"1", "", "", "3", "-----BEGIN OPENSSH PRIVATE KEY-----", "c2VjcmV0"}} {
		if _, _, err := ask(t, &testHouse{}, false, lines...); fault.Code(err) != int(fault.Usage) {
			t.Errorf("%q: %v", lines, err)
		}
	}
	// A last line without a newline is an answer, but nothing comes after it.
	var out bytes.Buffer
	if _, err := Ask(t.Context(), &testHouse{}, AskOptions{In: strings.NewReader("1"), Out: &out}); fault.Code(err) != int(fault.Usage) {
		t.Errorf("%v", err)
	}
}

func TestAskBackHelpQuit(t *testing.T) {
	house := &testHouse{}
	_, out, err := ask(t, house, false, "back", "?", "9", "1", "", "", "?", "1", "x", "back", "?", "box", "back", "=back", "-", "quit")
	if fault.Code(err) != int(fault.Cancelled) || house.remembered != 1 {
		t.Errorf("%v, remembered %d times\n%s", err, house.remembered, out)
	}
	for _, text := range []string{"This is the beginning", "A number from 1 to 1 is wanted", "Only public keys go into the image",
		"Answer [x]:", "Name of the machine", "On the command line: --hostname NAME", "Answer [box]:"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not said in\n%s", text, out)
		}
	}
}

// Every step can be changed from the review, whichever it is, and an empty
// line leaves it as it was.
func TestAskReachesEveryStep(t *testing.T) {
	flow, err := steps.NewFlow()
	if err != nil {
		t.Fatal(err)
	}
	rows := flow.Applying()
	if len(rows) != len(steps.All()) {
		t.Errorf("%d of %d steps are in the review", len(rows), len(steps.All()))
	}
	for i, step := range rows {
		_, out, _ := ask(t, &testHouse{}, false, "", "", "", "", "", "", "", "", string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10)), "", "quit")
		if !strings.Contains(out, "\n"+step.Title+"\n") || strings.Count(out, "\nReview\n") != 2 {
			t.Errorf("%s cannot be changed from the review:\n%s", step.Key, out)
		}
	}
}

func TestAskKeys(t *testing.T) {
	house := &testHouse{keys: manyKeys(2), imported: manyKeys(3)}
	_, out, err := ask(t, house, false, "1", "", "", "9", "x", "1,7", "4", "2", "ada", "2,4", "quit")
	if fault.Code(err) != int(fault.Cancelled) {
		t.Error(err)
	}
	for _, text := range []string{"is no number", "keys go together with keys only", "3 keys of ada at GitLab", "Question 4 of 7"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not said in\n%s", text, out)
		}
	}
	_, out, _ = ask(t, house, false, "1", "", "", "5", "-----BEGIN OPENSSH PRIVATE KEY-----", "1", "build", "-----END OPENSSH PRIVATE KEY-----", "quit")
	if !strings.Contains(out, "Private key refused") || strings.Contains(out, "Question 4") {
		t.Errorf("a private key: %s", out)
	}
}

func TestAskSaveAndFailure(t *testing.T) {
	house := &testHouse{saveErr: fs.ErrExist, buildErr: buildFailure()}
	way := append(theWay[:len(theWay)-1:len(theWay)-1], "save", "no", "save", "yes", "command", "nonsense", "build", "what?", "back", "try", "quit")
	_, out, err := ask(t, house, true, way...)
	if !errors.Is(err, house.buildErr) {
		t.Errorf("after a failed build: %v", err)
	}
	for _, text := range []string{"It is left as it is", "Saved as floe.toml", "floe build --hostname box", "A number from 1 to", "make: exit status 2", "Type retry"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not said in\n%s", text, out)
		}
	}
}

func TestAskTriesOut(t *testing.T) {
	house := &testHouse{built: testBuilt()}
	built, out, err := ask(t, house, true, "", "", "", "", "", "", "", "", "try", "try", "quit")
	if err != nil || built == nil || house.tried != 2 {
		t.Errorf("%v, tried %d times\n%s", err, house.tried, out)
	}
	built, _, err = ask(t, house, true, "", "", "", "", "", "", "", "", "build")
	if err != nil || built == nil {
		t.Errorf("the input ends after the build: %v", err)
	}
}

func TestAskIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("somebody said so"))
	r, w := io.Pipe()
	defer w.Close()
	if _, err := Ask(ctx, &testHouse{}, AskOptions{In: r, Out: &bytes.Buffer{}}); err == nil || err.Error() != "somebody said so" {
		t.Errorf("%v", err)
	}
}
