// Package doctor finds out what this host can and cannot do for floe, and
// how to mend what it cannot.
//
// It changes nothing but the store's folder, which it may create, and it
// prints nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/fault"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/qemu"
)

// Level says how bad a finding is.
type Level int

// The levels.
const (
	OK   Level = iota
	Warn       // floe works, but slower or with less
	Fail       // something that floe needs is not there
)

// Finding is what a check found.
type Finding struct {
	Level Level
	Name  string // of the check: "sandbox"
	Text  string // what is so
	Hint  string // what mends it; empty if nothing needs to be
}

// Host is what is looked at.
type Host struct {
	StoreDir string
	Mirror   string // as in the plan
	Arch     arch.Arch
	Tools    []sandbox.Tool // what builds take from this machine; none if they bring their own
}

// What a build needs, measured from an empty store.
const (
	needDisk   = 8e9     // bytes: downloads, toolchain, and the kernel's source and objects while it is built
	needMemory = 2 << 10 // MiB
)

// Checks are the checks in the order in which they are shown. Each may take a
// few seconds.
func Checks() []func(context.Context, Host) Finding {
	return []func(context.Context, Host) Finding{system, disk, memory, toolchain, accel, emulator, archive}
}

func system(_ context.Context, h Host) Finding {
	f := Finding{Name: "system", Text: fmt.Sprintf("%s on %s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
	if runtime.GOOS != "linux" {
		f.Level, f.Hint = Fail, "floe builds on Linux only; a virtual machine with Linux will do"
	}
	return f
}

func disk(_ context.Context, h Host) Finding {
	f := Finding{Name: "disk space"}
	s, err := store.Open(h.StoreDir)
	if err != nil {
		return failed(f, err)
	}
	defer s.Close()
	free, err := s.Free()
	if err != nil {
		return failed(f, err)
	}
	f.Text = fmt.Sprintf("%s free, %s needed; in %s", humanize.Bytes(uint64(free)), humanize.Bytes(needDisk), short(h.StoreDir))
	if free < needDisk {
		f.Level, f.Hint = Warn, store.Room
	}
	return f
}

// short writes a path below the home as a shell takes it.
func short(path string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(home, path); err == nil && filepath.IsLocal(rel) {
		return "~/" + rel
	}
	return path
}

func memory(context.Context, Host) Finding {
	f := Finding{Name: "memory"}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return failed(f, err)
	}
	mib := meminfo(string(text), "MemAvailable")
	f.Text = fmt.Sprintf("%s available", humanize.IBytes(uint64(mib)<<20))
	if mib < needMemory {
		f.Level, f.Hint = Warn, fmt.Sprintf("compiling the kernel wants %d MiB; close something, or add swap", needMemory)
	}
	return f
}

// meminfo finds a value of /proc/meminfo, in MiB.
func meminfo(text, key string) int {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib / 1024
		}
	}
	return 0
}

// What is so where builds work.
const (
	namespacesText = "builds without root and without this machine's tools"
	toolsText      = "builds with this machine's own tools, which are all here"
)

// toolchain looks for what builds run in: the sandbox, or this machine's own tools.
func toolchain(ctx context.Context, h Host) Finding {
	f, err := Finding{Name: "sandbox", Text: namespacesText}, error(nil)
	if h.Tools == nil {
		err = sandbox.Probe()
	} else {
		f.Name, f.Text = "tools", toolsText
		err = sandbox.CheckHost(ctx, h.Tools)
	}
	if err != nil {
		f = failed(f, err)
	}
	return f
}

func accel(_ context.Context, h Host) Finding { return speed(qemu.DetectAccel(h.Arch, qemu.Host{})) }

// speed says what a machine's processor is.
func speed(a qemu.Accel) Finding {
	f := Finding{Name: "kvm", Text: "machines run at full speed"}
	if !a.KVM {
		f.Level, f.Text, f.Hint = Warn, "emulated, slower: "+a.Reason, a.Mend
	}
	return f
}

func emulator(ctx context.Context, h Host) Finding {
	f := Finding{Name: "qemu"}
	p, err := qemu.FindHost(ctx, h.Arch, qemu.MinVersion())
	if err == nil {
		f.Text = fmt.Sprintf("%s, version %s", p.Argv[0], p.Version)
		return f
	}
	why := "none on the PATH"
	if known, ok := errors.AsType[*fault.Error](err); ok && filepath.IsAbs(known.On) {
		why = known.On + ": " + known.Err.Error()
	}
	f.Text = why + ": brought from the archive when needed"
	return f
}

func archive(ctx context.Context, h Host) Finding {
	f := Finding{Name: "archive"}
	mirrors, err := debian.FindMirrors(h.Mirror, "/")
	if err != nil {
		return failed(f, err)
	}
	s, err := store.Open(h.StoreDir)
	if err != nil {
		return failed(f, err)
	}
	defer s.Close()
	a, err := debian.Open(ctx, debian.Options{Cache: s.Downloads(), Mirrors: mirrors, Archs: arch.All(), Refresh: true})
	if err != nil {
		return unreached(failed(f, err), err)
	}
	f.Text = a.String() + ", signatures good"
	return f
}

// unreached says in few words that no server was to be had.
func unreached(f Finding, err error) Finding {
	if asked, ok := errors.AsType[*url.Error](err); ok && !errors.Is(err, context.Canceled) {
		f.Text = "cannot reach the Debian archive: " + asked.Err.Error()
	}
	return f
}

// failed makes a finding of an error.
func failed(f Finding, err error) Finding {
	f.Level, f.Text, f.Hint = Fail, err.Error(), fault.Hint(err)
	if errors.Is(err, context.Canceled) {
		f.Text = "stopped"
	}
	return f
}
