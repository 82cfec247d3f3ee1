package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/report"
	"floe/internal/sshclient"
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
			one, err := b.boot(ctx, program, c)
			if err != nil {
				return fmt.Errorf("%s, -m %d: %w", c.image, c.memory, err)
			}
			list = append(list, one)
		}
		c.add(b, list)
	}
	return nil
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
		b.add(name+"first container of 32 MB, start to end", c.container, "s", column(list, func(x booted) float64 { return x.container })...)
	}
	b.add(name+"used", c.used, "MB", column(list, func(x booted) float64 { return x.usedMB })...)
	b.add(name+"available", c.free, "MB", column(list, func(x booted) float64 { return x.availableMB })...)
}

// booted is what was seen of one boot. Available is what MemAvailable says once
// everything is up and idle, and used the rest of MemTotal, in MB of 10^6 bytes.
// Container is how long the first container took, of each runtime, in seconds.
type booted struct {
	ssh, runtime, power            time.Duration // from the kernel's start; power: from power-on to ssh
	availableMB, usedMB, container float64
	starved                        string // by what it showed that it has too little memory
}

// contain waits for a runtime, where another one answered first, makes an image of
// the system's busybox, and prints how long a container of it takes, in seconds; the client's name is to be filled in.
const contain = `set -e; until %[1]s version >/dev/null 2>&1; do sleep 1; done; d=$(mktemp -d); cp /usr/bin/busybox $d/sh; tar -C $d -c . | %[1]s import - bench >/dev/null
read a _ </proc/uptime; %[1]s run --rm --memory 32m bench /sh -c 'exit 0'; read b _ </proc/uptime; echo "$a $b" | awk '{print $2 - $1}'`

// clients are how the runtimes' own clients are called.
var clients = map[string]string{steps.Docker: "docker", steps.Podman: "sudo podman"}

func column(list []booted, f func(booted) float64) (values []float64) {
	for _, b := range list {
		values = append(values, f(b))
	}
	return values
}

// boot boots an image and logs in.
func (b *bench) boot(ctx context.Context, program qemu.Program, c bootCase) (out booted, err error) {
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
	answered := time.Now()
	out.power = answered.Sub(r.State().Started)
	ready := answered
	if c.kind != steps.NoRuntime {
		stage, err := r.Reached(ctx, qemu.Runtime)
		if err != nil {
			return out, err
		}
		ready = r.State().Started.Add(stage.At)
	}
	own, _, err := sshclient.Identity(filepath.Join(xdg.DataHome, "floe"))
	if err != nil {
		return out, err
	}
	client, err := sshclient.Dial(ctx, sshclient.Options{Addr: r.SSHAddr(), User: "floe", Signers: []ssh.Signer{own}, HostKeys: r.Guest().HostKeys})
	if err != nil {
		return out, err
	}
	defer client.Close()
	started, err := kernelStart(ctx, client)
	if err != nil {
		return out, err
	}
	out.ssh, out.runtime = answered.Sub(started), ready.Sub(started)
	// Free pages that a processor has at hand count as used; it gives most of them
	// back within seconds when nothing asks for them.
	memory, err := numbers(ctx, client, "sleep 15; awk '/^MemTotal|^MemAvailable/ {print $2}' /proc/meminfo", 2)
	if err != nil {
		return out, err
	}
	out.availableMB, out.usedMB = memory[1]*1024/1e6, (memory[0]-memory[1])*1024/1e6
	for runtime := range strings.SplitSeq(c.kind, ",") {
		if runtime == steps.NoRuntime {
			continue
		}
		took, err := numbers(ctx, client, fmt.Sprintf(contain, clients[runtime]), 1)
		if err != nil {
			return out, err
		}
		out.container += took[0]
	}
	return out, nil
}

// numbers runs a command that prints n numbers.
func numbers(ctx context.Context, c *sshclient.Client, command string, n int) ([]float64, error) {
	result, err := c.Run(ctx, command)
	if err != nil {
		return nil, err
	}
	var list []float64
	for _, field := range strings.Fields(string(result.Stdout)) {
		number, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, number)
	}
	if len(list) != n {
		return nil, fmt.Errorf("%s: printed %q, %q", command, result.Stdout, result.Stderr)
	}
	return list, nil
}

// greeted waits until an ssh server at addr has said its first word.
func greeted(ctx context.Context, addr string) error {
	for {
		try, cancel := context.WithTimeout(ctx, time.Second)
		err := greeting(try, addr)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func greeting(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = io.ReadFull(conn, make([]byte, len("SSH-2.0-")))
	return err
}

// kernelStart is when the guest's clock began to run, by the host's. The guest
// says several times how long it has been up; the answer that was quickest on
// its way is the one that counts, and what its way took makes the figures
// that are reckoned from it too small: by a millisecond or two.
func kernelStart(ctx context.Context, c *sshclient.Client) (time.Time, error) {
	var first time.Time
	var wrong error
	lines := report.Lines(func(line string) {
		up, err := strconv.ParseFloat(strings.Fields(line + " ?")[0], 64)
		if err != nil {
			wrong = err
			return
		}
		at := time.Now().Add(-time.Duration(up * float64(time.Second)))
		if first.IsZero() || at.Before(first) {
			first = at
		}
	})
	_, err := c.Stream(ctx, "for i in 1 2 3 4 5 6 7 8; do cat /proc/uptime; sleep 0.1; done", sshclient.Streams{Out: lines})
	return first, errors.Join(err, lines.Close(), wrong)
}
