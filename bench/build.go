package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/sshclient"
	"floe/internal/store"
	"floe/steps"
)

// cost is what a process and its children took.
type cost struct{ wall, cpu time.Duration }

// compile makes the program that is measured.
func (b *bench) compile(ctx context.Context) error {
	b.floe = filepath.Join(b.dir, "floe")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", b.floe, ".")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// build runs floe build and gives how long it took.
func (b *bench) build(ctx context.Context, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, b.floe, append([]string{"build", "--progress", "plain"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("floe build: %w\n%s", err, said.String())
	}
	return time.Since(start), nil
}

// cold builds in an empty store that has only the downloads, so that the
// network is not measured: first what the kernel does not need, then the kernel,
// then the image. It must have the bytes that the person's store gives.
func (b *bench) cold(ctx context.Context) error {
	for _, a := range b.archs {
		if err := b.coldOf(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

func (b *bench) coldOf(ctx context.Context, a arch.Arch) error {
	known, err := store.DefaultDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "cold-"+a.String())
	_, key, err := sshclient.Identity(filepath.Join(dir, "key"))
	if err != nil {
		return err
	}
	spec := assemble.Spec{Arch: a, Hostname: "floe", AuthorizedKeys: []string{key}, Output: filepath.Join(dir, "warm.iso")}
	warm, err := imageOf(ctx, known, spec) // downloads what is missing
	if err != nil {
		return err
	}
	fresh := filepath.Join(dir, "store")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(known, "downloads"), filepath.Join(fresh, "downloads")); err != nil {
		return err
	}
	s, err := store.Open(fresh)
	if err != nil {
		return err
	}
	defer s.Close()
	builder := assemble.New(assemble.Options{Store: s})
	rest, err := measure(func() error {
		if _, err := builder.Initrd(ctx, a); err != nil {
			return err
		}
		_, err := builder.Boot(ctx, a)
		return err
	})
	if err != nil {
		return err
	}
	kernel, err := measure(func() error { _, err := builder.Kernel(ctx, a); return err })
	if err != nil {
		return err
	}
	spec.Output = filepath.Join(dir, "cold.iso")
	var image *assemble.Image
	mastering, err := measure(func() (err error) { image, err = builder.Image(ctx, spec); return err })
	if err != nil {
		return err
	}
	name := a.String() + ": cold build, "
	b.add(name+"all but the kernel", "at most 90 s", "s", (rest.wall + mastering.wall).Seconds())
	b.add(name+"the kernel, processor", "at most 1200 s", "s", kernel.cpu.Seconds())
	b.add(name+"the kernel", "", "s", kernel.wall.Seconds())
	if image.SHA256 != warm.SHA256 {
		return fmt.Errorf("the same plan gave %s, and from an empty store %s", warm.SHA256, image.SHA256)
	}
	b.notes = append(b.notes, a.String()+": the image from the empty store, its kernel included, has the bytes of the other.")
	return nil
}

// imageOf builds an image in a store.
func imageOf(ctx context.Context, dir string, spec assemble.Spec) (*assemble.Image, error) {
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return assemble.New(assemble.Options{Store: s}).Image(ctx, spec)
}

// measure says what a function took, this process and its children.
func measure(f func() error) (cost, error) {
	start, before := time.Now(), processor()
	err := f()
	return cost{time.Since(start), processor() - before}, err
}

// processor is the time that this process and its ended children have had.
func processor() (d time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			d += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return d
}

// again builds the same plan, and the same with another key.
func (b *bench) again(ctx context.Context) error {
	image := filepath.Join(b.dir, "again.iso")
	if _, err := b.build(ctx, "-o", image); err != nil {
		return err
	}
	var same, other []float64
	for i := range b.runs {
		took, err := b.build(ctx, "-o", image)
		if err != nil {
			return err
		}
		same = append(same, took.Seconds())
		_, key, err := sshclient.Identity(filepath.Join(b.dir, "key"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		if took, err = b.build(ctx, "-o", filepath.Join(b.dir, "other.iso"), "--ssh-key", key); err != nil {
			return err
		}
		other = append(other, took.Seconds())
	}
	b.add("same plan again", "under 1 s", "s", same...)
	b.add("another ssh key", "under 2 s", "s", other...)
	return nil
}

// image is one of the images that are measured.
type image struct {
	arch arch.Arch
	kind string // of runtime, as --runtime takes it
}

func (i image) String() string { return string(i.arch) + " " + i.kind }

// path is where the image is kept while the measurements run.
func (b *bench) path(i image) string {
	return filepath.Join(b.dir, string(i.arch)+"-"+strings.ReplaceAll(i.kind, ",", "-")+".iso")
}

// have builds an image unless that was done before.
func (b *bench) have(ctx context.Context, i image) error {
	if _, err := os.Stat(b.path(i)); err == nil {
		return nil
	}
	_, err := b.build(ctx, "--arch", string(i.arch), "--runtime", i.kind, "-o", b.path(i))
	return err
}

// wanted tells whether an image was asked for.
func (b *bench) wanted(i image) bool { return slices.Contains(b.archs, i.arch) }

// images are measured, with what is promised of their sizes.
var images = []struct {
	image
	promise string
}{
	{image{arch.AMD64, steps.NoRuntime}, "at most 10000000 bytes"},
	{image{arch.AMD64, steps.Docker}, "at most 70000000 bytes"},
	{image{arch.AMD64, steps.Podman}, "at most 48000000 bytes"},
	{image{arch.AMD64, steps.Docker + "," + steps.Podman}, "at most 105000000 bytes"},
	{image{arch.ARM64, steps.NoRuntime}, "at most 9000000 bytes"},
	{image{arch.ARM64, steps.Docker}, "no larger than amd64's"},
	{image{arch.ARM64, steps.Podman}, "no larger than amd64's"},
}

// sizes makes the images.
func (b *bench) sizes(ctx context.Context) error {
	for _, i := range images {
		if !b.wanted(i.image) {
			continue
		}
		if _, err := b.build(ctx, "--arch", string(i.arch), "--runtime", i.kind, "-o", b.path(i.image)); err != nil {
			return err
		}
		info, err := os.Stat(b.path(i.image))
		if err != nil {
			return err
		}
		b.add(i.String()+": ISO", i.promise, "bytes", float64(info.Size()))
	}
	return nil
}
