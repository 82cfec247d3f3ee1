package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/stick"
)

// data decides about the rest of the disk. An earlier data partition is never
// lost without having been named. An image that is not floe's takes all of the
// disk.
func (t *terminal) data(ctx context.Context, w writing, disk disks.Disk, floe bool) (stick.Data, error) {
	there := hasData(disk)
	wrong := func(why error, hint string) error { return fault.New(fault.Usage, "write an image", "", why, hint) }
	switch {
	case !floe && w.keepData:
		return "", wrong(errors.New("an image that is not floe's takes all of the disk: --keep-data cannot keep anything"), "--no-data says that the data partition may be lost.")
	case w.keepData:
		return stick.KeepData, nil
	case w.noData:
		return stick.NoData, nil
	case !floe && there && w.serial != "" && !w.freshData:
		return "", wrong(fmt.Errorf("%s has a data partition, and an image that is not floe's takes all of the disk", disk.Path), "--no-data says that it may be lost.")
	case !floe:
		return stick.NoData, nil
	case w.freshData || !there:
		return stick.NewData, nil
	case w.serial != "":
		return "", wrong(fmt.Errorf("%s has a data partition", disk.Path), "Add --keep-data, --new-data or --no-data.")
	}
	answer, err := t.ask(ctx, fmt.Sprintf("%s has a data partition of an earlier Floe. Type keep, or lose: ", disk.Path))
	if err != nil {
		return "", err
	}
	switch strings.ToLower(answer) {
	case "keep":
		return stick.KeepData, nil
	case "lose":
		return stick.NewData, nil
	}
	return "", notMeant()
}

// hasData tells whether a disk is shown with a data partition. Its table, which
// only the writer can read, may have one nevertheless.
func hasData(d disks.Disk) bool {
	for _, p := range d.Partitions {
		if p.Name == iso.DataName {
			return true
		}
	}
	return false
}
