package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/iso"
	"floe/internal/report"
)

// How large the image is that is written, and what the disk has besides, in
// bytes: enough for a rate, and many times the memory that floe may take for it.
const (
	stickImage = 384 << 20
	stickRoom  = 128 << 20
)

// ground is what the loop device that stands for a stick lies on.
type ground struct {
	name string
	make func(dir string) (*os.File, error)
}

// grounds are where floe is measured. A file has what a disk does to a stick's
// time, and its noise; in memory there is nothing but the two programs, faster
// than any stick.
var grounds = []ground{
	{"on a file", func(dir string) (*os.File, error) { return os.Create(filepath.Join(dir, "stick.img")) }},
	{"in memory", func(string) (*os.File, error) {
		fd, err := unix.MemfdCreate("stick", unix.MFD_CLOEXEC)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), "memory"), nil
	}},
}

// sticks measures 'floe write' on a loop device against dd on the same one.
// It takes root; without it there are no such rows.
func (b *bench) sticks(ctx context.Context) error {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "writing a stick: not measured, loop devices take root")
		return nil
	}
	image := filepath.Join(b.dir, "noise.iso")
	if err := noiseImage(ctx, b.dir, image); err != nil {
		return err
	}
	before := load()
	for _, g := range grounds {
		if err := b.sticksOn(ctx, g, image); err != nil {
			return err
		}
	}
	where, err := exec.CommandContext(ctx, "df", "--output=fstype,source", b.dir).Output()
	if err != nil {
		return fmt.Errorf("df: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(where)), "\n")
	b.notes = append(b.notes, fmt.Sprintf(
		"sticks: %d pairs of dd and floe in turn on each of two loop devices, %d processors, load average %s before and %s after; the file is on %s",
		b.pairs, runtime.NumCPU(), before, load(), strings.Join(strings.Fields(lines[len(lines)-1]), " ")))
	return nil
}

// load is the machine's load average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// sticksOn measures on one ground.
func (b *bench) sticksOn(ctx context.Context, g ground, image string) error {
	file, err := g.make(b.dir)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, stickImage+stickRoom); err != nil {
		return err
	}
	device, detach, err := disktest.Attach(file)
	if err != nil {
		return err
	}
	defer detach()
	var write, all, command, memory []float64
	for i := range b.pairs + 1 {
		p, err := b.pair(ctx, image, device.Name(), i%2 == 1)
		if err != nil {
			return err
		}
		if i == 0 {
			continue // it meets a file that was never written
		}
		dd := p.in + p.out
		write = append(write, 100*p.in.Seconds()/p.wrote.Seconds())
		all = append(all, 100*(p.wrote+p.read).Seconds()/dd.Seconds())
		command = append(command, 100*p.whole.Seconds()/dd.Seconds())
		memory = append(memory, float64(p.peak)/1e6)
	}
	name := "stick " + g.name + ": "
	b.add(name+"speed of writing, of dd's", "at least 95 %", "%", write...)
	b.add(name+"time to write and compare, of dd's to write and read", "at most 110 %", "%", all...)
	b.add(name+"time of the whole command, of the same", "", "%", command...)
	b.add(name+"memory at most", "64 MB", "MB", memory...)
	return nil
}

// pair is dd and 'floe write' on the same device, one right after the other, so
// that both meet the same machine. Only within a pair are they compared.
type pair struct {
	in, out     time.Duration // of dd
	wrote, read time.Duration // of floe, by its own events
	whole       time.Duration // of floe, with all that it looks at before
	peak        int64         // bytes
}

// pair takes the times. Which of the two comes first changes from pair to pair:
// the second finds what the first left in the host's caches.
func (b *bench) pair(ctx context.Context, image, device string, floeFirst bool) (p pair, err error) {
	steps := []func() error{
		func() (err error) { p.in, p.out, err = ddTimes(ctx, image, device); return },
		func() error { return b.writeTimes(ctx, image, device, &p) },
	}
	if floeFirst {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return p, err
		}
	}
	return p, nil
}

// noiseImage masters an image of floe's with noise in it.
func noiseImage(ctx context.Context, dir, path string) error {
	noise := make([]byte, stickImage)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	esp, err := iso.ESP("FLOE", 1, time.Unix(1e9, 0), []iso.ESPFile{{Path: "EFI/BOOT/BOOTX64.EFI", Content: noise[:1000]}})
	if err != nil {
		return err
	}
	_, err = iso.Master(ctx, iso.Spec{
		Label: "FLOE", Time: time.Unix(1e9, 0), ESP: esp, Work: dir, Files: []iso.File{{Path: "boot/noise", Mode: 0o444, Content: noise}},
	}, path)
	return err
}

// ddTimes has dd write the image to the device, and read as much from it.
func ddTimes(ctx context.Context, image, device string) (in, out time.Duration, err error) {
	info, err := os.Stat(image)
	if err != nil {
		return 0, 0, err
	}
	dd := func(args ...string) (time.Duration, error) {
		start := time.Now()
		said, err := exec.CommandContext(ctx, "dd", append(args, "bs=4M")...).CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("dd: %w\n%s", err, said)
		}
		return time.Since(start), nil
	}
	if in, err = dd("if="+image, "of="+device, "oflag=direct", "conv=fsync,notrunc"); err != nil {
		return 0, 0, err
	}
	out, err = dd("if="+device, "of=/dev/null", "iflag=direct", fmt.Sprintf("count=%d", (info.Size()+4<<20-1)/(4<<20)))
	return in, out, err
}

// writeTimes has floe do it, and takes how long writing and reading back took
// by its own events, and the most memory that it had.
func (b *bench) writeTimes(ctx context.Context, image, device string, p *pair) error {
	number, err := disks.Resolve(device)
	if err != nil {
		return err
	}
	disk, err := disks.Here().ByNumber(number, disks.Options{})
	if err != nil {
		return err
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, b.floe, "--progress", "json", "write", image, "--to", device, "--serial", disk.Serial, "--new-data")
	cmd.Stdout, cmd.Stderr = &out, &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	peak := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	p.whole, p.peak = time.Since(start), <-peak
	if err != nil {
		return fmt.Errorf("floe write: %w\n%s", err, &said)
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var e report.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		switch {
		case e.Kind != report.Done:
		case e.Stage == "write/verify":
			p.read += e.Elapsed
		case e.Stage == "write/blank" || e.Stage == "write/body" || e.Stage == "write/flush" || e.Stage == "write/finish":
			p.wrote += e.Elapsed
		}
	}
	if p.wrote == 0 || p.read == 0 || p.peak == 0 {
		return errors.New("floe write tells no times")
	}
	return nil
}

// watchMemory gives, once a process has ended, the most memory that it had, in
// bytes: VmHWM of proc_pid_status(5), looked at until there is none. What
// wait4 tells counts in the memory of the process that started it.
func watchMemory(pid int) <-chan int64 {
	result := make(chan int64, 1)
	go func() {
		var most int64
		for ; ; time.Sleep(20 * time.Millisecond) {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
			if err != nil || !ok { // ended, or about to be reaped
				result <- most
				return
			}
			var kib int64
			_, _ = fmt.Sscan(string(rest), &kib)
			most = max(most, kib<<10)
		}
	}()
	return result
}
