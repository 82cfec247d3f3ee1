package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/internal/arch"
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
	ready, err := r.Reached(ctx, qemu.SSHReady)
	if err != nil {
		return out, err
	}
	own, _, err := sshclient.Identity(filepath.Join(xdg.DataHome, "floe"))
	if err != nil {
		return out, err
	}
	c, err := sshclient.Dial(ctx, sshclient.Options{Addr: r.SSHAddr(), User: "floe", Signers: []ssh.Signer{own}, HostKeys: r.Guest().HostKeys})
	if err != nil {
		return out, err
	}
	defer c.Close()
	asked := time.Since(r.State().Started)
	result, err := c.Run(ctx, "cat /proc/uptime")
	if err != nil {
		return out, err
	}
	up, err := strconv.ParseFloat(strings.Fields(string(result.Stdout) + " 0")[0], 64)
	if err != nil {
		return out, err
	}
	out.sshAfterPower = ready.At
	// The guest's clock starts with its kernel. The way of the question is
	// counted in, so that the figure is rather too large than too small.
	out.sshAfterKernel = time.Duration(up*float64(time.Second)) - (asked - ready.At)
	result, err = c.Run(ctx, "sleep 3; grep MemAvailable /proc/meminfo")
	if err != nil {
		return out, err
	}
	kib, err := strconv.Atoi(strings.Fields(string(result.Stdout) + " 0 0")[1])
	out.availableMB = float64(kib) * 1024 / 1e6
	return out, err
}
