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
	"slices"
	"syscall"
	"time"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/iso"
	"floe/internal/report"
)

// stickImage is how large the image is that is written, in bytes: enough for a
// rate, and many times the memory that floe may take for it.
const stickImage = 384 << 20

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
	file, err := os.Create(filepath.Join(b.dir, "stick.img"))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := syscall.Fallocate(int(file.Fd()), 0, 0, stickImage+(128<<20)); err != nil {
		return err
	}
	device, detach, err := disktest.Attach(file)
	if err != nil {
		return err
	}
	defer detach()
	var write, all, memory []float64
	for i := range b.runs {
		p, err := b.pair(ctx, image, device.Name(), i%2 == 1)
		if err != nil {
			return err
		}
		write = append(write, 100*p.in.Seconds()/p.wrote.Seconds())
		all = append(all, 100*(p.wrote+p.read).Seconds()/(p.in+p.out).Seconds())
		memory = append(memory, float64(p.peak)/1e6)
	}
	b.add("stick: speed of writing, of dd's", "at least 95 %", "%", write...)
	b.add("stick: time to write and compare, of dd's to write and read", "at most 110 %", "%", all...)
	b.add("stick: memory at most", "64 MB", "MB", memory...)
	return nil
}

// pair is dd and 'floe write' on the same device, one right after the other, so
// that both meet the same machine.
type pair struct {
	in, out     time.Duration // of dd
	wrote, read time.Duration // of floe
	peak        int64         // bytes
}

// pair takes the times. Which of the two comes first changes from pair to pair:
// the second finds what the first left in the host's caches.
func (b *bench) pair(ctx context.Context, image, device string, floeFirst bool) (p pair, err error) {
	steps := []func() error{
		func() (err error) { p.in, p.out, err = ddTimes(ctx, image, device); return },
		func() (err error) { p.wrote, p.read, p.peak, err = b.writeTimes(ctx, image, device); return },
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

// writeTimes has floe do it, and gives how long writing and reading back took
// by its own events, and the most memory that it had, in bytes.
func (b *bench) writeTimes(ctx context.Context, image, device string) (wrote, read time.Duration, memory int64, err error) {
	number, err := disks.Resolve(device)
	if err != nil {
		return 0, 0, 0, err
	}
	disk, err := disks.Here().ByNumber(number, disks.Options{})
	if err != nil {
		return 0, 0, 0, err
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, b.floe, "--progress", "json", "write", image, "--to", device, "--serial", disk.Serial, "--new-data")
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		return 0, 0, 0, err
	}
	peak := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	memory = <-peak
	if err != nil {
		return 0, 0, 0, fmt.Errorf("floe write: %w\n%s", err, &said)
	}
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var e report.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, 0, 0, err
		}
		switch {
		case e.Kind != report.Done:
		case e.Stage == "write/verify":
			read += e.Elapsed
		case e.Stage == "write/blank" || e.Stage == "write/body" || e.Stage == "write/flush" || e.Stage == "write/finish":
			wrote += e.Elapsed
		}
	}
	if wrote == 0 || read == 0 || memory == 0 {
		return 0, 0, 0, errors.New("floe write tells no times")
	}
	return wrote, read, memory, nil
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
