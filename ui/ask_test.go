package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
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
	for _, text := range []string{"999 GB free", "How to begin", "Question 1 of 7", "Question 6 of 7", "console=tty0 quiet",
		"902 MiB stay", "Review", "Host name: box", "start  Build the kernel"} {
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
	if len(rows) != len(steps.All())-1 { // boards are for arm64
		t.Errorf("%d of %d steps are in the review", len(rows), len(steps.All()))
	}
	toReview := make([]string, 1+len(flow.Asked())) // empty lines
	for i, step := range rows {
		_, out, _ := ask(t, &testHouse{}, false, append(slices.Clone(toReview), strconv.Itoa(i+1), "", "quit")...)
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

// TestAskPrivateKeys: wherever a private key is pasted, none of its lines is an answer or
// said again, and the question stays.
func TestAskPrivateKeys(t *testing.T) {
	for _, lines := range [][]string{
		{"-----BEGIN OPENSSH PRIVATE KEY-----", "c2VjcmV0", "1", "", "build", "-----END OPENSSH PRIVATE KEY-----"},
		{"PuTTY-User-Key-File-3: ssh-ed25519", "Encryption: none", "c2VjcmV0", "1", "Private-MAC: c2VjcmV0"},
		{"-----BEGIN RSA PRIVATE KEY----- c2VjcmV0 -----END RSA PRIVATE KEY-----"},
		{"a PRIVATE KEY"},
	} {
		for n, question := range []string{"Question 1 of", "Question 2 of", "Question 3 of", "Question 4 of", "Question 5 of", "Question 6 of", "Question 7 of", "Review"} {
			answers := append(append([]string{"1"}, make([]string, n)...), lines...)
			house := &testHouse{}
			built, out, err := ask(t, house, false, append(answers, "quit")...)
			_, said, _ := strings.Cut(out, question)
			if built != nil || fault.Code(err) != int(fault.Cancelled) || strings.Count(said, "Private key refused") != 1 || strings.Contains(said, "Question ") || strings.Contains(out, "c2Vj") || strings.Contains(out, "BEGIN") {
				t.Errorf("%q at %s: %v\n%s", lines[0], question, err, said)
			}
		}
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

// A kernel that does not compile is told with the first error, what can be done, and where
// the log is.
func TestAskTellsWhatCanBeDone(t *testing.T) {
	house := &testHouse{buildErr: kernelFailure("gcc: fatal error: Killed signal terminated program cc1", "Memory ran out: close other programs or add swap, and try again.")}
	_, out, err := ask(t, house, false, append(theWay[:len(theWay):len(theWay)], "retry", "quit")...)
	said := strings.Join(strings.Fields(out), " ")
	if !errors.Is(err, house.buildErr) || strings.Count(said, "why gcc: fatal error: Killed signal") != 2 || !strings.Contains(said, "next Memory ran out") ||
		!strings.Contains(said, "kernel-amd64.log") {
		t.Errorf("%v\n%s", err, out)
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

// wholeWrite is theWay, on to a disk.
var wholeWrite = append(theWay[:len(theWay)-1:len(theWay)-1], "write", "2", "", "sandisk  ultra fit", "quit")

func TestAskWrites(t *testing.T) {
	house := &testHouse{built: testBuilt(), testSticks: testSticks{disks: testDisks(), written: Written{Rows: []Row{{Key: "disk", Value: "/dev/sda"}}}}}
	built, out, err := ask(t, house, false, wholeWrite...)
	if err != nil || built == nil || len(house.orders) != 1 {
		t.Fatalf("%v, %v, %+v\n%s", built, err, house.orders, out)
	}
	if o := house.orders[0]; o.Disk.Key != "ultra" || o.Data != NewData || o.Image != testBuilt().Path || o.Size != testBuilt().Size {
		t.Errorf("%+v", o)
	}
	golden(t, "ask-write", out[strings.Index(out, "\nDisks"):])

	house.disks[1].NoRoom = true
	_, out, err = ask(t, house, false, wholeWrite...)
	for _, says := range []string{"1. no data partition: the disk has no room for one\nNumber", "careful: there is no room for a data partition: containers are lost at switch-off"} {
		if err != nil || !strings.Contains(out, says) {
			t.Errorf("%v: %q is missing in\n%s", err, says, out)
		}
	}
}

// A disk is touched only by who has typed its name: not by the end of the
// input, at whichever question, and not by anything else that is typed.
func TestAskNeverErasesUnasked(t *testing.T) {
	start := len(theWay)
	for n := start; n < len(wholeWrite)-1; n++ {
		house := &testHouse{built: testBuilt(), testSticks: testSticks{disks: testDisks()}}
		_, out, err := ask(t, house, false, wholeWrite[:n]...)
		if fault.Code(err) != int(fault.Usage) || len(house.orders) > 0 {
			t.Errorf("the input ends after %q: %v, %+v\n%s", wholeWrite[:n], err, house.orders, out)
		}
	}
	way := wholeWrite[:start]
	for name, tt := range map[string]struct {
		lines  []string
		says   string
		change func(*testHouse)
	}{
		"yes":      {[]string{"2", "", "yes", "back", "quit"}, "Nothing was erased", nil},
		"nothing":  {[]string{"2", "", "", "back", "quit"}, "Nothing was erased", nil},
		"its path": {[]string{"2", "", "/dev/sda", "quit"}, "Nothing was erased", nil},
		"refused":  {[]string{"1", "back", "quit"}, "never written: carries /", nil},
		"no disk":  {[]string{"9", "x", "", "back", "quit"}, "A number from 1 to 4", nil},
		"back":     {[]string{"2", "back", "2", "", "back", "back", "quit"}, "Type its name to erase it: SanDisk Ultra Fit", nil},
		"help":     {[]string{"?", "2", "?", "", "?", "quit"}, "Plug the stick in", nil},
		"gone": {[]string{"2", "", "SanDisk Ultra Fit", "quit"}, "it was pulled out and plugged in again", func(h *testHouse) {
			h.listed = func() { h.disks = testDisks(); h.disks[1].Seen = "another" }
		}},
		"may not": {[]string{"2", "", "SanDisk Ultra Fit", "quit"}, "not in the sudoers file", func(h *testHouse) {
			h.refuse = fault.New(fault.Missing, "ask for the right to write", "sudo", errors.New("ada is not in the sudoers file"), "")
		}},
	} {
		house := &testHouse{built: testBuilt(), testSticks: testSticks{disks: testDisks()}}
		if tt.change != nil {
			tt.change(house)
		}
		_, out, err := ask(t, house, true, append(way[:len(way):len(way)], tt.lines...)...)
		if len(house.orders) > 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), tt.says) {
			t.Errorf("%s: %+v\n%s", name, house.orders, out)
		}
		if want := house.refuse; !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A failure to write is told, and is what the conversation ends with, unless
// another disk is written after all.
func TestAskWriteFails(t *testing.T) {
	for _, again := range []bool{false, true} {
		house := &testHouse{built: testBuilt(), testSticks: testSticks{disks: testDisks(),
			failed: fault.New(fault.Disk, "write the image to", "/dev/sda", errors.New("it was pulled out"), "Write it again.")}}
		lines := wholeWrite[: len(wholeWrite)-1 : len(wholeWrite)-1]
		if again {
			house.listed = func() {
				if len(house.orders) > 0 {
					house.failed = nil
				}
			}
			lines = append(lines, wholeWrite[len(theWay)-1:]...)
		}
		built, out, err := ask(t, house, false, lines...)
		if built == nil || !strings.Contains(out, "it was pulled out") || again != (err == nil) {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestAskReadsOnlyAnswers: what is typed while a machine has the terminal is
// the machine's.
func TestAskReadsOnlyAnswers(t *testing.T) {
	r, w := io.Pipe()
	house := &testHouse{built: testBuilt()}
	left := make(chan string, 1)
	house.trying = func() {
		buf := make([]byte, 64)
		n, _ := r.Read(buf)
		left <- string(buf[:n])
	}
	go func() {
		for _, line := range append(theWay[:len(theWay)-1:len(theWay)-1], "try", "to the machine", "quit") {
			fmt.Fprintln(w, line)
		}
	}()
	if _, err := Ask(t.Context(), house, AskOptions{In: r, Out: io.Discard, Try: true}); err != nil {
		t.Error(err)
	}
	if got := <-left; got != "to the machine\n" {
		t.Errorf("the machine gets %q", got)
	}
}

// A board's image is for the board only.
func TestAskDoesNotTryABoard(t *testing.T) {
	house := &testHouse{built: testBuilt()}
	house.built.Fixed = true
	_, out, err := ask(t, house, true, "", "arm64", "rpi", "", "", "", "", "", "try", "build", "try", "quit")
	if err != nil || house.tried != 0 || strings.Contains(out, "Memory") || !strings.Contains(out, "Built: ") || !strings.Contains(out, "write for a memory card") {
		t.Errorf("%v, tried %d times\n%s", err, house.tried, out)
	}
}
