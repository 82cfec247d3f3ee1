package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/store"
	"floe/ui"
)

// listedDisk is a disk in the JSON form of "floe disks".
type listedDisk struct {
	disks.Disk
	Refused string `json:"refused,omitempty"` // why it is never written
}

func disksCommand(out *terminal) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "disks",
		Short: "List the disks of this machine, and which of them can be written",
		Long: "Lists the disks with what is on them. Disks that carry the running system, by whatever lies in\n" +
			"between (LUKS, LVM, RAID, btrfs, swap files), are listed with the reason why they are never written.",
		Example: "  floe disks\n  floe disks --json | jq -r '.[] | select(.refused == null) | .path'",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			list, err := disks.Here().List(disks.Options{Virtual: all, Protect: out.protected()})
			if err != nil {
				return fault.New(fault.Missing, "list the disks", "", err, "")
			}
			if asJSON || out.mode == ui.JSON {
				listed := make([]listedDisk, len(list))
				for i, d := range list {
					listed[i] = listedDisk{d, d.Refused(0)}
				}
				enc := json.NewEncoder(out.Out)
				enc.SetIndent("", "  ")
				return enc.Encode(listed)
			}
			var rows []ui.Row
			for _, d := range list {
				rows = append(rows, diskRow(d))
			}
			if len(rows) == 0 {
				rows = []ui.Row{{Key: "disks", Value: "none"}}
			}
			out.print(out.styles().Table("Disks", rows))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON instead")
	cmd.Flags().BoolVar(&all, "all", false, "list loop devices as well")
	return cmd
}

// diskRow is a disk in a table.
func diskRow(d disks.Disk) ui.Row {
	row := ui.Row{Level: ui.OK, Key: d.Path, Value: d.Name() + "\n" + facts(d)}
	if holds := d.Holds(); d.Size > 0 {
		row.Value += "\n" + holds
	}
	for _, m := range d.MountedOn() {
		row.Value += "\nmounted on " + m
	}
	switch why := d.Refused(0); {
	case why != "":
		row.Level, row.Note = ui.Note, "never written: "+why
	case d.Unusual() != "":
		row.Level, row.Note = ui.Warn, d.Unusual()
	}
	return row
}

// facts are a disk's size, bus and serial number.
func facts(d disks.Disk) string {
	var list []string
	if d.Size > 0 {
		list = append(list, humanize.Bytes(uint64(d.Size)))
	}
	if d.Bus != disks.Other {
		list = append(list, string(d.Bus))
	}
	switch tail := d.Tail(); {
	case d.Bus == disks.Loop:
		list = append(list, d.Serial)
	case tail == "":
		list = append(list, "no serial")
	case tail != d.Serial:
		list = append(list, "serial ..."+tail)
	default:
		list = append(list, "serial "+tail)
	}
	return strings.Join(list, ", ")
}

// protected are the paths whose disk floe itself and the person need.
func (t *terminal) protected() []string {
	// The last four: keys, the disks of machines, what is being tried.
	paths := []string{xdg.Home, xdg.CacheHome, xdg.ConfigHome, xdg.DataHome, xdg.StateHome}
	if here, err := os.Getwd(); err == nil {
		paths = append(paths, here)
	}
	if self, err := os.Executable(); err == nil {
		paths = append(paths, self)
	}
	dir := t.store
	if dir == "" {
		dir, _ = store.DefaultDir()
	}
	if full, err := filepath.Abs(dir); err == nil {
		paths = append(paths, full)
	}
	return paths
}
