package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/stick"
	"floe/ui"
)

// Disks lists the disks for the wizard.
func (h *house) Disks(_ context.Context, need int64) ([]ui.Disk, error) {
	list, err := disks.Here().List(disks.Options{Protect: h.protected(), Virtual: h.virtual})
	if err != nil {
		return nil, fault.New(fault.Missing, "list the disks", "", err, "")
	}
	return shownDisks(list, need), nil
}

// shownDisks are disks as the wizard shows them. Those that tell the same of
// themselves, or nothing that no other disk tells, stand for themselves only until
// they are unplugged: otherwise what was chosen might become another one.
func shownDisks(list []disks.Disk, need int64) []ui.Disk {
	alike := map[string]int{}
	for _, d := range list {
		alike[d.Key()]++
	}
	shown := make([]ui.Disk, len(list))
	for i, d := range list {
		shown[i] = shownDisk(d, need)
		if alike[d.Key()] > 1 || d.Serial == "" && d.WWN == "" {
			shown[i].Key += " " + shown[i].Seen
		}
	}
	return shown
}

// shownDisk is a disk as the wizard shows it, for an image of so many bytes.
func shownDisk(d disks.Disk, need int64) ui.Disk {
	s := ui.Disk{
		Key: d.Key(), Seen: fmt.Sprint(d.Number, d.Sequence), Path: d.Path, Name: d.Name(), Facts: facts(d), Holds: d.Holds(),
		Mounts: d.MountedOn(), Refused: d.Refused(need), Unusual: d.Unusual(), HasData: hasData(d), NoRoom: !stick.DataFits(need, d.Size), Confirm: confirmName(d), ID: d,
	}
	if len(d.Partitions) == 0 {
		s.Lost = []ui.Row{{Value: "all of it (" + d.Holds() + ")"}}
	}
	for _, p := range d.Partitions {
		row := ui.Row{Value: partition(p)}
		if p.Name == iso.DataName {
			row.Level = ui.OK
		}
		s.Lost = append(s.Lost, row)
	}
	return s
}

// partition says in a few words which one it is.
func partition(p disks.Partition) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", p.Kernel, humanize.Bytes(uint64(p.Size)), p.FileSystem, firstOf(p.Label, p.Name))), " ")
}

// DiskChanges tells of disks that come and go.
func (h *house) DiskChanges(ctx context.Context) <-chan struct{} { return disks.Changes(ctx) }

// WriterAsks tells that this process may not write to disks itself.
func (h *house) WriterAsks() bool { return !stick.IsRoot() }

// Writer gives what writes disks.
func (h *house) Writer(ctx context.Context) (ui.WriteFunc, error) {
	ctx, back := h.hands.lend(ctx)
	defer back()
	do, err := h.writer(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o ui.WriteOrder, sink report.Sink) (ui.Written, error) {
		order, err := h.order(ctx, o, sink)
		if err != nil {
			return ui.Written{}, err
		}
		result, err := do(ctx, order, sink)
		if err != nil {
			return ui.Written{}, err
		}
		rows := writtenRows(o.Disk.ID.(disks.Disk), result)
		return ui.Written{Rows: rows[:len(rows)-1]}, nil // the last says what the screen says
	}, nil
}

// order makes an order of what was chosen in the wizard.
func (h *house) order(ctx context.Context, o ui.WriteOrder, sink report.Sink) (stick.Order, error) {
	stage := report.Start(sink, "image", "Look at the image")
	image, err := stick.Inspect(ctx, o.Image, false, stage)
	if err != nil {
		return stick.Order{}, stage.Fail(err)
	}
	defer image.Close()
	stage.Done(humanize.Bytes(uint64(image.Size)))
	disk := o.Disk.ID.(disks.Disk)
	return stick.Order{
		Image: image.Name(), SHA256: image.SHA256, Size: image.Size, Disk: disk.Identity,
		Unmount: disk.MountPoints(), Protect: h.protected(), Data: stick.Data(o.Data), LoseData: o.Disk.HasData,
	}, nil
}
