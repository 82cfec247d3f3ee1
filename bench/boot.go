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
const patience = 3 * time.Minute

// boots measures boots under emulation.
func (b *bench) boots(ctx context.Context) error {
	dir, err := store.DefaultDir()
	if err != nil {
		return err
	}
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	builder := assemble.New(assemble.Options{Store: s})
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
				return err
			}
			list = append(list, one)
		}
		c.add(b, list)
	}
	return nil
}

// bootCase is a machine, and what is promised of its boot.
type bootCase struct {
	image
	memory, cpus       int // MiB; number
	ssh, runtime, free string
}

var bootCases = []bootCase{
	{image: image{arch.AMD64, steps.NoRuntime}, memory: 64, cpus: 1, ssh: "boots"},
	{image: image{arch.AMD64, steps.NoRuntime}, memory: 128, cpus: 1, ssh: "at most 2.5 s", free: "at least 76 MB"},
	{image: image{arch.AMD64, steps.Docker}, memory: 512, cpus: 2, runtime: "at most 9 s"},
	{image: image{arch.AMD64, steps.Podman}, memory: 512, cpus: 2, runtime: "at most 5 s"},
	{image: image{arch.ARM64, steps.NoRuntime}, memory: 128, cpus: 2, ssh: "at most 2.5 s"},
	{image: image{arch.ARM64, steps.Docker}, memory: 512, cpus: 2, runtime: "at most 10 s"},
}

func (c bootCase) add(b *bench, list []booted) {
	name := fmt.Sprintf("%s, -m %d, %d vCPU: ", c.image, c.memory, c.cpus)
	b.add(name+"kernel start to ssh", c.ssh, "s", column(list, func(x booted) float64 { return x.ssh.Seconds() })...)
	b.add(name+"power-on to ssh", "", "s", column(list, func(x booted) float64 { return x.power.Seconds() })...)
	if c.kind != steps.NoRuntime {
		b.add(name+"kernel start to API", c.runtime, "s", column(list, func(x booted) float64 { return x.runtime.Seconds() })...)
	}
	b.add(name+"available", c.free, "MB", column(list, func(x booted) float64 { return x.availableMB })...)
}

// booted is what was seen of one boot. Available is what MemAvailable says a
// few seconds after everything is up, in MB of 10^6 bytes.
type booted struct {
	ssh, runtime, power time.Duration // from the kernel's start; power: from power-on to ssh
	availableMB         float64
}

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
	result, err := client.Run(ctx, "sleep 3; grep MemAvailable /proc/meminfo")
	if err != nil {
		return out, err
	}
	kib, err := strconv.Atoi(strings.Fields(string(result.Stdout) + " 0 0")[1])
	out.availableMB = float64(kib) * 1024 / 1e6
	return out, err
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
