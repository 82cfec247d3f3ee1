package assemble

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/initramfs"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/internal/userland"
)

// initrdFile is the file of an initrd's entry in the store.
const initrdFile = "core.img"

// initrdVersion is the version of the code that makes the initrd.
const initrdVersion = "1"

// coreCompression is what the core initrd is compressed with. Of its 1.29 MB
// xz leaves 559 kB and zstd 585 kB, but unpacking takes the booting processor
// 210 million instructions with the one and 58 million with the other.
const coreCompression = initramfs.Zstd

// Initrd gives the core initrd for a: the same for everyone.
func (b *Builder) Initrd(ctx context.Context, a arch.Arch) (store.Entry, error) {
	programs, err := b.Userland(ctx, a)
	if err != nil {
		return store.Entry{}, err
	}
	run, tools, err := b.mastering(ctx, a)
	if err != nil {
		return store.Entry{}, err
	}
	key := store.NewKey("initrd/"+string(a), initrdVersion).
		String("userland", programs.Key).String("tools", tools).String("compression", string(coreCompression)).
		String("rootfs", assets.RootfsDigest()).String("release", osRelease()).String("time", assets.Date().String())
	return b.stage(ctx, "initrd/"+string(a), "Make the initrd", key,
		func(ctx context.Context, dir string, _ *report.Stage) (string, error) {
			size, err := packInitrd(ctx, run, programs.Path, dir)
			return humanize.Comma(int64(size)) + " bytes", err
		})
}

// packInitrd writes the compressed archive into dir and gives its size.
func packInitrd(ctx context.Context, run sandbox.Runner, programs, dir string) (int, error) {
	archive, err := coreArchive(programs)
	if err != nil {
		return 0, err
	}
	data, err := archive.Bytes()
	if err != nil {
		return 0, fault.New(fault.Build, "make the initrd", "", err, "")
	}
	work, remove, err := scratch(dir)
	if err != nil {
		return 0, err
	}
	packed, err := initramfs.Compress(ctx, run, work, coreCompression, data)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(dir, initrdFile), packed, 0o644); err != nil {
		return 0, err
	}
	return len(packed), remove()
}

// coreArchive lays out the booted system's root: floe's own files and the
// programs. What the system cannot do without comes first, and the sentinel
// by which it knows that all arrived comes last.
func coreArchive(programs string) (*initramfs.Archive, error) {
	a := initramfs.New(assets.Date())
	for _, e := range assets.Rootfs() {
		switch {
		case e.Dir:
			a.Dir(e.Path, e.Mode, e.UID, e.GID)
		case e.Target != "":
			a.Symlink(e.Path, e.Target)
		default:
			a.File(e.Path, e.Mode, e.UID, e.GID, e.Data)
		}
	}
	a.Essential(assets.RootEssential()...)
	list, err := userland.Image(programs)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Target != "" {
			a.Symlink(e.Path, e.Target)
			continue
		}
		a.File(e.Path, e.Mode, assets.Root, assets.Root, e.Data)
		a.Essential(e.Path)
	}
	a.File("etc/os-release", 0o644, assets.Root, assets.Root, []byte(osRelease()))
	a.File(assets.Sentinel, 0o644, assets.Root, assets.Root, nil)
	a.Last(assets.Sentinel)
	return a, nil
}

// osRelease is /etc/os-release, see os-release(5).
func osRelease() string {
	return fmt.Sprintf("NAME=Floe\nID=floe\nVERSION_ID=%s\nPRETTY_NAME=\"Floe %s\"\n", assets.Version, assets.Version)
}

// personal makes the overlay with what is this image's own. It is not
// compressed: a new key must cost no more than a new image.
func personal(spec Spec, sums []byte) ([]byte, error) {
	a := initramfs.New(assets.Date())
	for _, e := range assets.Rootfs() {
		if e.Dir && (e.Path == "etc" || e.Path == "etc/floe") {
			a.Dir(e.Path, e.Mode, e.UID, e.GID) // as below: the kernel sets them anew
		}
	}
	a.File("etc/hostname", 0o644, assets.Root, assets.Root, []byte(spec.Hostname+"\n"))
	if motd := assets.Motd(spec.Runtimes); motd != nil {
		a.File("etc/motd", 0o644, assets.Root, assets.Root, motd)
	}
	if len(spec.AuthorizedKeys) > 0 {
		keys := strings.Join(spec.AuthorizedKeys, "\n") + "\n"
		a.File("etc/floe/authorized_keys", 0o644, assets.Root, assets.Root, []byte(keys))
	}
	if len(sums) > 0 {
		a.File("etc/floe/packages.sha256", 0o644, assets.Root, assets.Root, sums)
	}
	if keys := packageKeys(spec.AuthorizedKeys); len(keys) > 0 {
		a.File("etc/floe/packages.keys", 0o644, assets.Root, assets.Root, keys)
	}
	data, err := a.Bytes()
	if err != nil {
		return nil, fault.New(fault.Build, "make the personal initrd", "", err, "")
	}
	return data, nil
}
