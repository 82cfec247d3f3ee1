package assemble

import (
	"context"
	"fmt"
	"strings"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/kernel"
)

// kernelSource is the Debian package with the kernel's source.
const kernelSource = "linux-source-6.12"

// Kernel gives the kernel for a: the files that kernel.Build leaves.
func (b *Builder) Kernel(ctx context.Context, a arch.Arch) (store.Entry, error) {
	return b.compiled(ctx, a, func(ctx context.Context, archive *debian.Archive, run sandbox.Runner, tools string) (store.Entry, error) {
		source, err := archive.Resolve(ctx, b.opt.Host, nil, debian.Shallow(kernelSource))
		if err != nil {
			return store.Entry{}, err
		}
		b.record("kernel", source)
		parts, err := kernel.KeyParts(a, b.prefix(a), assets.Date())
		if err != nil {
			return store.Entry{}, err
		}
		key := store.NewKey("kernel/"+string(a), "1").String("tools", tools).String("source", source.Digest())
		for _, p := range parts {
			key.String(p.Name, p.Value)
		}
		return b.stage(ctx, "kernel/"+string(a), "Build the kernel", key,
			func(ctx context.Context, dir string, stage *report.Stage) (string, error) {
				return b.buildKernel(ctx, a, run, source, dir, stage)
			})
	})
}

func (b *Builder) buildKernel(ctx context.Context, a arch.Arch, run sandbox.Runner, source debian.Selection, dir string, stage *report.Stage) (string, error) {
	paths, err := b.fetch(ctx, "fetch/kernel", "Download the kernel's source", source.Files())
	if err != nil {
		return "", err
	}
	if len(paths) != 1 {
		return "", fault.New(fault.Build, "find the kernel's source", kernelSource, fmt.Errorf("%d packages instead of one", len(paths)), "")
	}
	work, remove, err := scratch(dir)
	if err != nil {
		return "", err
	}
	stage.Jobs(b.opt.Jobs)
	err = kernel.Build(ctx, kernel.Options{
		Arch: a, Prefix: b.prefix(a), Source: paths[0], Runner: run, Work: work, Out: dir,
		Jobs: b.opt.Jobs, Time: assets.Date(), Report: stage, LogPath: b.log("kernel-" + string(a)),
	})
	if err != nil {
		return "", err
	}
	result, err := kernel.ReadResult(dir)
	if err != nil {
		return "", err
	}
	note := "Linux " + result.Version
	if len(result.Unfit) > 0 {
		note += ", without the patches " + strings.Join(result.Unfit, ", ") + ", which do not fit it"
	}
	return note, remove()
}
