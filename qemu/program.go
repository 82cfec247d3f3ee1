package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"floe/internal/arch"
	"floe/internal/fault"
)

// Program is a QEMU that can be run.
type Program struct {
	// Argv starts QEMU for one architecture; QEMU's arguments follow it.
	// It may be longer than one word, as with a program that is run through
	// its own dynamic loader.
	Argv []string

	// Env is added to floe's own environment.
	Env []string

	// Root is the folder whose usr/share/qemu holds this QEMU's firmware
	// descriptors, and below which the files they name are: "/" for the
	// host's QEMU.
	Root string

	// DataDirs are the folders with SeaBIOS and option ROMs, in the order
	// of search; empty for those that QEMU was built with.
	DataDirs []string

	// Version is what the program said of itself.
	Version Version
}

// Version is a version of QEMU.
type Version struct{ Major, Minor, Micro int }

// MinVersion is the oldest QEMU that floe trusts. 7.2 under emulation
// double-faults kernels that 8.2 runs.
func MinVersion() Version { return Version{8, 2, 0} }

// AtLeast compares versions.
func (v Version) AtLeast(w Version) bool {
	for _, d := range []int{v.Major - w.Major, v.Minor - w.Minor, v.Micro - w.Micro} {
		if d != 0 {
			return d > 0
		}
	}
	return true
}

// String writes it with dots.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro) }

var versionPattern = regexp.MustCompile(`(?m)^QEMU emulator version (\d+)\.(\d+)(?:\.(\d+))?`)

// ParseVersion reads what "qemu-system-… --version" prints.
func ParseVersion(out string) (Version, error) {
	f := versionPattern.FindStringSubmatch(out)
	if f == nil {
		first, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
		return Version{}, fmt.Errorf("no QEMU version in %q", first)
	}
	var n [3]int
	for i, s := range f[1:] {
		if s == "" {
			continue
		}
		v, err := strconv.Atoi(s)
		if err != nil {
			return Version{}, err
		}
		n[i] = v
	}
	return Version{n[0], n[1], n[2]}, nil
}

// Emulator is the name of QEMU's program for a guest: "qemu-system-x86_64".
func Emulator(guest arch.Arch) string { return "qemu-system-" + guest.QEMU() }

// FindHost finds the host's own QEMU for a guest. That it is absent, older than
// min or without the firmware that every machine of the guest needs is a
// fault.Missing, and no reason to give up: the archive has all of it.
func FindHost(ctx context.Context, guest arch.Arch, min Version) (Program, error) {
	return findHost(ctx, guest, min, "/")
}

// findHost is FindHost with firmware below root.
func findHost(ctx context.Context, guest arch.Arch, min Version, root string) (Program, error) {
	name := Emulator(guest)
	path, err := exec.LookPath(name)
	if err != nil {
		return Program{}, missing(name, errors.New("it is not on the PATH"))
	}
	p := Program{Argv: []string{path}, Root: root}
	if p.Version, err = p.ask(ctx); err != nil {
		return Program{}, missing(path, err)
	}
	if !p.Version.AtLeast(min) {
		return Program{}, missing(path, fmt.Errorf("it is version %s; at least %d.%d is needed", p.Version, min.Major, min.Minor))
	}
	if guest == arch.ARM64 { // which has no BIOS
		if _, err := FindFlash(root, guest); err != nil {
			return Program{}, missing(path, err)
		}
	}
	return p, nil
}

func missing(what string, err error) error {
	return fault.New(fault.Missing, "use the host's QEMU", what, err,
		"floe can bring its own QEMU from the Debian archive; or install a recent qemu-system package")
}

// InRoot is the QEMU of a folder of unpacked Debian packages. argv starts a
// program of that folder, as sandbox.Root.Direct gives it for Emulator(guest).
func InRoot(ctx context.Context, root string, argv []string) (Program, error) {
	p := Program{Argv: argv, Root: root}
	for _, dir := range []string{"usr/share/qemu", "usr/share/seabios"} {
		if dir = filepath.Join(root, dir); isDir(dir) {
			p.DataDirs = append(p.DataDirs, dir)
		}
	}
	for _, dir := range glob(filepath.Join(root, "usr/lib/*/qemu")) {
		p.Env = append(p.Env, "QEMU_MODULE_DIR="+dir)
	}
	var err error
	if p.Version, err = p.ask(ctx); err != nil {
		return Program{}, fault.New(fault.Missing, "use the unpacked QEMU", root, err, "")
	}
	return p, nil
}

// ask runs the program for its version.
func (p Program) ask(ctx context.Context) (Version, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Argv[0], append(p.Argv[1:len(p.Argv):len(p.Argv)], "--version")...)
	cmd.Env = append(os.Environ(), p.Env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Version{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return ParseVersion(string(out))
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// glob is filepath.Glob for patterns that are right.
func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern)
	return found
}
