package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"floe/assemble"
	"floe/assets"
	"floe/internal/arch"
	"floe/internal/initramfs"
	"floe/qemu"
	"floe/steps"
)

// rootKinds are the ways to a root that containers can, or cannot, leave.
var rootKinds = []struct{ name, codes string }{
	{"default (bind)", ""}, {"noembed", "noembed"}, {"embed", "embed"},
}

// rootMemory is the memory of the machine that measures them, in MiB.
const rootMemory = 128

// roots measures how much memory each kind of root takes: at the peak, from the
// first program's start until the machine has been up for 20 s, and at rest.
func (b *bench) roots(ctx context.Context) error {
	base := image{arch.AMD64, steps.NoRuntime}
	if !b.wanted(base) {
		return nil
	}
	builder, s, err := open()
	if err != nil {
		return err
	}
	defer s.Close()
	program, err := builder.ArchiveQEMU(ctx, base.arch)
	if err != nil {
		return err
	}
	if err := b.have(ctx, base); err != nil {
		return err
	}
	work := filepath.Join(b.dir, "roots")
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	loaded, err := assemble.Load(ctx, b.path(base), work)
	if err != nil {
		return err
	}
	watch, err := watcher(work)
	if err != nil {
		return err
	}
	for _, kind := range rootKinds {
		line := strings.Join(append(loaded.Args, kind.codes), " ")
		m, err := qemu.New("roots", base.arch, qemu.Memory(rootMemory), qemu.Direct(loaded.Kernel, append(loaded.Initrds, watch), line))
		if err != nil {
			return err
		}
		var peaks, rests []float64
		for range b.runs {
			peak, rest, err := b.root(ctx, program, m)
			if err != nil {
				return err
			}
			peaks, rests = append(peaks, peak), append(rests, rest)
		}
		name := fmt.Sprintf("%s, -m %d, %s: ", base, rootMemory, kind.name)
		b.add(name+"used at the peak", "", "MB", peaks...)
		b.add(name+"used at rest", "", "MB", rests...)
	}
	return nil
}

var watched = regexp.MustCompile(`bench: peak (\d+) rest (\d+) kB`)

// root boots a machine that has the watcher, and gives what that says, in MB.
func (b *bench) root(ctx context.Context, program qemu.Program, m qemu.Machine) (peak, rest float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	home := qemu.Home{State: filepath.Join(b.dir, "machines"), Runtime: filepath.Join(b.dir, "run")}
	r, err := home.Start(ctx, program, m, qemu.Launch{Accel: qemu.Emulate("figures are of emulation")})
	if err != nil {
		return 0, 0, err
	}
	defer r.Kill()
	said, err := r.Console().WaitFor(ctx, watched)
	if err != nil {
		return 0, 0, err
	}
	found := watched.FindStringSubmatch(said)
	p, _ := strconv.Atoi(found[1])
	q, _ := strconv.Atoi(found[2])
	return float64(p) * 1024 / 1e6, float64(q) * 1024 / 1e6, nil
}

// watcher makes an initrd that puts a watcher before the first program: a
// process that stays on the first root with a /proc of its own, looks at the
// free memory as often as it can, and tells at the end.
func watcher(dir string) (string, error) {
	a := initramfs.New(assets.Date())
	a.Dir("watch", 0o755, assets.Root, assets.Root)
	for _, e := range assets.Rootfs() {
		if e.Path == "init" {
			a.File("init.floe", 0o755, assets.Root, assets.Root, e.Data)
		}
	}
	a.File("init", 0o755, assets.Root, assets.Root, []byte(`#!/bin/sh
export PATH=/usr/bin
mount -t proc watch /watch
mknod /dev/null c 1 3 # the shell wants it for what runs beside
(
	least=999999999
	while :; do
		while read -r key value _; do
			case $key in
			MemTotal:) total=$value ;;
			MemFree:) free=$value; break ;;
			esac
		done </watch/meminfo
		[ "$free" -ge "$least" ] || least=$free
		read -r up _ </watch/uptime
		[ "${up%%.*}" -lt 20 ] || break
	done
	echo "bench: peak $((total - least)) rest $((total - free)) kB"
) &
exec /init.floe "$@"
`))
	data, err := a.Bytes()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "watch.img")
	return path, os.WriteFile(path, data, 0o644)
}
