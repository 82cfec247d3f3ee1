package assemble

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"floe/assets"
	"floe/internal/board"
	"floe/internal/bootcode"
	"floe/internal/debian"
	"floe/internal/debian/deb"
	"floe/internal/fat"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/sdcard"
	"floe/internal/store"
	"floe/kernel"
)

// Files of a board's boot partition, all in its root but for packages.
const (
	boardKernel   = "kernel8.img" // as the Raspberry Pi's firmware calls one of 64 bits
	boardCore     = "core.img"
	boardPersonal = "personal.img"
	boardConfig   = "config.txt"
)

// firmwarePackage is the Debian package with a Raspberry Pi's firmware, and
// firmwareFiles are those of its files that one needs, by their new names. The
// others are for cameras, for debugging, and for boards of 32 bits.
const firmwarePackage = "raspi-firmware"

var firmwareFiles = map[string]string{
	"usr/lib/raspi-firmware/bootcode.bin":    "bootcode.bin", // Pi 3
	"usr/lib/raspi-firmware/start.elf":       "start.elf",
	"usr/lib/raspi-firmware/fixup.dat":       "fixup.dat",
	"usr/lib/raspi-firmware/start4.elf":      "start4.elf", // Pi 4; a Pi 5 has all in itself
	"usr/lib/raspi-firmware/fixup4.dat":      "fixup4.dat",
	"usr/share/doc/raspi-firmware/copyright": "firmware-licence.txt",
}

// boardVersion is the version of the code that gathers a board's files.
const boardVersion = "1"

// Board gives what boots a board, the same for everyone: firmware, the kernel k and
// its device trees, as they lie on the boot partition.
func (b *Builder) Board(ctx context.Context, on board.Board, k store.Entry) (entry store.Entry, err error) {
	archive, err := b.firmware(ctx)
	if err != nil {
		return entry, err
	}
	err = archive.Retry(ctx, func(ctx context.Context) error {
		selection, err := archive.Resolve(ctx, on.Arch(), nil, debian.Shallow(firmwarePackage))
		if err != nil {
			return err
		}
		b.record("board", selection)
		key := store.NewKey("board/"+on.String(), boardVersion).String("kernel", k.Key).String("firmware", selection.Digest())
		entry, err = b.stage(ctx, "board/"+on.String(), "Gather what the "+on.Title()+" starts", key,
			func(ctx context.Context, dir string, stage *report.Stage) (string, error) {
				paths, err := archive.Fetch(ctx, selection.Files(), stage)
				if err != nil {
					return "", err
				}
				return "firmware and kernel", makeBoard(ctx, paths[0], k.Path, dir)
			})
		return err
	})
	return entry, err
}

func makeBoard(ctx context.Context, firmware, built, dir string) error {
	if err := unpackFirmware(ctx, firmware, dir); err != nil {
		return fault.New(fault.Build, "unpack", firmwarePackage, err, "")
	}
	image, err := os.ReadFile(filepath.Join(built, kernel.ImageName))
	if err != nil {
		return err
	}
	if image, err = plainKernel(image); err != nil {
		return fault.New(fault.Build, "take apart", kernel.ImageName, err, "")
	}
	var packed bytes.Buffer // the one compression that the firmware knows
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(image); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, boardKernel), packed.Bytes()); err != nil {
		return err
	}
	return os.CopyFS(dir, os.DirFS(filepath.Join(built, kernel.TreesName)))
}

// unpackFirmware takes the files that are needed out of the package.
func unpackFirmware(ctx context.Context, file, dir string) error {
	r, err := deb.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	found := 0
	for {
		h, err := r.Next()
		if err == io.EOF && found == len(firmwareFiles) {
			return nil
		}
		if err == io.EOF {
			err = fmt.Errorf("%d files of %d are in it", found, len(firmwareFiles))
		}
		if err != nil {
			return err
		}
		name, wanted := firmwareFiles[path.Clean(h.Name)]
		if !wanted {
			continue
		}
		content, err := io.ReadAll(deb.WithContext(ctx, r))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
		found++
	}
}

// masterBoard puts a board's image together.
func (b *Builder) masterBoard(ctx context.Context, spec Spec, p parts, out string) (*Image, error) {
	personal, err := personal(spec, PackageSums(p.packages))
	if err != nil {
		return nil, err
	}
	core, err := os.ReadFile(filepath.Join(p.initrd.Path, initrdFile))
	if err != nil {
		return nil, err
	}
	files := []iso.File{
		// The firmware puts one behind the other; the kernel wants the second,
		// which is not compressed, at a multiple of four.
		{Path: boardCore, Content: append(core, make([]byte, -len(core)&3)...)},
		{Path: boardPersonal, Content: personal},
		{Path: boardConfig, Content: []byte(boardSettings)},
	}
	for name, console := range boardConsoles {
		files = append(files, iso.File{Path: name, Content: []byte(boardLine(spec, console) + "\n")})
	}
	entries, err := os.ReadDir(p.boot.Path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		files = append(files, iso.File{Path: e.Name(), Source: filepath.Join(p.boot.Path, e.Name())})
	}
	files = append(files, packageFiles(p.packages, spec.Runtimes)...)
	card := sdcard.Spec{Label: board.Volume, ID: imageID(spec, p, personal, nil), Time: assets.Date()}
	for _, f := range files {
		card.Files = append(card.Files, fat.File{Path: f.Path, Source: f.Source, Content: f.Content})
	}
	if err := sdcard.Write(ctx, card, out); err != nil {
		return nil, err
	}
	list, err := partSizes(files, 0)
	return &Image{Path: out, Arch: spec.Arch, Board: spec.Board, Parts: list}, err
}

// boardConsoles are the serial consoles of a Raspberry Pi, by the file with the
// kernel's command line.
var boardConsoles = map[string]string{
	"cmdline.txt":  "ttyS1",    // Pi 3 and 4: pins 8 and 10; its better port is Bluetooth's
	"cmdline5.txt": "ttyAMA10", // Pi 5: the connector between the two of HDMI
}

// boardLine is the kernel's command line.
func boardLine(spec Spec, console string) string {
	menu := menuSpec(spec)
	menu.Serial = []string{console}
	line := slices.Clone(menu.Line())
	for i, word := range line {
		line[i] = bootcode.Quote(word)
	}
	return strings.Join(line, " ")
}

// boardSettings is what the firmware reads. Names of device trees are those of
// Linux itself with upstream_kernel, of which it knows one for each model.
const boardSettings = `# What the firmware of a Raspberry Pi 3, 4 or 5 starts. Boot codes are in
# cmdline.txt, those of a Pi 5 in cmdline5.txt; each is one line.
arm_64bit=1
upstream_kernel=1
kernel=` + boardKernel + `
initramfs ` + boardCore + `,` + boardPersonal + ` followkernel
enable_uart=1
disable_splash=1

[pi5]
os_check=0
cmdline=cmdline5.txt

[all]
`
