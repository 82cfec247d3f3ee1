// Command bench measures what Floe promises and prints each figure beside its
// promise: sizes, memory, times of builds and boots. It is no test: it judges
// nothing and takes minutes.
//
//	go run ./bench            sizes, repeated builds, boots
//	go run ./bench -cold      a build from an empty store as well: ten minutes more
//	go run ./bench -runs 9    more runs of each boot
//	go run ./bench -arch amd64,arm64
//	go run ./bench -sticks    only the writing of sticks; as root, on loop devices
//	go run ./bench -sticks -pairs 60    the same on a machine that has other work
//	go run ./bench -roots     only the memory that each kind of root takes
//	go run ./bench -least     only the least memory of each runtime
//	go run ./bench -memory    only the memory that system and runtimes leave, as the wizard shows it
//
// Figures are medians over the runs, with the least and the greatest, and of
// many runs with the range in which the median is by 95 %. What is measured against
// another program is measured in pairs, of each of which the ratio is taken, so that
// other work on the machine meets both. Processor times are user and system time of
// the whole process with its children.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"

	"floe/internal/arch"
	"floe/internal/fault"
)

func main() {
	cold := flag.Bool("cold", false, "measure a build from an empty store as well")
	runs := flag.Int("runs", 5, "runs of each boot and each repeated build")
	pairs := flag.Int("pairs", 20, "pairs of dd and floe, of sticks")
	archs := flag.String("arch", string(arch.AMD64), "architectures, with commas between them")
	sticks := flag.Bool("sticks", false, "measure only how sticks are written")
	roots := flag.Bool("roots", false, "measure only the memory that each kind of root takes")
	least := flag.Bool("least", false, "measure only with how little memory each runtime does")
	memory := flag.Bool("memory", false, "measure only how much memory system and runtimes leave")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *archs, which{*cold, *sticks, *roots, *least, *memory}, *runs, *pairs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if hint := fault.Hint(err); hint != "" {
			fmt.Fprintln(os.Stderr, hint)
		}
		os.Exit(1)
	}
}

// which of the measurements are wanted besides the usual, or alone.
type which struct{ cold, sticks, roots, least, memory bool }

func run(ctx context.Context, archs string, w which, runs, pairs int) error {
	dir, err := os.MkdirTemp("", "floe-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, runs: runs, pairs: pairs}
	for name := range strings.SplitSeq(archs, ",") {
		a, err := arch.Parse(name)
		if err != nil {
			return err
		}
		b.archs = append(b.archs, a)
	}
	steps := []func(context.Context) error{b.compile, b.again, b.sizes, b.boots, b.roots, b.least, b.sticks}
	switch {
	case w.roots:
		steps = []func(context.Context) error{b.compile, b.roots}
	case w.memory:
		steps = []func(context.Context) error{b.compile, b.memory}
	case w.least:
		steps = []func(context.Context) error{b.compile, b.least}
	case w.sticks:
		steps = []func(context.Context) error{b.compile, b.sticks}
	case w.cold:
		steps = slices.Insert(steps, 1, b.cold)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tmeasured\tpromised")
	for _, f := range b.figures {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.name, f, f.promise)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, note := range b.notes {
		fmt.Println(note)
	}
	return nil
}

// bench collects figures.
type bench struct {
	dir, floe string
	archs     []arch.Arch
	runs      int // of each boot and each repeated build
	pairs     int // of dd and floe
	figures   []figure
	notes     []string // what was measured on
}

func (b *bench) add(name, promise, unit string, values ...float64) {
	b.figures = append(b.figures, figure{name, promise, values, unit})
	fmt.Fprintf(os.Stderr, "%s: %s\n", name, b.figures[len(b.figures)-1])
}
