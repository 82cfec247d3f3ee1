package ui

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
	"floe/steps/keysource"
)

func TestWizardWholeWay(t *testing.T) {
	r := newRig(t, &testHouse{checks: goodChecks, built: testBuilt(), events: testEvents()})
	r.at("Welcome").sees("999 GB free").press("enter")
	r.at("Architecture").press("enter")
	r.at("Runtime").sees("docker").press("enter")
	r.at("SSH keys").press("enter")
	r.at("Host name").press("ctrl+u", "box", "enter")
	r.at("Boot codes").press("shift+tab", "quiet q ? p", "enter")
	r.at("Memory").press("up", "enter")
	r.at("Image").press("enter")
	r.at("Review").sees("box", "quiet q ? p", "1024 MiB", "floe-amd64.iso").press("enter")
	r.at("Done").sees("/home/ada/floe-amd64.iso", "floe ssh", "0123456789abcdef")
	if r.house.remembered != 1 || r.quit {
		t.Errorf("remembered %d times, quit: %t", r.house.remembered, r.quit)
	}
	r.press("down", "down", "enter").at("Review")
	r.goTo("Done").press("end", "enter")
	if !r.quit || r.m.built == nil || r.m.built.Path != testBuilt().Path {
		t.Errorf("quit: %t, built: %+v", r.quit, r.m.built)
	}
}

// Back from everywhere, with the answers kept.
func TestWizardThereAndBack(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Host name").press("x", "enter").goTo("Review")
	for _, title := range []string{"Image", "Memory", "Boot codes", "Host name", "SSH keys", "Runtime", "Architecture", "Welcome"} {
		r.press("esc").at(title)
	}
	r.sees("Go on with the answers so far").press("enter").at("Architecture").press("enter").at("Runtime").press("enter").at("SSH keys").press("enter").at("Host name").sees("floex")
	r.press("ctrl+u", "-bad-", "enter").at("Host name").sees("letters, digits and dashes").press("esc").at("SSH keys")
	r.press("enter").sees("floex")
}

func TestWizardEditsAndComesBack(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Review")
	rows := r.m.flow.Applying()
	for i, step := range rows {
		r.m.show()
		for range len(rows) - i {
			r.press("up")
		}
		r.press("e").at(step.Title).press("enter").at("Review").press("up")
	}
	// Editing is left by esc too, and changes nothing then.
	r.m.flow.Edit("hostname")
	r.m.show()
	r.press("zzz", "esc").at("Review")
	if got := r.m.flow.Plan().Hostname; got != "floe" {
		t.Errorf("the host name is %q", got)
	}
}

// Every step has a screen, and every screen takes the answer that it shows.
func TestWizardHasAScreenForEveryStep(t *testing.T) {
	r := newRigOn(t, &testHouse{}, looks["escape"], 80, 60).goTo("Review") // so tall that no row is hidden
	for _, step := range r.m.flow.Applying() {
		before := step.Values(r.m.flow.Plan())
		r.m.flow.Edit(step.Key)
		r.m.show()
		r.at(step.Title).sees(step.Ask).press("enter").at("Review").sees(step.Title)
		if after := step.Values(r.m.flow.Plan()); !slices.Equal(before, after) {
			t.Errorf("%s: %q becomes %q", step.Key, before, after)
		}
	}
	// arm64 is asked for its board, in turn.
	r.m.flow.Jump("arch")
	if err := r.m.flow.Answer("arm64"); err != nil {
		t.Fatal(err)
	}
	r.m.show()
	r.at("Board").sees("Raspberry Pi").press("down", "enter").at("Runtime")
	if got := r.m.flow.Plan().Board; got != "rpi" {
		t.Errorf("the board is %q", got)
	}
	// Floe has no virtual machine that would boot the image.
	r.m.flow.Review()
	r.m.show()
	r.at("Review").sees("Build, then write it to a memory card")
	if strings.Contains(r.view(), "QEMU") {
		t.Errorf("it offers to try out what cannot be:\n%s", r.view())
	}
}

func TestWizardKeepsAnswersOnLeaving(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Architecture").press("ctrl+c", "down", "enter")
	if r.house.remembered != 0 {
		t.Error("nothing was answered, and that was kept")
	}
	r = newRig(t, &testHouse{}).goTo("Host name").press("enter", "ctrl+c", "down", "enter")
	if r.house.remembered != 1 || !r.quit {
		t.Errorf("remembered %d times", r.house.remembered)
	}
}

func TestWizardPrivateKeys(t *testing.T) {
	const private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
	for _, title := range []string{"SSH keys", "Host name", "Boot codes", "Memory", "Image"} {
		r := newRig(t, &testHouse{}).goTo(title)
		if title == "SSH keys" {
			r.press("down", "down", "enter")
		}
		r.send(tea.PasteMsg{Content: private})
		if view := r.view(); strings.Contains(view, "c2Vj") || strings.Contains(view, "BEGIN") {
			t.Errorf("%s shows a private key:\n%s", title, view)
		}
		r.sees("Private key refused")
	}
	// Without bracketed paste its lines are typed, each with an enter.
	r := newRig(t, &testHouse{}).goTo("SSH keys").press("down", "down", "enter")
	form := r.m.screen.(*keysScreen).form
	r.m.Update(tea.KeyPressMsg{Code: '-', Text: "-----BEGIN OPENSSH PRIVATE KEY-----"})
	r.m.Update(named["enter"]) // its command, which ends the deafness, is held back
	for _, c := range "c2VjcmV0" {
		r.m.Update(tea.KeyPressMsg{Code: c, Text: string(c)})
	}
	r.m.Update(named["enter"])
	r.sees("Private key refused")
	if got := form.input.Value(); got != "" {
		t.Errorf("the field holds %q", got)
	}
	r.send(deafMsg(r.m.deaf))
	r.press("ssh-ed25519 nonsense", "enter").sees("not a public key").press("esc").sees("No key")
	for _, title := range []string{"Host name", "Boot codes", "Memory", "Image"} {
		r := newRig(t, &testHouse{}).goTo(title).press("shift+tab", "ctrl+u")
		for line := range strings.Lines(private) {
			r.m.Update(tea.KeyPressMsg{Code: rune(line[0]), Text: strings.TrimSpace(line)})
			r.m.Update(named["enter"])
		}
		if r.at(title).sees("Private key refused"); strings.Contains(r.view(), "c2Vj") || strings.Contains(r.view(), "BEGIN") {
			t.Errorf("%s keeps a private key:\n%s", title, r.view())
		}
		if r.send(deafMsg(1)); r.m.deaf == 0 {
			t.Errorf("%s listens before the key has ended", title)
		}
		r.send(deafMsg(r.m.deaf))
		if r.press("9"); r.m.deaf != 0 || !strings.Contains(r.view(), "9") {
			t.Errorf("%s is deaf for good:\n%s", title, r.view())
		}
	}
	// A code's value is in the line by then.
	r = newRig(t, &testHouse{}).goTo("Boot codes").press("space", "-----BEGIN OPENSSH PRIVATE KEY-----", "enter")
	r.m.Update(named["enter"])
	if r.at("Boot codes").sees("Private key refused"); strings.Contains(r.view(), "BEGIN") {
		t.Errorf("the line keeps a private key:\n%s", r.view())
	}
}

func TestWizardKeys(t *testing.T) {
	r := newRig(t, &testHouse{keys: manyKeys(2), imported: manyKeys(4)}).goTo("SSH keys")
	if got := r.m.screen.(*keysScreen).chosen; len(got) != 1 || !got[steps.OwnKey] {
		t.Errorf("chosen from the beginning: %v", got)
	}
	r.press("space", "enter").at("SSH keys").sees("Nobody could log in")
	// Imports are not preselected, and the cursor goes to them.
	r.press("down", "down", "down", "enter", "ada", "enter")
	if got := r.m.screen.(*keysScreen).chosen; len(got) != 0 {
		t.Errorf("an import is chosen: %v", got)
	}
	r.press("space", "down", "down", "space", "enter").at("Host name")
	if got, want := r.m.flow.Plan().SSHKeys, []string{manyKeys(4)[0].Value, manyKeys(4)[2].Value}; !slices.Equal(got, want) {
		t.Errorf("keys %q, not %q", got, want)
	}
	r.press("esc").at("SSH keys")
	if n := len(r.m.screen.(*keysScreen).rows); n != 8 {
		t.Errorf("%d rows after coming back: keys are there twice, or gone\n%s", n, r.view())
	}
	// No key goes with no other.
	r.press("end", "space", "enter").at("Host name")
	if got := r.m.flow.Plan().SSHKeys; !slices.Equal(got, []string{steps.NoKey}) {
		t.Errorf("keys %q", got)
	}
	r.press("esc", "space", "enter")
	if got := r.m.flow.Plan().SSHKeys; !slices.Equal(got, []string{steps.OwnKey}) {
		t.Errorf("keys %q", got)
	}
	// A new key is chosen.
	r.press("esc").press("/", "make", "enter", "enter", "enter").sees("Made and selected").press("enter")
	if got := r.m.flow.Plan().SSHKeys; !slices.Contains(got, "~/.ssh/id_ed25519_floe.pub") {
		t.Errorf("keys %q", got)
	}
}

// A weak key is shown, and cannot be chosen.
func TestWizardWeakKey(t *testing.T) {
	weak := testKey("old@vax", 3)
	weak.Weak = "an RSA key of 1024 bits is too weak"
	r := newRig(t, &testHouse{keys: []keysource.Key{weak}}).goTo("SSH keys").press("down", "space").sees("[ ] old@vax", "! an RSA key of 1024 bits")
	if r.press("enter"); slices.Contains(r.m.flow.Plan().SSHKeys, weak.Value) {
		t.Error("the weak key is in the plan")
	}
}

func TestWizardSaves(t *testing.T) {
	r := newRig(t, &testHouse{saveErr: fs.ErrExist}).goTo("Review").press("s").sees("Replace floe.toml?")
	if r.press("enter"); r.house.saved {
		t.Error("the file was replaced without being asked for")
	}
	if r.press("s", "down", "enter").sees("Saved as floe.toml"); !r.house.saved {
		t.Error("the file was not replaced")
	}
}

func TestWizardBuildFailsAndRetries(t *testing.T) {
	r := newRig(t, &testHouse{buildErr: buildFailure()}).goTo("Review").press("enter").at("The build failed").sees("make: exit status 2", "kernel-amd64.log")
	if r.m.built != nil {
		t.Error("a failed build has an image")
	}
	r.house.buildErr, r.house.built = nil, testBuilt()
	r.press("enter").at("Done")
	r.house.buildErr = fault.New(fault.Cancelled, "build", "", context.Canceled, "")
	r.press("down", "down", "enter").at("Review").press("enter").at("Stopped").press("down", "enter").at("Review")
}

// The display stays quick and correct while a build says a lot.
func TestWizardStopsABuild(t *testing.T) {
	r := newRig(t, &testHouse{}).goTo("Review")
	cancelled := false
	r.m.startBuild(false)
	r.m.build.cancel = func() { cancelled = true }
	r.press("esc").sees("Stop the build?").press("enter").at("Building")
	if cancelled {
		t.Error("staying stops the build")
	}
	r.press("l").sees("Nothing has been said").press("esc")
	r.send(batchMsg{{Time: begun, Stage: "kernel", Kind: report.Started, Text: "Kernel"}})
	r.press("ctrl+c", "down", "enter").at("Stopping")
	if !cancelled {
		t.Error("the build was not cancelled")
	}
	r.press("ctrl+c").sees("Leave before the build has stopped?").press("enter")
	r.send(builtMsg{err: context.Canceled})
	r.at("Stopped").sees("kept")
}

// slowHouse is a house, and a machine, in which nothing that may be slow ever
// comes to its end.
type slowHouse struct {
	testHouse
	testMachine
	never chan struct{}
}

func (h *slowHouse) Checks() []func(context.Context) Check {
	return []func(context.Context) Check{func(context.Context) Check { <-h.never; return Check{} }}
}
func (h *slowHouse) Keys(context.Context) []keysource.Key { <-h.never; return nil }
func (h *slowHouse) Import(context.Context, string, string) ([]keysource.Key, error) {
	<-h.never
	return nil, nil
}

func (h *slowHouse) NewKey(context.Context, string) (keysource.Key, error) {
	<-h.never
	return keysource.Key{}, nil
}
func (h *slowHouse) LookAt(context.Context, string) (Level, string) { <-h.never; return OK, "" }
func (h *slowHouse) Save(context.Context, *steps.Plan, bool) (string, error) {
	<-h.never
	return "", nil
}
func (h *slowHouse) Remember(context.Context, *steps.Plan) error { <-h.never; return nil }
func (h *slowHouse) Build(context.Context, *steps.Plan, report.Sink) (Built, error) {
	<-h.never
	return Built{}, nil
}

func (h *slowHouse) Start(context.Context, *steps.Plan, string, report.Sink) (Machine, error) {
	<-h.never
	return nil, nil
}
func (h *slowHouse) Disks(context.Context, int64) ([]Disk, error) { <-h.never; return nil, nil }
func (h *slowHouse) Writer(context.Context) (WriteFunc, error)    { <-h.never; return nil, nil }
func (h *slowHouse) Look(context.Context) Sight                   { <-h.never; return Sight{} }
func (h *slowHouse) Console(context.Context) error                { <-h.never; return nil }
func (h *slowHouse) Shell(context.Context) error                  { <-h.never; return nil }
func (h *slowHouse) Restart(context.Context) error                { <-h.never; return nil }
func (h *slowHouse) PowerOff(context.Context) error               { <-h.never; return nil }
func (h *slowHouse) Close()                                       { <-h.never }

// TestWizardNeverBlocks: whatever is slow is done elsewhere. Every key is taken
// and every screen drawn while nothing that was begun ever ends.
func TestWizardNeverBlocks(t *testing.T) {
	house := &slowHouse{never: make(chan struct{})}
	defer close(house.never)
	done := make(chan string)
	place := make(chan string, 10000)
	go func() {
		defer close(done)
		m := newWizard(t.Context(), house, NewStyles(looks["escape"]), 80, 24)
		m.Init()
		send := func(msg tea.Msg) {
			place <- fmt.Sprintf("%T at %s", msg, m.title())
			m.Update(msg) // what it gives is not run
			m.View()
		}
		press := func(keys ...string) {
			for _, k := range keys {
				send(named[k])
			}
		}
		press("enter", "enter", "enter") // to the keys
		for range 3 {
			press("down", "enter")
			send(tea.KeyPressMsg{Code: 'a', Text: "a"})
			press("enter", "esc")
		}
		send(keysMsg{found: true})
		for m.title() != "Review" {
			press("home", "enter", "tab", "shift+tab")
			send(tea.PasteMsg{Content: "x"})
			press("backspace")
		}
		send(tea.KeyPressMsg{Code: 's', Text: "s"})
		press("enter", "esc", "enter", "ctrl+c", "enter")
		send(builtMsg{built: testBuilt()})
		press("enter", "esc", "enter")
		send(startedMsg{of: m.machine, machine: house})
		send(tickMsg(after(1)))
		for _, c := range "scrlp?" {
			send(tea.KeyPressMsg{Code: c, Text: string(c)})
			press("down", "enter", "esc")
		}
		m.backFromMachine()
		send(chooseIntent{})
		m.choose(chooseIntent{disk: testDisks()[1], data: NewData})
		send(againMsg{disk: testDisks()[1]})
		m.act(eraseIntent{WriteOrder{Disk: testDisks()[1]}})
		m.leave()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		last := ""
		for len(place) > 0 {
			last = <-place
		}
		t.Errorf("it hangs on %s", last)
	}
}
