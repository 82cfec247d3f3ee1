package steps

import (
	"fmt"
	"strconv"

	"floe/internal/arch"
)

// All lists the steps in the order in which they are asked.
func All() []Step {
	return []Step{
		{
			Key: "arch", Kind: OneOf, Title: "Architecture", Value: "ARCH", Default: string(arch.AMD64),
			Ask:  "Which processor does the machine have?",
			Help: "Processor of the machine that will run Floe: amd64 (PCs, most servers) or arm64 (machines with UEFI: Ampere, Graviton, boards).",
			Choices: []Choice{
				{Value: string(arch.AMD64), Title: "amd64", Help: "64-bit PCs and most servers: Intel and AMD"},
				{Value: string(arch.ARM64), Title: "arm64", Help: "64-bit Arm machines with UEFI: servers, cloud machines, boards"},
			},
			set: func(p *Plan, v []string) (err error) {
				p.Arch, err = arch.Parse(v[0])
				return err
			},
			get:     func(p *Plan) []string { return []string{string(p.Arch)} },
			implied: archOfBoard,
			cost:    costOfArch,
		},
		boardStep(),
		{
			Key: runtimeKey, Kind: OneOf, Drawn: true, Title: "Runtime", Value: "KIND", Default: Docker,
			Ask:  "What will run the containers?",
			Help: "What runs containers: docker, podman, docker,podman for both, or none. Another one can be loaded later, as a package.",
			Choices: []Choice{
				{Value: NoRuntime, Title: "None", Help: "the bare system, under ten megabytes; packages can be loaded when it runs"},
				{Value: Docker, Title: "Docker", Help: "the engine with its API: docker -H ssh://..."},
				{Value: Podman, Title: "Podman", Help: "no daemon needed; for root and for the user, with docker's API"},
				{Value: both, Title: "Both", Help: "side by side"},
			},
			set:  choice(func(p *Plan) *string { return &p.Runtime }),
			get:  func(p *Plan) []string { return []string{p.Runtime} },
			cost: costOfRuntime,
		},
		{
			Key: "ssh-key", Kind: Keys, Title: "SSH keys", Value: "KEY", Default: OwnKey, Many: true,
			Ask:  "Who may log in?",
			Help: "Who may log in: a public key's file, its text, 'own' (floe's own key, made at first use), or 'none' (console only). Repeatable.",
			show: showKeys,
			set:  setKeys,
			get:  func(p *Plan) []string { return p.SSHKeys },
		},
		{
			Key: "hostname", Kind: Text, Title: "Host name", Value: "NAME", Default: "floe",
			Ask:  "What is the machine called?",
			Help: "Name of the machine: letters, digits and dashes, 63 at most.",
			set:  text(checkHostname, func(p *Plan) *string { return &p.Hostname }),
			get:  func(p *Plan) []string { return []string{p.Hostname} },
		},
		{
			Key: "boot-codes", Kind: Codes, Title: "Boot codes", Value: "CODES",
			Ask:  "Anything to say to the system as it boots?",
			Help: "Boot codes, such as 'noembed tz=Europe/Berlin'; docs/bootcodes.md and 'floe plan --explain' tell them all.",
			show: func(p *Plan) string { return orNone(p.BootCodes) },
			set:  text(checkBootCodes, func(p *Plan) *string { return &p.BootCodes }),
			get:  func(p *Plan) []string { return []string{p.BootCodes} },
		},
		{
			Key: "memory", Short: "m", Kind: Size, when: (*Plan).Tries, Title: "Memory", Value: "SIZE", Default: "512",
			Ask:  "How much memory for trying it out?",
			Help: "Memory of the machine that tries the image out, in MiB, or with M or G behind it; 64 at least.",
			show: func(p *Plan) string { return fmt.Sprintf("%d MiB (try-out)", p.Memory) },
			set: func(p *Plan, v []string) (err error) {
				p.Memory, err = parseMemory(v[0])
				return err
			},
			get: func(p *Plan) []string { return []string{strconv.Itoa(p.Memory)} },
		},
		{
			Key: "output", Short: "o", Kind: Path, Title: "Image", Value: "PATH", Default: "floe-ARCH.iso", preset: outputName,
			Ask:  "Where does the image go?",
			Help: "Where the image goes. Its SHA-256 goes beside it.",
			show: func(p *Plan) string { return p.Output },
			set:  setOutput,
			get:  outputAnswer,
		},
		{
			Key: "cpus", Kind: Text, Detail: true, when: (*Plan).Tries, Title: "Processors", Value: "N", Default: "2",
			Ask:  "How many processors for trying it out?",
			Help: "Processors of the machine that tries the image out.",
			show: func(p *Plan) string { return fmt.Sprintf("%d (try-out)", p.CPUs) },
			set: func(p *Plan, v []string) (err error) {
				p.CPUs, err = parseCount(v[0], 1, 255)
				return err
			},
			get: func(p *Plan) []string { return []string{strconv.Itoa(p.CPUs)} },
		},
		{
			Key: "firmware", Kind: OneOf, Detail: true, when: (*Plan).Tries, Title: "Firmware", Value: "KIND", Default: AutoFirmware,
			Ask:  "Which firmware for trying it out?",
			Help: "Firmware of the machine that tries the image out: bios, uefi, or auto (what starts soonest). An image for amd64 boots on both, one for arm64 on UEFI.",
			Choices: []Choice{
				{Value: AutoFirmware, Title: "Automatic", Help: "BIOS on amd64, UEFI on arm64"},
				{Value: "bios", Title: "BIOS", Help: "as PCs had it until about 2012; starts sooner"},
				{Value: "uefi", Title: "UEFI", Help: "as PCs have it today"},
			},
			show: func(p *Plan) string { return p.Firmware + " (try-out)" },
			set:  setFirmware,
			get:  func(p *Plan) []string { return []string{p.Firmware} },
		},
		{
			Key: "mirror", Kind: Text, Detail: true, Title: "Debian mirror", Value: "URL",
			Ask:  "Which Debian archive?",
			Help: "Root of a Debian archive, such as http://mirror.example/debian. Default: this host's apt configuration, else Debian's mirrors. Everything is checked against Debian's signatures.",
			show: func(p *Plan) string {
				if p.Mirror == "" {
					return "as this machine's apt, else Debian's own"
				}
				return p.Mirror
			},
			set: text(checkMirror, func(p *Plan) *string { return &p.Mirror }),
			get: func(p *Plan) []string { return []string{p.Mirror} },
		},
		{
			Key: "toolchain", Kind: OneOf, Detail: true, Title: "Toolchain", Value: "KIND", Default: "sandbox",
			Ask:  "Whose compilers?",
			Help: "Which tools build: sandbox (compilers from the signed archive, the same bytes everywhere) or host (this machine's own).",
			Choices: []Choice{
				{Value: "sandbox", Title: "Sandbox", Help: "from the signed archive: the same bytes everywhere"},
				{Value: "host", Title: "Host", Help: "this machine's own; for where sandboxes are forbidden"},
			},
			set: choice(func(p *Plan) *string { return &p.Toolchain }),
			get: func(p *Plan) []string { return []string{p.Toolchain} },
		},
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
