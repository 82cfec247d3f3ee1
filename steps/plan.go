// Package steps holds the questions that make a Floe, in order, and the Plan
// that their answers make: defaults, validation, sources (flags, environment,
// floe.toml) and the Plan's file.
//
// It imports no terminal library, builds nothing and starts nothing. Flags,
// floe.toml, the environment and every form of asking fill the same Plan
// through the same table of steps.
package steps

import (
	"slices"
	"strings"

	"floe/internal/arch"
	"floe/internal/board"
)

// AutoFirmware stands for the firmware that suits the architecture.
const AutoFirmware = "auto"

// Plan is everything that decides what is built. It is the only configuration:
// the same Plan and the same signed inputs give the same bytes.
type Plan struct {
	Arch      arch.Arch   // architecture of the machine that will run Floe
	Board     board.Board // of that machine, or board.None for one that boots an ISO
	Runtime   string      // "none", "docker", "podman", or "docker,podman"
	Hostname  string      // RFC 1123 label; the host name unless DHCP or host= give another
	SSHKeys   []string    // "own", "none", files, or lines of authorized_keys(5)
	BootCodes string      // words added to the kernel's command line
	Memory    int         // MiB, of the machine that tries the image out
	CPUs      int         // of the machine that tries the image out
	Firmware  string      // of the machine that tries the image out: "bios", "uefi" or AutoFirmware
	Output    string      // path of the image
	Mirror    string      // root of a Debian archive, or "" for the host's own or Debian's
	Toolchain string      // "sandbox" or "host"

	pattern string // what Output was made of, if ArchWord is in it
}

// Step is one question. Its key is its name everywhere: the key in floe.toml,
// the long flag, and, in upper case behind FLOE_, the environment variable.
type Step struct {
	Key     string
	Short   string // one-letter flag, or ""
	Kind    Kind   // what kind of answer is wanted
	Title   string // what it is about, in a word or two
	Ask     string // the question to a person, as a sentence
	Help    string // what it means, what the values are
	Value   string // placeholder for the value in help: "PATH"
	Default string // what is used if nobody answers
	Many    bool   // takes several values; a flag repeated, an array in floe.toml
	Detail  bool   // not asked in turn: it is there to be changed in the review
	Drawn   bool   // each choice has a drawing, by its value
	Choices []Choice

	when   func(*Plan) bool   // whether it applies; nil: always
	preset func(*Plan) string // the default where it depends on other answers; nil: Default
	// implied gives the one answer that another question's answer leaves, as
	// given by a source, or "".
	implied func(Source) string
	show    func(*Plan) string // how it stands in the review; nil: its values
	cost    func(*Plan) Cost   // what the plan's answer adds; nil: nothing
	set     func(*Plan, []string) error
	get     func(*Plan) []string
}

// Kind is a kind of question. Every kind has one screen, whatever is asked.
type Kind string

// The kinds.
const (
	OneOf Kind = "choice" // one of Choices
	Keys  Kind = "keys"   // ssh keys, any number of them
	Text  Kind = "text"   // a line of text
	Size  Kind = "size"   // an amount of memory
	Path  Kind = "path"   // a file that is going to be written
	Codes Kind = "codes"  // words on the boot line
)

// Choice is one answer to a question of the kind OneOf.
type Choice struct {
	Value   string // in the plan
	Title   string // for people: "64-bit PC"
	Help    string // what it is for
	Refused string // why it cannot be chosen here; "": it can
	Cost           // what it adds with the other answers, as Flow.Choices tells
}

// Names gives the values of the step's choices.
func (s Step) Names() []string {
	names := make([]string, len(s.Choices))
	for i, c := range s.Choices {
		names[i] = c.Value
	}
	return names
}

// Applies tells whether the question makes sense with the other answers.
func (s Step) Applies(p *Plan) bool { return s.when == nil || s.when(p) }

// Costs tells that the answers differ in what they add to the image and to memory.
func (s Step) Costs() bool { return s.cost != nil }

// Show gives the plan's answer as a person reads it: in the review, on one
// line.
func (s Step) Show(p *Plan) string {
	if s.show != nil {
		return s.show(p)
	}
	return strings.Join(s.get(p), ", ")
}

// Env is the step's environment variable.
func (s Step) Env() string {
	return "FLOE_" + strings.ToUpper(strings.ReplaceAll(s.Key, "-", "_"))
}

// Values gives the plan's answer to the step, in the form in which a person
// would have typed it.
func (s Step) Values(p *Plan) []string { return s.get(p) }

// Set puts an answer into the plan, after checking it. Steps that take one
// value take exactly one. A private key is never an answer, whatever was asked: plans
// are kept, and images hand on what is in them.
func (s Step) Set(p *Plan, values []string) error {
	if slices.ContainsFunc(values, IsPrivate) {
		return s.wrong(values, "%w", ErrPrivate)
	}
	if slices.ContainsFunc(values, controls) {
		return s.wrong(values, "control characters are no part of an answer")
	}
	if !s.Many && len(values) != 1 {
		return s.wrong(values, "one value is wanted, %d are there", len(values))
	}
	if len(s.Choices) > 0 {
		i := slices.IndexFunc(s.Choices, func(c Choice) bool { return c.Value == values[0] })
		switch {
		case i < 0:
			return s.wrong(values, "it is one of: %s", strings.Join(s.Names(), ", "))
		case s.Choices[i].Refused != "":
			return s.wrong(values, "%s", s.Choices[i].Refused)
		}
	}
	if err := s.set(p, values); err != nil {
		return s.wrong(values, "%w", err)
	}
	return nil
}

// text makes a setter for a plain string field with an optional check.
func text(check func(string) error, field func(*Plan) *string) func(*Plan, []string) error {
	return func(p *Plan, v []string) error {
		s := strings.TrimSpace(v[0])
		if check != nil {
			if err := check(s); err != nil {
				return err
			}
		}
		*field(p) = s
		return nil
	}
}

// choice makes a setter for a field whose values Set has already checked.
func choice(field func(*Plan) *string) func(*Plan, []string) error { return text(nil, field) }
