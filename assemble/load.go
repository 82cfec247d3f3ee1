package assemble

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/grub"
	"floe/internal/tcz"
)

// Loaded is what the boot loader of an image would load for its usual entry.
type Loaded struct {
	Kernel  string   // path of a copy; of one that unpacks itself under UEFI, what is in it
	Initrds []string // paths of copies, in their order
	Args    []string // words of the kernel's command line
}

// Load reads from a finished image what its boot loader would load, and writes
// it into a folder. What is no image of floe's is a fault.Usage.
func Load(ctx context.Context, image, dir string) (Loaded, error) {
	l, err := load(ctx, image, dir)
	if err != nil {
		return Loaded{}, fault.New(fault.Usage, "read the kernel and the boot menu of", image, err, "Is it an image that floe has built?")
	}
	return l, nil
}

// open opens an image's file system until done is called.
func open(image string) (fs *iso9660.FileSystem, done func(), err error) {
	f, err := os.Open(image)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = isISO(f)
	}
	if err == nil {
		fs, err = iso9660.Read(file.New(f, true), info.Size(), 0, 0)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return fs, func() { f.Close() }, nil
}

// isISO tells by the mark of ISO 9660, at the head of the descriptor in sector 16.
func isISO(r io.ReaderAt) error {
	const mark = "CD001"
	var got [len(mark)]byte
	_, err := r.ReadAt(got[:], 16*2048+1)
	if errors.Is(err, io.EOF) || err == nil && string(got[:]) != mark {
		return errors.New("it is no ISO")
	}
	return err
}

// RuntimesOf gives the container runtimes that an image loads by itself. What is
// no image of floe's has none.
func RuntimesOf(image string) []string {
	fs, done, err := open(image)
	if err != nil {
		return nil
	}
	defer done()
	text, err := fs.ReadFile(onbootList)
	if err != nil {
		return nil
	}
	onboot := strings.Fields(string(text))
	return slices.DeleteFunc(Runtimes(), func(name string) bool { return !slices.Contains(onboot, name+tcz.Ext) })
}

// ArchOf gives the architecture that an image boots on, by the modules of its boot
// loader. What is no image of floe's has none.
func ArchOf(image string) arch.Arch {
	fs, done, err := open(image)
	if err != nil {
		return ""
	}
	defer done()
	for _, a := range arch.All() {
		if modules, err := fs.ReadDir("boot/grub/" + a.GRUB()); err == nil && len(modules) > 0 {
			return a
		}
	}
	return ""
}

// ArgsOf gives the words of the kernel's command line with which an image boots by
// itself. What is no image of floe's has none.
func ArgsOf(image string) []string {
	fs, done, err := open(image)
	if err != nil {
		return nil
	}
	defer done()
	menu, err := fs.ReadFile(grub.MenuFile)
	if err != nil {
		return nil
	}
	args, _ := grub.ReadLine(menu)
	return args
}

func load(ctx context.Context, image, dir string) (l Loaded, err error) {
	fs, done, err := open(image)
	if err != nil {
		return l, err
	}
	defer done()
	read := func(name string) (string, error) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		from, err := fs.OpenFile("/"+name, os.O_RDONLY)
		if err != nil {
			return "", err
		}
		defer from.Close()
		path := filepath.Join(dir, filepath.Base(name))
		to, err := os.Create(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(to, from)
		return path, errors.Join(err, to.Close())
	}
	if l.Kernel, err = read(kernelPath); err != nil {
		return l, err
	}
	if err = makePlain(l.Kernel); err != nil {
		return l, err
	}
	for _, name := range []string{corePath, personalPath} {
		path, err := read(name)
		if err != nil {
			return l, err
		}
		l.Initrds = append(l.Initrds, path)
	}
	menu, err := fs.ReadFile(grub.MenuFile)
	if err != nil {
		return l, err
	}
	l.Args, err = grub.ReadLine(menu)
	return l, err
}

// makePlain puts what a kernel holds that unpacks itself under UEFI in its place:
// QEMU 8.2 unpacks such a one itself only if it is compressed with gzip.
func makePlain(path string) error {
	image, err := os.ReadFile(path)
	if err != nil || !unpacksItself(image) {
		return err
	}
	if image, err = plainKernel(image); err != nil {
		return err
	}
	return os.WriteFile(path, image, 0o600)
}
