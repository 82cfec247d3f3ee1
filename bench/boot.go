package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/store"
	"floe/qemu"
	"floe/steps"
)

// patience is how long a boot may take.
const patience = 5 * time.Minute

// boots measures boots under emulation.
func (b *bench) boots(ctx context.Context) error {
	builder, s, err := open()
	if err != nil {
		return err
	}
	defer s.Close()
	for _, c := range bootCases {
		if !b.wanted(c.image) {
			continue
		}
		program, err := builder.ArchiveQEMU(ctx, c.arch)
		if err != nil {
			return err
		}
		var list []booted
		for range b.runs {
			one, err := b.bootForAll(ctx, program, c)
			if err != nil {
				return fmt.Errorf("%s, -m %d: %w", c.image, c.memory, err)
			}
			list = append(list, one)
		}
		c.add(b, list)
	}
	return nil
}

// bootForAll boots a machine to see how it idles, and if it has a runtime once more to
// see its first container: while it idles, all that a container needs is read ahead.
func (b *bench) bootForAll(ctx context.Context, program qemu.Program, c bootCase) (booted, error) {
	one, err := b.boot(ctx, program, c, idle)
	if err != nil || c.kind == steps.NoRuntime {
		return one, err
	}
	other, err := b.boot(ctx, program, c, contain)
	one.container, one.fromAPI = other.container, other.fromAPI
	return one, err
}

// open gives a builder with the store that floe itself has.
func open() (*assemble.Builder, *store.Store, error) {
	dir, err := store.DefaultDir()
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	return assemble.New(assemble.Options{Store: s}), s, nil
}

// bootCase is a machine, and what is promised of its boot.
type bootCase struct {
	image
	memory, cpus                        int // MiB; number
	ssh, runtime, container, free, used string
}

var bootCases = []bootCase{
	{image: image{arch.AMD64, steps.NoRuntime}, memory: 64, cpus: 1, ssh: "boots"},
	{image: image{arch.AMD64, steps.NoRuntime}, memory: 128, cpus: 1, ssh: "at most 2.5 s", free: "at least 76 MB"},
	{image: image{arch.AMD64, steps.Docker}, memory: 512, cpus: 2, runtime: "at most 9 s", container: "at most 4 s", used: "at most 70 MB"},
	{image: image{arch.AMD64, steps.Docker}, memory: 256, cpus: 2, container: "runs"},
	{image: image{arch.AMD64, steps.Podman}, memory: 512, cpus: 2, runtime: "at most 5 s", container: "at most 4 s"},
	{image: image{arch.AMD64, steps.Podman}, memory: 192, cpus: 2, container: "runs"},
	{image: image{arch.ARM64, steps.NoRuntime}, memory: 128, cpus: 2, ssh: "at most 2.5 s"},
	{image: image{arch.ARM64, steps.Docker}, memory: 512, cpus: 2, runtime: "at most 10 s"},
}

func (c bootCase) name() string {
	return fmt.Sprintf("%s, -m %d, %d vCPU: ", c.image, c.memory, c.cpus)
}

func (c bootCase) add(b *bench, list []booted) {
	name := c.name()
	b.add(name+"kernel start to ssh", c.ssh, "s", column(list, func(x booted) float64 { return x.ssh.Seconds() })...)
	b.add(name+"power-on to ssh", "", "s", column(list, func(x booted) float64 { return x.power.Seconds() })...)
	if c.kind != steps.NoRuntime {
		b.add(name+"kernel start to API", c.runtime, "s", column(list, func(x booted) float64 { return x.runtime.Seconds() })...)
		b.add(name+"first container of 32 MB as soon as the API answers, run alone", c.container, "s", column(list, func(x booted) float64 { return x.container })...)
		b.add(name+"API answers to end of first container, its image imported between", "", "s", column(list, func(x booted) float64 { return x.fromAPI })...)
	}
	b.add(name+"used", c.used, "MB", column(list, func(x booted) float64 { return x.usedMB })...)
	b.add(name+"available", c.free, "MB", column(list, func(x booted) float64 { return x.availableMB })...)
}

func column(list []booted, f func(booted) float64) (values []float64) {
	for _, b := range list {
		values = append(values, f(b))
	}
	return values
}

// boot boots an image, waits until ssh answers, and looks at the machine.
func (b *bench) boot(ctx context.Context, program qemu.Program, c bootCase, look look) (out booted, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := qemu.New("bench", c.arch, qemu.Memory(c.memory), qemu.CPUs(c.cpus), qemu.Boot(qemu.CDROM, b.path(c.image)))
	if err != nil {
		return out, err
	}
	home := qemu.Home{State: filepath.Join(b.dir, "machines"), Runtime: filepath.Join(b.dir, "run")}
	r, err := home.Start(ctx, program, m, qemu.Launch{Accel: qemu.Emulate("figures are of emulation")})
	if err != nil {
		return out, err
	}
	defer r.Kill()
	defer func() { out.starved, _ = r.Guest().Starved() }()
	for _, stage := range []qemu.Stage{qemu.SSHReady, qemu.Network} {
		if _, err := r.Reached(ctx, stage); err != nil {
			return out, err
		}
	}
	if err := greeted(ctx, r.SSHAddr()); err != nil {
		return out, err
	}
	out.power = time.Since(r.State().Started)
	err = look(ctx, r, c, &out)
	return out, err
}
