package qemu

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stage is a step on a machine's way from power-on to ready.
type Stage string

// The stages, in the order in which they are reached. Loader, Kernel and
// Init are told by what the console says; of a silent kernel init tells.
const (
	PowerOn  Stage = "firmware" // the first sign of life of any kind
	Loader   Stage = "loader"   // the boot loader
	Kernel   Stage = "kernel"   // the kernel's first line
	Init     Stage = "init"     // the first line of the system's own init
	Network  Stage = "network"  // it has an address
	SSHReady Stage = "ssh"      // its ssh server takes connections
	Runtime  Stage = "runtime"  // its container runtime answers
)

// Milestone is a stage that was reached.
type Milestone struct {
	Stage Stage         `json:"stage"`
	At    time.Duration `json:"at_ns"` // since QEMU was started or the machine was last reset
	Line  string        `json:"line"`  // the console's line that told it; empty for the firmware
}

// Guest is what the system in the machine told of itself on its console.
type Guest struct {
	// HostKeys are the fingerprints of its ssh host keys, as
	// ssh-keygen -l writes them: "SHA256:…". The console is out of reach of
	// the network, so they are worth pinning.
	HostKeys []string `json:"host_keys,omitempty"`

	// User is who logs in, where that is not the image's user: the boot code
	// user= names another.
	User string `json:"user,omitempty"`

	// Problems are what it could not do, in its own words.
	Problems []string `json:"problems,omitempty"`

	// Killed are programs that its kernel ended because no memory was left.
	Killed []string `json:"killed,omitempty"`

	// Stalled are runtimes that do not get on because memory is always
	// being made for them.
	Stalled []string `json:"stalled,omitempty"`

	// Addresses are the addresses that it has, with their prefix lengths:
	// "10.0.2.15/24".
	Addresses []string `json:"addresses,omitempty"`
}

// Starved gives in words by what the system showed that it has too little memory,
// and by how many signs.
func (g Guest) Starved() (words string, signs int) {
	var list []string
	if len(g.Killed) > 0 {
		list = append(list, "its kernel had to end "+strings.Join(g.Killed, ", "))
	}
	if len(g.Stalled) > 0 {
		list = append(list, "it reads the programs of "+strings.Join(g.Stalled, " and ")+" again and again to make room")
	}
	return strings.Join(list, "; "), len(g.Killed) + len(g.Stalled)
}

// mark tells a stage by a line of the console.
type mark struct {
	stage   Stage
	pattern *regexp.Regexp
}

// said is how a line of the system itself begins: at the left edge, or after
// the prompt of a shell that waits at the console.
const said = `(?:^|[#$] )floe: `

func marks() []mark {
	return []mark{
		{Loader, regexp.MustCompile(`GNU GRUB|Welcome to GRUB|GRUB loading|^(?:.*[#$] )?\s*Floe \d+\.\d|^\s*Booting .Floe `)},
		{Kernel, regexp.MustCompile(`^(\[ *\d+\.\d+\] |EFI stub: |Decompressing Linux)`)},
		{Init, regexp.MustCompile(`^\[ *\d+\.\d+\] Run /\S+ as init process|` + said)},
		{Network, regexp.MustCompile(said + `address \S+(?: on \S+)?$`)},
		{SSHReady, regexp.MustCompile(said + `ssh ready$`)},
		{Runtime, regexp.MustCompile(said + `(?:runtime|docker|podman) ready$`)},
	}
}

var (
	hostKeyLine = regexp.MustCompile(said + `ssh host key (?:\S+ )??(SHA256:[A-Za-z0-9+/]{43})\b`)
	userLine    = regexp.MustCompile(said + `ssh user ([a-z_][a-z0-9_-]*)$`)
	downLine    = regexp.MustCompile(`^\s*Booting .Floe |` + said + `shutting down$`) // or up again
	problemLine = regexp.MustCompile(said + `PROBLEM: (.+)$`)
	stalledLine = regexp.MustCompile(said + `PROBLEM: too little memory for (\S+): `)
	killedLine  = regexp.MustCompile(`\] Out of memory: Killed process \d+ \(([^)]*)\)`)
	initLine    = regexp.MustCompile(said + `init, (\d+\.\d+) s after the kernel$`)
	addressLine = regexp.MustCompile(said + `address (\S+)(?: on \S+)?( is gone)?$`)
)

// scribe reads along and writes down what matters.
type scribe struct {
	mu      sync.Mutex
	marks   []mark
	since   time.Time
	reached []Milestone
	guest   Guest
	changed chan struct{} // closed and replaced whenever something is written down
}

func newScribe(since time.Time) *scribe {
	return &scribe{marks: marks(), since: since, changed: make(chan struct{})}
}

// follow reads a console to its end.
func (s *scribe) follow(r io.Reader, now func() time.Time) {
	var line []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		at := now()
		if n > 0 {
			s.reach(PowerOn, at, "")
		}
		line = append(line, buf[:n]...)
		for {
			one, rest, whole := bytes.Cut(line, []byte("\n"))
			if !whole {
				break
			}
			s.line(printable(one), at)
			line = rest
		}
		if err != nil {
			s.line(printable(line), at)
			return
		}
	}
}

// signs reads what only shows that the machine is alive, to its end.
func (s *scribe) signs(r io.Reader, now func() time.Time) {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			s.reach(PowerOn, now(), "")
		}
		if err != nil {
			return
		}
	}
}

// line takes one line of the console. What the guest tells comes first, so
// that whoever waits for a stage finds it.
func (s *scribe) line(text string, at time.Time) {
	if f := hostKeyLine.FindStringSubmatch(text); f != nil {
		s.note(&s.guest.HostKeys, f[1], true)
	}
	if f := userLine.FindStringSubmatch(text); f != nil {
		s.mu.Lock()
		s.guest.User = f[1]
		s.mu.Unlock()
	}
	if f := addressLine.FindStringSubmatch(text); f != nil {
		s.note(&s.guest.Addresses, f[1], f[2] == "")
	}
	if f := problemLine.FindStringSubmatch(text); f != nil {
		s.note(&s.guest.Problems, f[1], true)
	}
	if f := stalledLine.FindStringSubmatch(text); f != nil {
		s.note(&s.guest.Stalled, f[1], true)
	}
	if f := killedLine.FindStringSubmatch(text); f != nil {
		s.note(&s.guest.Killed, f[1], true)
	}
	if f := initLine.FindStringSubmatch(text); f != nil {
		if took, err := time.ParseDuration(f[1] + "s"); err == nil { // a silent kernel has told nothing
			s.reach(Kernel, at.Add(-took), text)
		}
	}
	if downLine.MatchString(text) {
		s.down()
	}
	for _, m := range s.marks {
		if m.pattern.MatchString(text) {
			s.reach(m.stage, at, text)
		}
	}
}

// reach writes a stage down, the first time only.
func (s *scribe) reach(stage Stage, at time.Time, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.reached, func(m Milestone) bool { return m.Stage == stage }) {
		return
	}
	s.reached = append(s.reached, Milestone{Stage: stage, At: at.Sub(s.since), Line: line})
	s.tell()
}

// note writes down that a list has a value, or that it has it no more.
func (s *scribe) note(list *[]string, value string, has bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(*list, value) == has {
		return
	}
	if has {
		*list = append(*list, value)
	} else {
		*list = slices.DeleteFunc(*list, func(v string) bool { return v == value })
	}
	s.tell()
}

// down takes back what no longer holds when the system goes down: by what the
// console says, whoever reads it when.
func (s *scribe) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached = slices.DeleteFunc(s.reached, func(m Milestone) bool { return m.Stage != PowerOn && m.Stage != Loader })
	s.guest = Guest{HostKeys: s.guest.HostKeys}
	s.tell()
}

// restart begins anew at a reset. Host keys stay: each was told on the
// console, so each is the machine's.
func (s *scribe) restart(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since, s.reached, s.guest = at, nil, Guest{HostKeys: s.guest.HostKeys}
	s.tell()
}

func (s *scribe) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// snapshot gives what is written down, and a channel that is closed as soon
// as there is more.
func (s *scribe) snapshot() ([]Milestone, Guest, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	guest := Guest{
		HostKeys: slices.Clone(s.guest.HostKeys), Addresses: slices.Clone(s.guest.Addresses),
		User: s.guest.User, Problems: slices.Clone(s.guest.Problems), Killed: slices.Clone(s.guest.Killed), Stalled: slices.Clone(s.guest.Stalled),
	}
	return slices.Clone(s.reached), guest, s.changed
}
