package main

import (
	"context"
	"errors"
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
	program, err := assemble.New(assemble.Options{Store: s}).ArchiveQEMU(ctx, arch.AMD64)
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		memory int
		add    func([]booted)
	}{
		{64, func(l []booted) {
			b.add("-m 64, BIOS: kernel start to ssh", "boots", "s", column(l, booted.start)...)
			b.add("-m 64, BIOS: available", "", "MB", column(l, booted.free)...)
		}},
		{128, func(l []booted) {
			b.add("-m 128: kernel start to ssh, one vCPU", "at most 2.5 s", "s", column(l, booted.start)...)
			b.add("-m 128: power-on to ssh", "", "s", column(l, booted.whole)...)
			b.add("-m 128: available", "at least 76 MB", "MB", column(l, booted.free)...)
		}},
	} {
		var list []booted
		for range b.runs {
			one, err := b.boot(ctx, program, kind.memory)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		kind.add(list)
	}
	return nil
}

// booted is what was seen of one boot.
type booted struct {
	sshAfterKernel, sshAfterPower time.Duration
	availableMB                   float64
}

func (b booted) start() float64 { return b.sshAfterKernel.Seconds() }
func (b booted) whole() float64 { return b.sshAfterPower.Seconds() }
func (b booted) free() float64  { return b.availableMB }

func column(list []booted, f func(booted) float64) (values []float64) {
	for _, b := range list {
		values = append(values, f(b))
	}
	return values
}

// boot boots the image on one emulated processor and logs in.
func (b *bench) boot(ctx context.Context, program qemu.Program, memory int) (out booted, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := qemu.New("bench", arch.AMD64, qemu.Memory(memory), qemu.CPUs(1), qemu.With(qemu.BIOS), qemu.Boot(qemu.CDROM, b.image))
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
	out.sshAfterPower = answered.Sub(r.State().Started)
	own, _, err := sshclient.Identity(filepath.Join(xdg.DataHome, "floe"))
	if err != nil {
		return out, err
	}
	c, err := sshclient.Dial(ctx, sshclient.Options{Addr: r.SSHAddr(), User: "floe", Signers: []ssh.Signer{own}, HostKeys: r.Guest().HostKeys})
	if err != nil {
		return out, err
	}
	defer c.Close()
	started, err := kernelStart(ctx, c)
	if err != nil {
		return out, err
	}
	out.sshAfterKernel = answered.Sub(started)
	result, err := c.Run(ctx, "sleep 3; grep MemAvailable /proc/meminfo")
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
