package cli

import (
	"bytes"
	"strings"
	"testing"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/stick"
	"floe/ui"
)

// TestDataIsNamed: without a terminal nobody loses a data partition that no flag
// names, and none is said to be kept that is not.
func TestDataIsNamed(t *testing.T) {
	t.Parallel()
	with := disks.Disk{Partitions: []disks.Partition{{Name: iso.DataName}}}
	for _, tt := range []struct {
		name string
		w    writing
		disk disks.Disk
		floe bool
		want stick.Data // "": refused
	}{
		{"nothing there", writing{}, disks.Disk{}, true, stick.NewData},
		{"not named", writing{}, with, true, ""},
		{"kept", writing{keepData: true}, with, true, stick.KeepData},
		{"lost for another", writing{freshData: true}, with, true, stick.NewData},
		{"lost", writing{noData: true}, with, true, stick.NoData},
		{"foreign, nothing there", writing{}, disks.Disk{}, false, stick.NoData},
		{"foreign, not named", writing{}, with, false, ""},
		{"foreign, kept", writing{keepData: true}, with, false, ""},
		{"foreign, lost", writing{noData: true}, with, false, stick.NoData},
		{"foreign, lost for another", writing{freshData: true}, with, false, stick.NoData},
	} {
		tt.w.serial = "1234"
		got, err := (&terminal{}).data(t.Context(), tt.w, tt.disk, tt.floe)
		if got != tt.want || (err != nil) != (tt.want == "") || err != nil && fault.Code(err) != int(fault.Usage) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

// TestDataIsNamedUnseen: nor one that the kernel does not know of.
func TestDataIsNamedUnseen(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Unparsed(t, 96)
	write := func(code int, says string, flags ...string) {
		t.Helper()
		out, got := run(t, nil, append([]string{"write", image, "--to", d.Path, "--serial", d.Serial}, flags...)...)
		if got != code || !strings.Contains(strings.Join(strings.Fields(out), " "), says) {
			t.Errorf("%q: exit code %d\n%s", flags, got, out)
		}
	}
	write(0, "safe to remove")
	table := func() iso.GUID {
		t.Helper()
		table, err := iso.ReadGPT(bytes.NewReader(disktest.Content(t, d.Path, 0, 64<<10)))
		p, ok := table.Find(iso.DataName)
		if err != nil || !ok {
			t.Fatalf("%+v, %v", table, err)
		}
		return p.ID
	}
	first := table()
	write(int(fault.Usage), "keeps it with --keep-data, and loses it with --new-data or --no-data")
	write(0, "kept as it was", "--keep-data")
	if table() != first {
		t.Error("the data partition is another one")
	}
	write(0, "safe to remove", "--new-data")
	if table() == first {
		t.Error("the data partition is still the first one")
	}
	write(0, "safe to remove", "--no-data")
}

// TestWizardAgreesToWhatItShows: a data partition is given up only with a disk that
// was shown to have one.
func TestWizardAgreesToWhatItShows(t *testing.T) {
	t.Parallel()
	h := &house{terminal: &terminal{}}
	image := disktest.Image(t, 1, 2)
	for _, shown := range []bool{false, true} {
		got, err := h.order(t.Context(), ui.WriteOrder{Image: image, Disk: ui.Disk{HasData: shown, ID: disks.Disk{}}, Data: ui.NewData}, report.Discard)
		if err != nil || got.LoseData != shown || got.Data != stick.NewData {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestNoRoomForData: a data partition that cannot be is refused where it was asked
// for, and told of where it is only the usual thing.
func TestNoRoomForData(t *testing.T) {
	t.Parallel()
	image, d := disktest.Image(t, 1, 4), disktest.Loop(t, 32)
	out, code := run(t, nil, "write", image, "--to", d.Path, "--serial", d.Serial, "--new-data")
	if code != int(fault.Disk) || !strings.Contains(out, "no room for a data partition") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if starts(t, d) != "old data" {
		t.Fatal("the disk has lost its data")
	}
	const says = "none: the disk has no room for one"
	c := openConsole(t, floe(t, nil, "write", image, "--to", d.Path))
	c.sees("This disk will be erased", says, "containers are lost at switch-off", "Type its name").keys("\x04")
	c.ends(130)
	out, code = run(t, nil, "write", image, "--to", d.Path, "--serial", d.Serial)
	if code != 0 || !strings.Contains(out, says) || !strings.Contains(out, "no data partition: the disk has no room for one") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if out, code = run(t, nil, "write", image, "--to", d.Path, "--serial", d.Serial, "--no-data"); code != 0 || strings.Contains(out, "no room") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for need, want := range map[int64]bool{1 << 20: true, 1 << 30: false} {
		if got := shownDisk(disks.Disk{Identity: disks.Identity{Size: 1 << 30}}, need); got.NoRoom == want {
			t.Errorf("an image of %d: %+v", need, got)
		}
	}
}

// TestStoppingKnowsTheStage: what shows the writing knows from when on the disk has
// lost what it held.
func TestStoppingKnowsTheStage(t *testing.T) {
	t.Parallel()
	if got := ui.StopWriting(ui.NewData).From; got != stick.Erasing {
		t.Errorf("%q, and the writer calls it %q", got, stick.Erasing)
	}
}
