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
	"strconv"
	"strings"

	"floe/internal/arch"
)

// Plan is everything that decides what is built. It is the only configuration:
// the same Plan and the same signed inputs give the same bytes.
type Plan struct {
	Arch      arch.Arch // architecture of the machine that will run Floe
	Hostname  string    // RFC 1123 label; the host name unless DHCP or host= give another
	SSHKeys   []string  // "own", "none", files, or lines of authorized_keys(5)
	BootCodes string    // words added to the kernel's command line
	Memory    int       // MiB, of the machine that tries the image out
	CPUs      int       // of the machine that tries the image out
	Firmware  string    // "bios" or "uefi", of the machine that tries the image out
	Output    string    // path of the image
	Mirror    string    // root of a Debian archive, or "" for the host's own or Debian's
	Toolchain string    // "sandbox" or "host"
}

// Step is one question. Its key is its name everywhere: the key in floe.toml,
// the long flag, and, in upper case behind FLOE_, the environment variable.
type Step struct {
	Key     string
	Short   string // one-letter flag, or ""
	Title   string // what a person is asked
	Help    string // what it means, what the values are
	Value   string // placeholder for the value in help: "PATH"
	Default string // what is used if nobody answers
	Many    bool   // takes several values; a flag repeated, an array in floe.toml
	Choices []string

	set func(*Plan, []string) error
	get func(*Plan) []string
}

// All lists the steps in the order in which they are asked.
func All() []Step {
	return []Step{
		{
			Key: "arch", Title: "Architecture", Value: "ARCH", Default: string(arch.AMD64),
			Help:    "Processor of the machine that will run Floe: amd64 (PCs, most servers).",
			Choices: []string{string(arch.AMD64)},
			set: func(p *Plan, v []string) (err error) {
				p.Arch, err = arch.Parse(v[0])
				return err
			},
			get: func(p *Plan) []string { return []string{string(p.Arch)} },
		},
		{
			Key: "ssh-key", Title: "SSH keys", Value: "KEY", Default: "own", Many: true,
			Help: "Who may log in: a public key's file, its text, 'own' (floe's own key, made at first use), or 'none' (console only). Repeatable.",
			set:  setKeys,
			get:  func(p *Plan) []string { return p.SSHKeys },
		},
		{
			Key: "hostname", Title: "Host name", Value: "NAME", Default: "floe",
			Help: "Name of the machine: letters, digits and dashes, 63 at most.",
			set:  text(checkHostname, func(p *Plan) *string { return &p.Hostname }),
			get:  func(p *Plan) []string { return []string{p.Hostname} },
		},
		{
			Key: "boot-codes", Title: "Boot codes", Value: "CODES",
			Help: "Words added to the boot line, such as 'noembed host=box'.",
			set:  text(checkBootCodes, func(p *Plan) *string { return &p.BootCodes }),
			get:  func(p *Plan) []string { return []string{p.BootCodes} },
		},
		{
			Key: "memory", Short: "m", Title: "Memory", Value: "SIZE", Default: "512",
			Help: "Memory of the machine that tries the image out, in MiB, or with M or G behind it; 64 at least.",
			set: func(p *Plan, v []string) (err error) {
				p.Memory, err = parseMemory(v[0])
				return err
			},
			get: func(p *Plan) []string { return []string{strconv.Itoa(p.Memory)} },
		},
		{
			Key: "cpus", Title: "Processors", Value: "N", Default: "2",
			Help: "Processors of the machine that tries the image out.",
			set: func(p *Plan, v []string) (err error) {
				p.CPUs, err = parseCount(v[0], 1, 255)
				return err
			},
			get: func(p *Plan) []string { return []string{strconv.Itoa(p.CPUs)} },
		},
		{
			Key: "firmware", Title: "Firmware", Value: "KIND", Default: "bios",
			Help:    "Firmware of the machine that tries the image out: bios or uefi. The image itself boots on both.",
			Choices: []string{"bios", "uefi"},
			set:     choice(func(p *Plan) *string { return &p.Firmware }),
			get:     func(p *Plan) []string { return []string{p.Firmware} },
		},
		{
			Key: "output", Short: "o", Title: "Image", Value: "PATH", Default: "floe-ARCH.iso",
			Help: "Where the image goes. Its SHA-256 goes beside it.",
			set:  text(nil, func(p *Plan) *string { return &p.Output }),
			get:  func(p *Plan) []string { return []string{p.Output} },
		},
		{
			Key: "mirror", Title: "Debian mirror", Value: "URL",
			Help: "Root of a Debian archive, such as http://mirror.example/debian. Default: this host's apt configuration, else Debian's mirrors. Everything is checked against Debian's signatures.",
			set:  text(checkMirror, func(p *Plan) *string { return &p.Mirror }),
			get:  func(p *Plan) []string { return []string{p.Mirror} },
		},
		{
			Key: "toolchain", Title: "Toolchain", Value: "KIND", Default: "sandbox",
			Help:    "sandbox: compilers from the signed archive in a sandbox, the same bytes everywhere. host: this machine's own tools.",
			Choices: []string{"sandbox", "host"},
			set:     choice(func(p *Plan) *string { return &p.Toolchain }),
			get:     func(p *Plan) []string { return []string{p.Toolchain} },
		},
	}
}

// Env is the step's environment variable.
func (s Step) Env() string {
	return "FLOE_" + strings.ToUpper(strings.ReplaceAll(s.Key, "-", "_"))
}

// Values gives the plan's answer to the step, in the form in which a person
// would have typed it.
func (s Step) Values(p *Plan) []string { return s.get(p) }

// Set puts an answer into the plan, after checking it. Steps that take one
// value take exactly one.
func (s Step) Set(p *Plan, values []string) error {
	if !s.Many && len(values) != 1 {
		return s.wrong(values, "one value is wanted, %d are there", len(values))
	}
	if len(s.Choices) > 0 && !slices.Contains(s.Choices, values[0]) {
		return s.wrong(values, "it is one of: %s", strings.Join(s.Choices, ", "))
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
