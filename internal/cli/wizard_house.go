package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/dustin/go-humanize"
	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/bootcode"
	"floe/internal/doctor"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/store"
	"floe/qemu"
	"floe/steps"
	"floe/steps/keysource"
	"floe/ui"
)

// house is what the wizard has of floe.
type house struct {
	*terminal
	hands   *hands
	host    arch.Arch // of this machine, for which an image is unless somebody says otherwise
	virtual bool      // offer loop devices, as tests do
}

var _ ui.House = (*house)(nil)

// lastPlan is where the latest answers are kept.
func lastPlan() string { return filepath.Join(xdg.StateHome, "floe", "last.toml") }

// answers are those that are there before anybody is asked: the environment comes before
// others, and this machine is the last that is asked what it is.
func (h *house) answers(others ...steps.Source) []steps.Source {
	list := slices.Concat([]steps.Source{steps.Environment(os.LookupEnv)}, others, ofHost(h.host))
	for i, s := range list {
		list[i] = narrow(s, h.host)
	}
	return list
}

// Beginnings are a new start, the latest answers, and the plan in this folder.
func (h *house) Beginnings() []ui.Beginning {
	list := []ui.Beginning{{Title: "Start", Note: "a few questions", Sources: h.answers()}}
	add := func(title, path, note string) {
		info, err := os.Stat(path)
		if err != nil {
			return
		}
		b := ui.Beginning{Title: title, Review: true}
		source, err := steps.Load(path)
		if err == nil {
			b.Sources = h.answers(source)
			b.Note, err = describe(b.Sources, note, info.ModTime())
		}
		b.Err = err
		list = append(list, b)
	}
	add("Resume", lastPlan(), "answered")
	add("Load "+planFile, planFile, "saved")
	return list
}

// describe says in a few words what answers there are, and from when, or what
// their latest build has come to since: "box, kernel done at 14:02".
func describe(sources []steps.Source, note string, at time.Time) (string, error) {
	p, _, err := steps.Resolve(sources...)
	if err != nil {
		return "", err
	}
	if what, when := lastBuild(p); what != "" {
		note, at = what, when
	}
	return fmt.Sprintf("%s, %s at %s", p.Hostname, note, clock(at, time.Now())), nil
}

// Checks are the doctor's.
func (h *house) Checks() []func(context.Context) ui.Check {
	plan, _, err := steps.Resolve(h.answers()...)
	if err != nil {
		return []func(context.Context) ui.Check{func(context.Context) ui.Check {
			return ui.Check{Level: ui.Fail, Name: "environment", Text: err.Error(), Hint: fault.Hint(err)}
		}}
	}
	dir := h.store
	if dir == "" {
		if dir, err = store.DefaultDir(); err != nil {
			dir = ""
		}
	}
	host := doctorHost(plan, dir)
	var list []func(context.Context) ui.Check
	for _, check := range doctor.Checks() {
		list = append(list, func(ctx context.Context) ui.Check {
			f := check(ctx, host)
			return ui.Check{Level: levels[f.Level], Name: f.Name, Text: f.Text, Hint: f.Hint}
		})
	}
	return list
}

func local() keysource.Local {
	return keysource.Local{Home: xdg.Home, Agent: os.Getenv("SSH_AUTH_SOCK")}
}

// Keys finds the keys of this machine.
func (h *house) Keys(ctx context.Context) []keysource.Key { return local().Find(ctx) }

// NewKey makes a key.
func (h *house) NewKey(_ context.Context, path string) (keysource.Key, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return local().Generate(path, "floe, made on "+host)
}

// serviceVariable replaces the address of a service, as for a company's own
// GitLab: FLOE_GITLAB_URL.
func serviceVariable(name string) string { return "FLOE_" + strings.ToUpper(name) + "_URL" }

// Services names the sites with keys.
func (h *house) Services() (names []string) {
	for _, s := range keysource.Services() {
		names = append(names, s.Name)
	}
	return names
}

// Import fetches keys from a site.
func (h *house) Import(ctx context.Context, service, user string) ([]keysource.Key, error) {
	for _, s := range keysource.Services() {
		if s.Name != service {
			continue
		}
		if base := os.Getenv(serviceVariable(s.Name)); base != "" {
			s = s.At(base)
		}
		return s.Import(ctx, http.DefaultClient, user)
	}
	return nil, fault.New(fault.Usage, "fetch ssh keys", service, errors.New("no such service is known"), "")
}

// BootLine is the kernel's command line, as the boot menu will show it.
func (h *house) BootLine(p *steps.Plan) string {
	return assemble.BootLine(p.Arch, p.Runtimes(), p.BootWords())
}

// LookAt looks at where an image may go.
func (h *house) LookAt(_ context.Context, path string) (ui.Level, string) {
	if path == "" {
		return ui.Note, ""
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return ui.Fail, err.Error()
	}
	dir := filepath.Dir(full)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ui.Fail, "There is no folder " + dir + ". Make it first, or name another."
	case err != nil:
		return ui.Fail, err.Error()
	case !info.IsDir():
		return ui.Fail, dir + " is no folder."
	case unix.Access(dir, unix.W_OK) != nil:
		return ui.Fail, "Nothing may be written in " + dir + "."
	}
	room := ""
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) == nil {
		room = ", " + humanize.Bytes(s.Bavail*uint64(s.Bsize)) + " free"
	}
	if info, err := os.Stat(full); err == nil {
		if info.IsDir() {
			return ui.Fail, full + " is a folder."
		}
		if !info.Mode().IsRegular() {
			return ui.Fail, full + " is no file. A disk is written from the finished image."
		}
		return ui.Warn, fmt.Sprintf("%s is there already, from %s: it will be replaced.", full, info.ModTime().Format("2 Jan 15:04"))
	}
	return ui.OK, full + room
}

// Save writes floe.toml into this folder.
func (h *house) Save(_ context.Context, plan *steps.Plan, replace bool) (string, error) {
	var b bytes.Buffer
	if _, err := plan.WriteTo(&b); err != nil {
		return "", err
	}
	old, err := os.ReadFile(planFile)
	switch {
	case err == nil && bytes.Equal(old, b.Bytes()):
		return planFile, nil
	case err == nil && !replace:
		return planFile, fs.ErrExist
	}
	if err := renameio.WriteFile(planFile, b.Bytes(), 0o644); err != nil {
		if at, ok := errors.AsType[*fs.PathError](err); ok { // whose path is of no file that a person knows
			err = fmt.Errorf("%s cannot be saved in this folder: %w", planFile, at.Err)
		}
		return planFile, fault.New(fault.Missing, "save the plan", planFile, err, "Start floe in a folder that you may write to.")
	}
	return planFile, nil
}

// Remember keeps the answers for the next run.
func (h *house) Remember(_ context.Context, plan *steps.Plan) error {
	var b bytes.Buffer
	if _, err := plan.WriteTo(&b); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(lastPlan()), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(lastPlan(), b.Bytes(), 0o600)
}

// shownPart is how large a part of an image is at least that is named, in
// bytes: most files in it are modules of the boot loader.
const shownPart = 256 << 10

// Build builds the image.
func (h *house) Build(ctx context.Context, plan *steps.Plan, sink report.Sink) (ui.Built, error) {
	log := startJournal(plan)
	image, err := h.buildWith(ctx, plan, log.beside(sink))
	log.end(err)
	if err != nil {
		return ui.Built{Log: log.kept}, err
	}
	b := ui.Built{Path: image.Path, Size: image.Size, SHA256: image.SHA256, Log: log.kept}
	for _, p := range image.Parts {
		if p.Size >= shownPart {
			b.Parts = append(b.Parts, ui.Row{Key: p.Name, Value: humanize.Comma(p.Size) + " bytes"})
		}
	}
	short := image.Path
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, image.Path); err == nil && filepath.IsLocal(rel) {
			short = rel
		}
	}
	short = steps.ShellWord(short)
	if b.Fixed = image.Board.Chosen(); b.Fixed {
		b.Next = []ui.Command{{What: "put it on the board's memory card", Line: "floe write " + short}}
		return b, nil
	}
	b.Next = append([]ui.Command{
		{What: "boot it in QEMU", Line: "floe run --detach " + short},
		{What: "log in", Line: "floe ssh"},
		{What: "power it off", Line: "floe stop"},
		{What: "put it on a USB stick", Line: "floe write " + short},
	}, reach(plan)...)
	return b, nil
}

// reach says what to type to use the containers of a machine that has booted
// the image, wherever that is.
func reach(plan *steps.Plan) (list []ui.Command) {
	at := "ssh://" + bootcode.Value(plan.BootWords(), userCode) + "@ADDRESS"
	for _, r := range plan.Runtimes() {
		switch r {
		case steps.Docker:
			list = append(list, ui.Command{What: "docker here, containers on the machine at ADDRESS", Line: "docker context create " + plan.Hostname + " --docker host=" + at})
		case steps.Podman:
			list = append(list, ui.Command{What: "podman here, containers on the machine at ADDRESS", Line: "podman system connection add " + plan.Hostname + " " + at + "/run/podman/podman.sock"})
		}
	}
	return list
}

// Start starts a machine that boots the image.
func (h *house) Start(ctx context.Context, plan *steps.Plan, image string, sink report.Sink) (ui.Machine, error) {
	m, err := h.startLive(ctx, h.hands, plan, trial{name: machineName, image: image, medium: string(qemu.CDROM), runtimes: plan.Runtimes()}, sink)
	if err != nil {
		return nil, err // not a nil *liveMachine
	}
	return m, nil
}

// Try boots the image with its console on the terminal.
func (h *house) Try(ctx context.Context, plan *steps.Plan, image string) error {
	ctx, back := h.hands.lend(ctx)
	defer back()
	return h.runHere(ctx, plan, trial{name: machineName, image: image, medium: string(qemu.CDROM)})
}
