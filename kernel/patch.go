package kernel

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/debian/deb"
	"floe/internal/fault"
)

// Patch is a change to the source of Linux: a unified diff with the reason for
// it above.
type Patch struct {
	Name string // "slab-sysfs-with-debug"
	Text []byte // as in assets
}

// Patches gives the changes to the source, by name. They spare time and memory
// that the kernel would take for what a machine may never use, or compiling it
// for what was done before, or the image some of its size, and a kernel without them
// does all that one with them does: an update of the source whose text one of them
// does not fit must not keep anybody from a kernel.
func Patches() ([]Patch, error) {
	const dir = "kernel/patches"
	entries, err := assets.Kernel.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Patch
	for _, e := range entries {
		text, err := assets.Kernel.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, Patch{strings.TrimSuffix(e.Name(), ".patch"), text})
	}
	return out, nil
}

// stopgaps are what only a patch makes possible, and what is asked for instead where
// the source has no place for it.
var stopgaps = []struct {
	patch           string
	arch            arch.Arch
	symbol, instead string // both are to be y
}{
	{"efi-zboot-xz", arch.ARM64, "KERNEL_XZ", "KERNEL_GZIP"},
}

// withoutPatches asks for what the source can do without the patches that were left out.
func withoutPatches(reqs []Request, a arch.Arch, unfit []string) []Request {
	reqs = slices.Clone(reqs)
	for _, s := range stopgaps {
		if s.arch != a || !slices.Contains(unfit, s.patch) {
			continue
		}
		for i, r := range reqs {
			if r.Symbol == s.symbol {
				reqs[i].Symbol, reqs[i].line = s.instead, "CONFIG_"+s.instead+"="+r.Value
			}
		}
	}
	return reqs
}

// diff is what the patch changes, without the words above it.
func (p Patch) diff() string {
	text := string(p.Text)
	if i := strings.Index(text, "--- a/"); i >= 0 {
		return text[i:]
	}
	return text
}

// patch changes the source. What does not fit is left out and named in the
// log and in the result.
func (b *builder) patch(context.Context) error {
	patches, err := Patches()
	if err != nil {
		return err
	}
	for _, p := range patches {
		changed, err := deb.ApplyPatch(b.tree(), []byte(p.diff()))
		line := fmt.Sprintf("patch %s: %s", p.Name, strings.Join(changed, ", "))
		switch {
		case errors.Is(err, deb.ErrUnfit):
			line = fmt.Sprintf("patch %s is left out: %v", p.Name, err)
			b.unfit = append(b.unfit, p.Name)
		case err != nil:
			return fault.New(fault.Build, "apply the kernel's patch", p.Name, err, "")
		}
		fmt.Fprintln(b.log, line)
		b.Report.Log(line)
	}
	return nil
}
