package assemble

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/board"
	"floe/internal/debian"
	"floe/internal/fault"
	"floe/internal/grub"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/kernel"
)

// Paths in an image.
const (
	kernelPath   = "boot/vmlinuz"
	corePath     = "boot/core.img"     // the initrd that is the same for everyone
	personalPath = "boot/personal.img" // the initrd that is this image's own
)

// Label is the volume name of every image.
const Label = "FLOE"

// Spec says what image to make.
type Spec struct {
	Arch           arch.Arch
	Board          board.Board // "" is none: the image is an ISO
	Hostname       string
	AuthorizedKeys []string // lines of authorized_keys(5); those of the type Ed25519 may sign packages
	BootCodes      []string // words added to the kernel's command line
	Runtimes       []string // packages that are loaded at boot: "docker", "podman", both or none
	Output         string   // path of the image
}

// Part is a part of an image and what it costs there.
type Part struct {
	Name string
	Size int64 // bytes
}

// Image is an image that was made.
type Image struct {
	Path   string // absolute
	Size   int64  // bytes
	SHA256 string // lower-case hexadecimal
	Arch   arch.Arch
	Board  board.Board
	Parts  []Part
}

// parts are the finished pieces that an image is mastered from.
type parts struct {
	kernel, initrd, boot store.Entry
	packages             []Package // on the medium
}

// Image makes the image. Beside it come its SHA-256, in the form that
// sha256sum -c reads, and a lock file that names every package it was made
// from.
func (b *Builder) Image(ctx context.Context, spec Spec) (*Image, error) {
	out, err := filepath.Abs(spec.Output)
	if err != nil {
		return nil, fault.New(fault.Usage, "make the image", spec.Output, err, "")
	}
	if err := Ready(ctx, b.opt.Toolchain, spec.Arch, out); err != nil {
		return nil, err
	}
	if a := spec.Board.Arch(); spec.Board.Chosen() && a != spec.Arch {
		return nil, fault.New(fault.Usage, "make the image", spec.Output, fmt.Errorf("the %s has the architecture %s, not %s", spec.Board.Title(), a, spec.Arch), "")
	}
	p, err := b.parts(ctx, spec)
	if err != nil {
		return nil, err
	}
	stage := report.Start(b.opt.Report, "image", "Master the image")
	master := b.master
	if spec.Board.Chosen() {
		master = b.masterBoard
	}
	image, err := master(ctx, spec, p, out)
	if err == nil {
		err = b.beside(ctx, image)
	}
	if err != nil {
		return nil, stage.Fail(err)
	}
	stage.Done(fmt.Sprintf("%s, %d bytes", filepath.Base(out), image.Size))
	return image, nil
}

// Ready finds out early, before a quarter of an hour of work, that an image for
// target could not be made with toolchain, or not be written to out.
func Ready(ctx context.Context, toolchain string, target arch.Arch, out string) error {
	if err := writable(out); err != nil || toolchain != Host {
		return err
	}
	return sandbox.CheckHost(ctx, HostTools(arch.Host(), target))
}

func writable(out string) error {
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return fault.New(fault.Usage, "make the image", out, fmt.Errorf("it is there and is no file"),
			"Name a file with --output; a disk is written from the finished image.")
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".floe-*")
	if err != nil {
		if at, ok := errors.AsType[*fs.PathError](err); ok { // whose path is of no file that a person knows
			err = fmt.Errorf("no file can be made in %s: %w", filepath.Dir(out), at.Err)
		}
		return fault.New(fault.Usage, "make the image", out, err, "Name a file with --output in a folder that is there and can be written to.")
	}
	f.Close()
	return os.Remove(f.Name())
}

// parts builds, or takes from the store, what is not personal.
func (b *Builder) parts(ctx context.Context, spec Spec) (p parts, err error) {
	a := spec.Arch
	// Before the three that want it, so that what is wrong is said once.
	if _, err := b.Archive(ctx); err != nil {
		return p, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if p.kernel, err = b.Kernel(ctx, a); err == nil && spec.Board.Chosen() {
			p.boot, err = b.Board(ctx, spec.Board, p.kernel)
		}
		return err
	})
	group.Go(func() (err error) { p.initrd, err = b.Initrd(ctx, a); return err })
	if !spec.Board.Chosen() {
		group.Go(func() (err error) { p.boot, err = b.Boot(ctx, a); return err })
	}
	group.Go(func() (err error) { p.packages, err = b.Packages(ctx, a, mediumPackages(spec)...); return err })
	return p, group.Wait()
}

// master puts the image together.
func (b *Builder) master(ctx context.Context, spec Spec, p parts, out string) (*Image, error) {
	personal, err := personal(spec, PackageSums(p.packages))
	if err != nil {
		return nil, err
	}
	menu, err := grub.Menu(menuSpec(spec))
	if err != nil {
		return nil, err
	}
	id := imageID(spec, p, personal, menu)
	s := iso.Spec{
		Label: Label, ID: id, Time: assets.Date(),
		Files: []iso.File{
			{Path: kernelPath, Mode: 0o444, Source: filepath.Join(p.kernel.Path, kernel.ImageName)},
			{Path: corePath, Mode: 0o444, Source: filepath.Join(p.initrd.Path, initrdFile)},
			{Path: personalPath, Mode: 0o444, Content: personal},
			{Path: grub.Marker(id), Mode: 0o444, Content: []byte(Label + "\n")},
		},
	}
	for _, f := range menu {
		s.Files = append(s.Files, iso.File{Path: f.Path, Mode: 0o444, Content: f.Data})
	}
	if err := addBoot(&s, spec.Arch, p.boot.Path); err != nil {
		return nil, err
	}
	s.Files = append(s.Files, packageFiles(p.packages, spec.Runtimes)...)
	if _, err := iso.Master(ctx, s, out); err != nil {
		return nil, err
	}
	list, err := partSizes(s.Files, int64(len(s.ESP)))
	return &Image{Path: out, Arch: spec.Arch, Parts: list}, err
}

// partSizes says what the parts of an image take; loader is what of the boot
// loader is not among the files.
func partSizes(files []iso.File, loader int64) ([]Part, error) {
	named := map[string]string{
		kernelPath: "kernel", corePath: "initrd", personalPath: "keys and name",
		boardKernel: "kernel", boardCore: "initrd", boardPersonal: "keys and name",
	}
	var list []Part
	var packages int64
	for _, f := range files {
		size := int64(len(f.Content))
		if f.Source != "" {
			info, err := os.Stat(f.Source)
			if err != nil {
				return nil, err
			}
			size = info.Size()
		}
		if name, ok := named[f.Path]; ok {
			list = append(list, Part{name, size})
		} else if strings.HasPrefix(f.Path, packagesDir+"/") {
			packages += size
		} else {
			loader += size
		}
	}
	if packages > 0 {
		list = append(list, Part{"packages", packages})
	}
	return append(list, Part{"boot loader", loader}), nil
}

// imageID derives the image's identity from all that is in it.
func imageID(spec Spec, p parts, personal []byte, menu []grub.File) (id [16]byte) {
	var packages []string
	for _, p := range p.packages {
		packages = append(packages, p.Key)
	}
	key := store.NewKey("image", assets.Version).String("arch", string(spec.Arch)).
		String("kernel", p.kernel.Key).String("initrd", p.initrd.Key).String("boot", p.boot.Key).
		Bytes("personal", personal).Strings("codes", spec.BootCodes).
		Strings("packages", packages).Strings("runtimes", spec.Runtimes)
	for _, f := range menu {
		key.Bytes(f.Path, f.Data)
	}
	sum, _ := hex.DecodeString(key.Hex())
	copy(id[:], sum)
	return id
}

// beside writes the image's checksum and lock file, and fills in its size.
func (b *Builder) beside(ctx context.Context, image *Image) error {
	f, err := os.Open(image.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if image.Size, err = io.Copy(sum, f); err != nil {
		return fault.New(fault.Build, "read back", image.Path, err, "")
	}
	image.SHA256 = hex.EncodeToString(sum.Sum(nil))
	line := fmt.Sprintf("%s  %s\n", image.SHA256, filepath.Base(image.Path))
	if err := renameio.WriteFile(image.Path+".sha256", []byte(line), 0o644); err != nil {
		return fault.New(fault.Missing, "write", image.Path+".sha256", err, "")
	}
	lock, err := b.lock(ctx)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(lock, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(image.Path+".lock.json", append(text, '\n'), 0o644); err != nil {
		return fault.New(fault.Missing, "write", image.Path+".lock.json", err, "")
	}
	return nil
}

// lock tells what was used.
func (b *Builder) lock(ctx context.Context) (debian.Lock, error) {
	archive, err := b.Archive(ctx)
	if err != nil {
		return debian.Lock{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var selections []debian.Selection
	for _, s := range b.used {
		selections = append(selections, s)
	}
	return archive.Lock(selections, b.sources), nil
}
