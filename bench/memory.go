package main

import (
	"context"
	"fmt"
	"os"

	"floe/steps"
)

// leftSizes are the machines whose memory the wizard's figures go along, and idleSize
// is that with which a runtime is measured, in MiB.
var leftSizes = []int{64, 128, 512, 2048}

const idleSize = 512

// memory measures what the figures of room steps are made of: how much memory the
// system leaves in machines of several sizes, and a runtime that has no container.
func (b *bench) memory(ctx context.Context) error {
	builder, s, err := open()
	if err != nil {
		return err
	}
	defer s.Close()
	for _, a := range b.archs {
		program, err := builder.ArchiveQEMU(ctx, a)
		if err != nil {
			return err
		}
		for _, kind := range []string{steps.NoRuntime, steps.Docker, steps.Podman} {
			sizes := leftSizes
			if kind != steps.NoRuntime {
				sizes = []int{idleSize}
			}
			c := bootCase{image: image{a, kind}, cpus: 2}
			if err := b.have(ctx, c.image); err != nil {
				return err
			}
			for _, c.memory = range sizes {
				var left []float64
				for range b.runs {
					try, cancel := context.WithTimeout(ctx, leastPatience)
					one, err := b.boot(try, program, c, idle)
					cancel()
					if ctx.Err() != nil {
						return ctx.Err()
					}
					if err != nil { // too small a machine: it has no figure
						fmt.Fprintln(os.Stderr, c.name()+err.Error())
						break
					}
					left = append(left, one.availableMB*1e6/(1<<20))
				}
				if left == nil {
					continue
				}
				b.add(c.name()+"left", "", "MiB", left...)
			}
		}
	}
	return nil
}
