package steps

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"floe/internal/arch"
	"floe/internal/bootcode"
	"floe/internal/fault"
)

// Limits of answers.
const (
	MinMemory    = 64 // MiB; the base system boots with that much
	maxMemory    = 1 << 20
	maxBootCodes = 1024 // bytes; the kernel's command line holds 2048 on amd64
)

var hostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// wrong makes the error for a bad answer; it names the step's key, under which
// a person finds it in flags, environment and file.
func (s Step) wrong(values []string, format string, args ...any) error {
	shown := strings.Join(values, ", ")
	if IsPrivate(shown) {
		shown = "(text not shown)"
	} else {
		shown = cut(shown, 60)
	}
	return fault.New(fault.Usage, s.Key, strconv.Quote(shown), fmt.Errorf(format, args...), s.Help)
}

// checkHostname follows RFC 1123, section 2.1, for a single label.
func checkHostname(s string) error {
	if !hostname.MatchString(s) {
		return errors.New("a host name is letters, digits and dashes, 1 to 63 of them, with no dash at either end")
	}
	return nil
}

// checkBootCodes refuses what could not reach the system as it was typed, and
// boot codes with a wrong value. Words that are no boot codes are the kernel's.
func checkBootCodes(s string) error {
	if len(s) > maxBootCodes {
		return fmt.Errorf("%d bytes are too many; %d fit on the boot line", len(s), maxBootCodes)
	}
	return bootcode.Check(s)
}

// controls tells that text has characters that could steer a terminal on which it is shown:
// a plan's file may be somebody else's. Ends of lines and tabs stand between keys.
func controls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\r\n\t", r) })
}

// ArchWord stands for the architecture in the name of an image.
const ArchWord = "ARCH"

// capitals are words in which ArchWord is found only if it is the whole of one: a
// folder may be called RESEARCH.
var capitals = regexp.MustCompile("[A-Z]+")

// setOutput takes a path, with ~/ for the home folder as a shell has it, and ArchWord
// for the architecture.
func setOutput(p *Plan, v []string) error {
	s := strings.TrimSpace(v[0])
	if err := checkOutput(s); err != nil {
		return err
	}
	s = expandHome(s)
	p.Output = p.nameArch(s)
	if p.Output != s {
		p.pattern = s
	}
	return nil
}

// nameArch puts the architecture where ArchWord stands.
func (p *Plan) nameArch(path string) string {
	return capitals.ReplaceAllStringFunc(path, func(word string) string {
		if word == ArchWord {
			return p.Arch.String()
		}
		return word
	})
}

// outputAnswer is the answer that gave the image its name: a plan that is kept names
// each architecture's image as this one did.
func outputAnswer(p *Plan) []string {
	if p.pattern != "" && p.nameArch(p.pattern) == p.Output {
		return []string{p.pattern}
	}
	return []string{p.Output}
}

// checkOutput refuses what is no file's path. Whether the file can be written
// is not known before it is.
func checkOutput(s string) error {
	switch {
	case s == "":
		return errors.New("a path is wanted")
	case strings.HasSuffix(s, "/"), s == ".", s == "..":
		return errors.New("this is a folder; a file's name is wanted behind it")
	}
	return nil
}

// setFirmware refuses a firmware that machines of the architecture do not have.
func setFirmware(p *Plan, v []string) error {
	if p.Tries() && v[0] == "bios" && p.Arch != arch.AMD64 {
		return fmt.Errorf("the architecture is %s, and only machines for %s have a BIOS", p.Arch, arch.AMD64)
	}
	p.Firmware = v[0]
	return nil
}

func checkMirror(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("a mirror is an http:// or https:// address")
	}
	return nil
}

// parseMemory takes MiB, or a number with M or G behind it; it gives MiB.
func parseMemory(s string) (int, error) {
	s = strings.TrimSpace(s)
	num, factor := strings.TrimRight(s, "MmGgIiBb "), 1
	switch suffix := strings.ToLower(strings.TrimSpace(s[len(num):])); suffix {
	case "", "m", "mb", "mib":
	case "g", "gb", "gib":
		factor = 1024
	default:
		return 0, fmt.Errorf("unknown unit %q; use M or G", suffix)
	}
	n, err := strconv.Atoi(num)
	if err != nil {
		return 0, errors.New("a size is a number of MiB, such as 512, or 2G")
	}
	if n > maxMemory/factor {
		return 0, fmt.Errorf("that is more than %d MiB", maxMemory)
	}
	if n *= factor; n < MinMemory {
		return 0, fmt.Errorf("%d MiB are too few; Floe boots from %d MiB", n, MinMemory)
	}
	return n, nil
}

func parseCount(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("a number from %d to %d is wanted", low, high)
	}
	return n, nil
}
