package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
			b.add("-m 64, BIOS: available", "", "MiB", column(l, booted.free)...)
		}},
		{128, func(l []booted) {
			b.add("-m 128: kernel start to ssh, one vCPU", "at most 2.5 s", "s", column(l, booted.start)...)
			b.add("-m 128: power-on to ssh", "", "s", column(l, booted.whole)...)
			b.add("-m 128: available", "at least 76 MiB", "MiB", column(l, booted.free)...)
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
	availableMiB                  float64
}

func (b booted) start() float64 { return b.sshAfterKernel.Seconds() }
func (b booted) whole() float64 { return b.sshAfterPower.Seconds() }
func (b booted) free() float64  { return b.availableMiB }

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
	result, err := c.Run(ctx, "sleep 2; grep MemAvailable /proc/meminfo")
	if err != nil {
		return out, err
	}
	kib, err := strconv.Atoi(strings.Fields(string(result.Stdout) + " 0 0")[1])
	if err != nil {
		return out, err
	}
	out.availableMiB = float64(kib) / 1024
	out.sshAfterPower = ready.At
	out.sshAfterKernel, err = sinceKernel(r, ready)
	return out, err
}

// stamp is the time that the kernel prints before a line, in seconds since it
// started to count.
var stamp = regexp.MustCompile(`(?m)^\[ *(\d+\.\d+)\] Run \S+ as init process`)

// sinceKernel is the time from the kernel's start to ssh: the kernel's own
// time when it started init, and from there the console's.
func sinceKernel(r *qemu.Running, ready qemu.Milestone) (time.Duration, error) {
	text, err := os.ReadFile(r.Console().Path())
	if err != nil {
		return 0, err
	}
	found := stamp.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("the kernel did not say when it started init")
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return 0, err
	}
	reached, _ := r.Milestones()
	for _, m := range reached {
		if m.Stage == qemu.Init {
			return time.Duration(seconds*float64(time.Second)) + ready.At - m.At, nil
		}
	}
	return 0, fmt.Errorf("init was not seen")
}
