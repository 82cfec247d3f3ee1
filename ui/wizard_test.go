package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/steps"
	"floe/steps/keysource"
)

// testHouse is a house without anything behind it, so that screens show the
// same on every machine.
type testHouse struct {
	checks     []Check
	beginnings []Beginning
	keys       []keysource.Key
	imported   []keysource.Key
	importErr  error
	newKeyErr  error
	saveErr    error
	saved      bool
	remembered int
	built      Built
	buildErr   error
	events     []report.Event
	hold       chan struct{} // a build waits for it, or for its end
	made       bool          // the folder /later
	tried      int
	tryErr     error
	trying     func() // while an image is tried out
	machine    *testMachine
	testSticks
}

func (h *testHouse) Beginnings() []Beginning {
	if h.beginnings == nil {
		return []Beginning{{Title: "Start", Note: "a few questions"}}
	}
	return h.beginnings
}

func (h *testHouse) Checks() (list []func(context.Context) Check) {
	for _, c := range h.checks {
		list = append(list, func(context.Context) Check { return c })
	}
	return list
}

func (h *testHouse) Keys(context.Context) []keysource.Key { return h.keys }
func (h *testHouse) Services() []string                   { return []string{"GitHub", "GitLab", "Launchpad"} }
func (h *testHouse) Import(context.Context, string, string) ([]keysource.Key, error) {
	return h.imported, h.importErr
}

func (h *testHouse) NewKey(_ context.Context, path string) (keysource.Key, error) {
	k := testKey("new", 9)
	k.Value, k.From = path+".pub", path+".pub"
	return k, h.newKeyErr
}

func (h *testHouse) BootLine(p *steps.Plan) string { return "console=tty0 " + p.BootCodes }
func (h *testHouse) LookAt(_ context.Context, path string) (Level, string) {
	if strings.HasPrefix(path, "/later/") && !h.made {
		return Fail, "There is no folder /later."
	}
	if strings.HasPrefix(path, "/proc/") {
		return Fail, "Nothing may be written in /proc."
	}
	if strings.HasPrefix(path, "/old/") {
		return Warn, path + " is there already, from 1 May 10:00: it will be replaced."
	}
	return OK, "/home/ada/" + path + ", 41 GB free"
}

func (h *testHouse) Save(_ context.Context, _ *steps.Plan, replace bool) (string, error) {
	if errors.Is(h.saveErr, fs.ErrExist) && replace {
		h.saveErr = nil
	}
	h.saved = h.saveErr == nil
	return "floe.toml", h.saveErr
}

func (h *testHouse) Remember(context.Context, *steps.Plan) error { h.remembered++; return nil }
func (h *testHouse) Build(ctx context.Context, _ *steps.Plan, sink report.Sink) (Built, error) {
	for _, e := range h.events {
		sink.Emit(e)
	}
	if h.hold != nil {
		select {
		case <-h.hold:
		case <-ctx.Done():
			return Built{}, ctx.Err()
		}
	}
	return h.built, h.buildErr
}

func (h *testHouse) Try(context.Context, *steps.Plan, string) error {
	h.tried++
	if h.trying != nil {
		h.trying()
	}
	return h.tryErr
}

// testKey makes a key that looks like one.
func testKey(comment string, n int) keysource.Key {
	line := fmt.Sprintf("ssh-ed25519 AAAA%d %s", n, comment)
	return keysource.Key{Value: line, From: "agent", PublicKey: steps.PublicKey{
		Line: line, Type: "ed25519", Bits: 256, Comment: comment,
		Fingerprint: "SHA256:" + strings.Repeat(string(rune('a'+n%26)), 43),
	}}
}

// rig drives a wizard by hand: a message at a time, commands at once.
type rig struct {
	t     *testing.T
	m     *wizard
	house *testHouse
	quit  bool
}

func newRig(t *testing.T, house *testHouse) *rig {
	t.Helper()
	return newRigOn(t, house, looks["escape"], 80, 24)
}

func newRigOn(t *testing.T, house *testHouse, look Terminal, width, height int) *rig {
	t.Helper()
	r := &rig{t: t, house: house, m: newWizard(t.Context(), house, NewStyles(look), width, height)}
	r.m.beating = true // time stands still
	r.m.steady = time.Millisecond
	r.m.send = func(msg tea.Msg) { r.send(msg) }
	r.run(r.m.Init())
	return r
}

func (r *rig) send(msg tea.Msg) {
	_, cmd := r.m.Update(msg)
	r.run(cmd)
}

// run runs a command and whatever it leads to.
func (r *rig) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	switch msg := msg.(type) {
	case nil:
	case tea.QuitMsg:
		r.quit = true
	case tea.BatchMsg:
		for _, c := range msg {
			r.run(c)
		}
	default:
		v := reflect.ValueOf(msg)
		if v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd]() { // a sequence
			for i := range v.Len() {
				r.run(v.Index(i).Interface().(tea.Cmd))
			}
			return
		}
		r.send(msg)
	}
}

// named are the keys that are no letters.
var named = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "home": {Code: tea.KeyHome},
	"tab": {Code: tea.KeyTab}, "space": {Code: tea.KeySpace, Text: " "}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
	"backspace": {Code: tea.KeyBackspace}, "f1": {Code: tea.KeyF1}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	"pgdown": {Code: tea.KeyPgDown}, "end": {Code: tea.KeyEnd}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
}

// press presses keys: names, or words that are typed.
func (r *rig) press(keys ...string) *rig {
	for _, k := range keys {
		if msg, ok := named[k]; ok {
			r.send(msg)
			continue
		}
		for _, c := range k {
			r.send(tea.KeyPressMsg{Code: c, Text: string(c)})
		}
	}
	return r
}

// view draws, and proves what holds for every view.
func (r *rig) view() string {
	r.t.Helper()
	v := r.m.View()
	rows := strings.Split(v.Content, "\n")
	if len(rows) > r.m.height || !newGrid(r.m.width, r.m.height).tooSmall() && len(rows) != r.m.height {
		r.t.Errorf("%d rows on a terminal of %d", len(rows), r.m.height)
	}
	narrow(r.t, r.m.title(), r.m.width, v.Content)
	if c := v.Cursor; c != nil && (c.X < 0 || c.X >= r.m.width || c.Y < 0 || c.Y >= r.m.height) {
		r.t.Errorf("the cursor stands at %d,%d", c.X, c.Y)
	}
	if !v.AltScreen {
		r.t.Error("the wizard draws over what was on the terminal")
	}
	return v.Content
}

// sees wants texts in the view.
func (r *rig) sees(texts ...string) *rig {
	r.t.Helper()
	view := strings.Join(strings.Fields(r.view()), " ")
	for _, text := range texts {
		if !strings.Contains(view, text) {
			r.t.Errorf("%q is not in\n%s", text, r.view())
		}
	}
	return r
}

// at wants a place.
func (r *rig) at(title string) *rig {
	r.t.Helper()
	if got := r.m.title(); got != title {
		r.t.Errorf("the place is %q, not %q:\n%s", got, title, r.view())
	}
	return r
}

// goTo presses enter until a place is reached.
func (r *rig) goTo(title string) *rig {
	r.t.Helper()
	for range 20 {
		if r.m.title() == title {
			return r
		}
		r.press("enter")
	}
	r.t.Fatalf("%s is not reached:\n%s", title, r.view())
	return r
}

// begun is when the builds of tests begin.
var begun = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at gives a time some seconds after that.
func after(seconds float64) time.Time {
	return begun.Add(time.Duration(seconds * float64(time.Second)))
}

// testEvents are a build that is halfway through the kernel.
func testEvents() []report.Event {
	e := func(s float64, stage string, kind report.Kind, text string) report.Event {
		return report.Event{Time: after(s), Stage: stage, Kind: kind, Text: text}
	}
	kept := e(0.1, "archive", report.Done, "Debian 13.7")
	kept.Cached = true
	events := []report.Event{
		e(0, "archive", report.Started, "Check Debian's signed release files"), kept,
		e(0.2, "root", report.Started, "Unpack the compiler tools"),
		{Time: after(15), Stage: "root", Kind: report.Done, Text: "111 packages", Elapsed: 15 * time.Second},
		e(15, "kernel", report.Started, "Build the kernel"),
		e(16, "userland", report.Started, "Build the userland"),
		e(16, "userland", report.Log, "CC coreutils/ls.o"),
		e(17, "kernel", report.Log, "CC kernel/fork.o"),
	}
	for s := 20.0; s <= 80; s += 10 {
		events = append(events, report.Event{Time: after(s), Stage: "kernel", Kind: report.Progress,
			Done: int64((s - 15) * 20), Total: 2960, Unit: report.Objects, Jobs: 4})
	}
	return append(events, e(80, "kernel", report.Log, "CC fs/ext4/inode.o"))
}

func testBuilt() Built {
	return Built{Path: "/home/ada/floe-amd64.iso", Size: 11534336, SHA256: strings.Repeat("0123456789abcdef", 4),
		Parts: []Row{{Key: "kernel", Value: "7,123,968 bytes"}, {Key: "initrd", Value: "2,225,632 bytes"}},
		Next: []Command{{What: "boot it in QEMU", Line: "floe run --detach floe-amd64.iso"}, {What: "log in", Line: "floe ssh"},
			{What: "power it off", Line: "floe stop"},
			{What: "put it on a USB stick; everything on /dev/sdX is lost", Line: "sudo dd if=floe-amd64.iso of=/dev/sdX bs=4M conv=fsync status=progress"}}}
}

func buildFailure() error {
	return fault.New(fault.Build, "build the kernel for", "amd64", errors.New("make: exit status 2"), "the whole log is in /home/ada/.cache/floe/logs/kernel-amd64.log")
}

// kernelFailure is the error of a kernel that does not compile, as package kernel makes it.
func kernelFailure(first, advice string) error {
	why := first + "\n   1840    CC      fs/ext4/hash.o\n   1841    CC      fs/ext4/ialloc.o\n   1842    CC      fs/ext4/inode.o\n>  1843  " + first +
		"\n   1844  make[4]: *** [scripts/Makefile.build:229: fs/ext4/inode.o] Error 1\n   1845  make: *** [Makefile:248: __sub-make] Error 2"
	return fault.New(fault.Build, "compile the kernel for", "amd64", errors.New(why), advice+" The whole log is in /home/ada/.cache/floe/logs/kernel-amd64.log")
}
