package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/store"
	"floe/ui"
)

// keptDays is for how long what was used stays in the store.
const keptDays = 7

func pruneCommand(out *terminal) *cobra.Command {
	var all, dry bool
	var days int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Free the disk of what recent builds did not use",
		Long: "Floe keeps what it has downloaded, and every finished stage of a build, so that the next build takes a\n" +
			"second. What a newer one took the place of stays there too, until this removes it. Of each kind of stage\n" +
			"the one that was used last stays, so that the same build takes a second again, and so does whatever was\n" +
			"used in the last days.\n\n" +
			"What another floe uses at this moment stays as well. Images, machines and their disks are kept elsewhere,\n" +
			"and nothing of theirs is touched.",
		Example: "  floe prune --dry-run   # what would go, and how much room that makes\n  floe prune\n" +
			"  floe prune --days 0    # only the last of each kind stays\n" +
			"  floe prune --all       # nothing stays: the next build is a first one",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 0 {
				return fault.New(fault.Usage, "prune", fmt.Sprint(days), errors.New("days are 0 or more"), "--days takes a number of days.")
			}
			keep := store.Keep{PerStage: 1, UsedAfter: time.Now().AddDate(0, 0, -days)}
			if all {
				keep = store.Keep{}
			}
			return out.prune(cmd.Context(), keep, dry)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&all, "all", false, "remove everything that nobody uses at this moment")
	flags.IntVar(&days, "days", keptDays, "keep what was used in the last `N` days")
	flags.BoolVarP(&dry, "dry-run", "n", false, "remove nothing, only tell what would be")
	cmd.MarkFlagsMutuallyExclusive("all", "days")
	return cmd
}

// prune removes what keep does not keep, or only tells of it.
func (t *terminal) prune(ctx context.Context, keep store.Keep, dry bool) error {
	sink, done := t.progress(ctx)
	defer done()
	s, err := t.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	stage := report.Start(sink, "prune", "Prune the store "+s.Dir())
	pruned, err := s.Stale(ctx, keep)
	if err == nil && !dry {
		var gone int64
		total := pruned.Bytes
		pruned, err = s.Prune(ctx, keep, func(what string, bytes int64) {
			gone += bytes
			stage.Log(what + ", " + size(bytes))
			stage.Progress(gone, max(gone, total), report.Bytes)
		})
	}
	if err != nil {
		return stage.Fail(err)
	}
	left, err := s.Size()
	if err != nil {
		return stage.Fail(err)
	}
	switch {
	case dry:
		stage.Done(fmt.Sprintf("%s of %s would go", size(pruned.Bytes), size(left)))
	case pruned.Bytes == 0:
		stage.Cached(fmt.Sprintf("nothing is to go; %s stay", size(left)))
	default:
		stage.Done(fmt.Sprintf("%s freed, %s stay", size(pruned.Bytes), size(left)))
	}
	done()
	if t.mode != ui.JSON {
		t.showPruned(pruned, dry)
	}
	return nil
}

func size(bytes int64) string { return humanize.Bytes(uint64(bytes)) }

// showPruned lists what has gone, or would go, by its kind.
func (t *terminal) showPruned(p store.Pruned, dry bool) {
	type kind struct {
		count int
		bytes int64
	}
	kinds := map[string]*kind{}
	var order []string
	add := func(name string, count int, bytes int64) {
		if kinds[name] == nil {
			kinds[name], order = &kind{}, append(order, name)
		}
		kinds[name].count += count
		kinds[name].bytes += bytes
	}
	files := p.Bytes
	for _, e := range p.Entries {
		name, _, _ := strings.Cut(e.Stage, "/")
		add(name, 1, e.Size)
		files -= e.Size
	}
	if len(p.Files) > 0 {
		add("downloads, logs", len(p.Files), files)
	}
	if len(order) > 0 {
		title := "Removed"
		if dry {
			title = "Would be removed"
		}
		var rows []ui.Row
		for _, name := range order {
			rows = append(rows, ui.Row{Key: name, Value: size(kinds[name].bytes), Note: fmt.Sprint(kinds[name].count)})
		}
		t.print(t.styles().Table(title, rows))
	}
	if p.InUse > 0 {
		fmt.Fprintf(t.Err, "floe: note: another floe uses %d more, which stay\n", p.InUse)
	}
	if p.Busy {
		fmt.Fprintln(t.Err, "floe: note: another floe is at work: downloads and logs stay, as it may need them")
	}
}
