package cli

import (
	"context"
	"os"
	"strings"

	"floe/assemble"
	"floe/internal/bootcode"
	"floe/internal/fault"
	"floe/qemu"
)

// withCodes boots an image with boot codes added to its own, this once. QEMU
// itself loads what the image's boot loader would have loaded, so that nothing
// is written; the image is plugged in all the same. The files that it reads
// can be removed, with forget, as soon as it runs.
func withCodes(ctx context.Context, image string, codes []string) (option qemu.Option, forget func(), err error) {
	if len(codes) == 0 {
		return qemu.All(), func() {}, nil
	}
	dir, err := os.MkdirTemp("", "floe-boot-*")
	if err != nil {
		return nil, nil, fault.New(fault.Missing, "boot", image, err, "")
	}
	forget = func() { os.RemoveAll(dir) }
	loaded, err := assemble.Load(ctx, image, dir)
	if err != nil {
		forget()
		return nil, nil, err
	}
	var line []string
	for _, arg := range append(loaded.Args, codes...) {
		line = append(line, bootcode.Quote(arg))
	}
	return qemu.Direct(loaded.Kernel, loaded.Initrds, strings.Join(line, " ")), forget, nil
}
