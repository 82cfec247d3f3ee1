package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"floe/internal/arch"
	"floe/steps"
)

// leastCase is a kind of image whose least memory is looked for: from an amount
// that is enough, downwards in steps, in MiB, to one with which nothing works.
type leastCase struct {
	kind                  string
	enough, step, nothing int
	promise               string
}

var leastCases = []leastCase{
	{steps.NoRuntime, 64, 8, 40, "64"},
	{steps.Docker, 256, 32, 64, "256"},
	{steps.Podman, 192, 32, 64, "192"},
	{steps.Docker + "," + steps.Podman, 384, 32, 64, ""},
}

// leastPatience is how long a machine with little memory may take to where its
// first container has ended.
const leastPatience = 2 * time.Minute

// least finds with how little memory images boot, and run a container.
func (b *bench) least(ctx context.Context) error {
	builder, s, err := open()
	if err != nil {
		return err
	}
	defer s.Close()
	program, err := builder.ArchiveQEMU(ctx, arch.AMD64)
	if err != nil {
		return err
	}
	for _, l := range leastCases {
		base := image{arch.AMD64, l.kind}
		if !b.wanted(base) {
			continue
		}
		if err := b.have(ctx, base); err != nil {
			return err
		}
		runs, answers := 0, 0
		for memory := l.enough; memory > l.nothing; memory -= l.step {
			try, cancel := context.WithTimeout(ctx, leastPatience)
			one, err := b.boot(try, program, bootCase{image: base, memory: memory, cpus: 2}, contain)
			cancel()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			fmt.Fprintf(os.Stderr, "%s, -m %d: from power-on to ssh %.1f s, to API %.1f s, container %.1f s, %s (%v)\n", base, memory,
				one.power.Seconds(), one.api.Seconds(), one.container, one.starved, err)
			if err == nil {
				runs = memory
			}
			if one.api > 0 {
				answers = memory
			}
			if err != nil && one.api == 0 {
				break
			}
		}
		b.add(base.String()+": least memory with which a container runs", l.promise, "MiB", float64(runs))
		b.add(base.String()+": least memory with which it answers", "", "MiB", float64(answers))
	}
	return nil
}
