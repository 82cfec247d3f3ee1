package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"floe/internal/fault"
	"floe/internal/report"
)

// testSticks is the part of a test's house that has disks.
type testSticks struct {
	disks   []Disk
	asks    bool
	refuse  error // of Writer
	written Written
	failed  error
	orders  []WriteOrder
	listed  func() // called when disks are listed
}

func (s *testSticks) Disks(context.Context, int64) ([]Disk, error) {
	list := s.disks
	if s.listed != nil {
		s.listed()
	}
	return list, nil
}

func (s *testSticks) WriterAsks() bool { return s.asks }

// DiskChanges tells once that there is something to see.
func (s *testSticks) DiskChanges(context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	c <- struct{}{}
	close(c)
	return c
}

func (s *testSticks) Writer(context.Context) (WriteFunc, error) {
	return func(_ context.Context, o WriteOrder, _ report.Sink) (Written, error) {
		s.orders = append(s.orders, o)
		return s.written, s.failed
	}, s.refuse
}

func testDisks() []Disk {
	return []Disk{
		{Key: "nvme", Path: "/dev/nvme0n1", Name: "Samsung SSD 980", Facts: "512 GB, nvme, serial ...S64DNX0R", Holds: "vfat, ext4", Refused: "carries / (nvme0n1p2)"},
		{Key: "ultra", Seen: "1", Path: "/dev/sda", Name: "SanDisk Ultra Fit", Facts: "16 GB, usb, serial ...15103182", Holds: "vfat HOLIDAYS",
			Mounts: []string{"/media/ada/HOLIDAYS"}, Confirm: "SanDisk Ultra Fit", Lost: []Row{{Value: "sda1 16 GB vfat HOLIDAYS"}}},
		{Key: "floe", Seen: "2", Path: "/dev/sdb", Name: "Kingston DataTraveler", Facts: "64 GB, usb, no serial", Holds: "iso9660 FLOE, vfat FLOE, ext4 floe-data",
			HasData: true, Confirm: "Kingston DataTraveler", Lost: []Row{{Value: "sdb1 12 MB iso9660 FLOE"}, {Value: "sdb2 2 MB vfat FLOE"}, {Level: OK, Value: "sdb3 63 GB ext4 floe-data"}}},
		{Key: "big", Seen: "3", Path: "/dev/sdc", Name: "WD Elements", Facts: "4.0 TB, usb, serial ...31323334", Holds: "ntfs Backup", Unusual: "larger than a stick", Confirm: "WD Elements"},
	}
}

// built is a wizard that has built an image and shows its disks.
func withDisks(r *rig) *rig {
	r.house.disks = testDisks()
	r.house.built = testBuilt()
	return r.goTo("Done").press("down", "enter").at("Disk")
}

// still stands still until keys count.
func (r *rig) still() *rig {
	e := r.m.screen.(*eraseScreen)
	r.send(quietMsg{e.quiet})
	return r
}

func init() {
	for name, play := range map[string]func(*rig){
		"target":         func(r *rig) { withDisks(r) },
		"target-data":    func(r *rig) { withDisks(r).press("down", "down", "down") },
		"target-refused": func(r *rig) { withDisks(r).press("down", "enter") },
		"target-big":     func(r *rig) { withDisks(r).press("end") },
		"target-none":    func(r *rig) { withDisks(r); r.send(disksMsg{}) },
		"target-loading": func(r *rig) { withDisks(r); r.m.screen.(*targetScreen).loaded = false },
		"target-error": func(r *rig) {
			withDisks(r)
			r.send(disksMsg{err: fault.New(fault.Missing, "list the disks", "/sys/block", errors.New("permission denied"), "")})
		},
		"target-overfull": func(r *rig) {
			withDisks(r)
			var many []Disk
			for i := range 30 {
				d := testDisks()[1+i%3]
				d.Key, d.Path = fmt.Sprint(i), fmt.Sprintf("/dev/sd%c", 'a'+i)
				many = append(many, d)
			}
			r.send(disksMsg{disks: many})
			r.press("pgdown", "pgdown")
		},
		"erase-overfull": func(r *rig) {
			r.house.disks = testDisks()
			for i := range 30 {
				r.house.disks[1].Lost = append(r.house.disks[1].Lost, Row{Value: fmt.Sprintf("sda%d 1 GB ext4 part-%d", i, i)})
			}
			list := r.house.disks
			withDisks(r)
			r.house.disks = list
			r.send(disksMsg{disks: list})
			r.press("down", "down", "enter")
			r.still()
		},
		"write-stopped": func(r *rig) {
			writing(r, writeEvents())
			r.press("ctrl+c", "down", "enter")
			r.send(writtenMsg{err: fault.New(fault.Cancelled, "write the image to", "/dev/sda", context.Canceled, "The disk has lost what it held, and does not boot: write it again.")})
		},
		"erase":       func(r *rig) { withDisks(r).press("down", "down", "enter"); r.still().press("SanDisk") },
		"erase-keep":  func(r *rig) { withDisks(r).press("down", "down", "down", "enter"); r.still() },
		"erase-wrong": func(r *rig) { withDisks(r).press("down", "down", "enter"); r.still().press("y", "enter") },
		"erase-looking": func(r *rig) {
			withDisks(r).press("down", "down", "enter")
			r.m.screen.(*eraseScreen).looked = false
		},
		"erase-asking": func(r *rig) {
			withDisks(r).press("down", "down", "enter")
			r.still().press("SanDisk Ultra Fit")
			r.m.screen.update(named["enter"]) // what it wants is not done
		},
		"erase-gone": func(r *rig) {
			withDisks(r).press("down", "down")
			r.house.disks = r.house.disks[:1]
			r.press("enter")
		},
		"writing-empty": func(r *rig) { writing(r, nil) },
		"writing":       func(r *rig) { writing(r, writeEvents()) },
		"writing-stop":  func(r *rig) { writing(r, writeEvents()); r.press("ctrl+c") },
		"written": func(r *rig) {
			writing(r, nil)
			r.send(writtenMsg{written: Written{Rows: []Row{{Key: "disk", Value: "/dev/sda, SanDisk Ultra Fit"}, {Key: "written", Value: "12 MB", Note: "21 MB/s"}, {Key: "data", Value: "15 GB", Note: "made ready at Floe's first boot"}}}})
		},
		"written-board": func(r *rig) {
			withDisks(r)
			r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1], Fixed: true}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
			r.send(writtenMsg{written: Written{Rows: []Row{{Key: "disk", Value: "/dev/sda, SanDisk Ultra Fit"}}}})
		},
		"write-failed": func(r *rig) {
			writing(r, writeEvents())
			r.send(writtenMsg{err: fault.New(fault.Disk, "write the image to", "/dev/sda", errors.New("it was pulled out at 7.3 MB"), "Plug it in again. The disk has lost what it held, and does not boot: write it again.")})
		},
	} {
		scenes[name] = struct {
			house testHouse
			play  func(*rig)
		}{testHouse{}, play}
	}
}

// writing puts a wizard where it is while it writes.
func writing(r *rig, events []report.Event) {
	withDisks(r)
	r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1]}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
	r.send(writeEventsMsg(events))
}

func writeEvents() []report.Event {
	e := func(s float64, stage string, kind report.Kind, text string) report.Event {
		return report.Event{Time: after(s), Stage: stage, Kind: kind, Text: text, Elapsed: time.Second}
	}
	events := []report.Event{
		e(0, "write/check", report.Started, "Look at the image and the disk"), e(1, "write/check", report.Done, "SanDisk Ultra Fit, 16 GB"),
		e(1, "write/blank", report.Started, "Make the disk unbootable meanwhile"), e(2, "write/blank", report.Done, ""),
		e(2, "write/body", report.Started, "Write"),
	}
	for s := 2.0; s <= 42; s += 2 {
		events = append(events, report.Event{Time: after(s), Stage: "write/body", Kind: report.Progress, Done: int64((s - 2) * 2e6), Total: 120e6, Unit: report.Bytes})
	}
	return append(events, e(42, "write/body", report.Log, "nothing has moved for 5s: sticks pause to tidy up"))
}

// TestWizardWritesAStick goes the whole way: build, choose, type, write.
func TestWizardWritesAStick(t *testing.T) {
	r := newRig(t, &testHouse{})
	r.house.disks, r.house.built = testDisks(), testBuilt()
	r.goTo("Review").press("end", "enter").at("Disk").sees("never written: carries /", "SanDisk Ultra Fit")
	r.press("enter").at("Disk").sees("Move to a disk first")
	r.press("down", "down", "space").sees("no data partition").press("space").sees("data partition for containers", "mounted on /media/ada/HOLIDAYS").press("enter")
	r.at("Erase and write").sees("sda1 16 GB vfat HOLIDAYS", "Type its name")
	e := r.m.screen.(*eraseScreen)
	e.ready, e.steady = false, time.Millisecond
	r.send(tea.KeyPressMsg{Code: 'x', Text: "x"})
	if e.input.Value() != "" || len(r.house.orders) > 0 {
		t.Error("a key that was typed ahead counts")
	}
	r.still().press("y", "enter").at("Erase and write").sees("That is not its name")
	r.send(tea.PasteMsg{Content: "SanDisk Ultra Fit"})
	r.press("ctrl+u", "enter").at("Erase and write")
	if len(r.house.orders) > 0 {
		t.Fatal("it was written without its name")
	}
	r.press("sandisk  ultra fit", "enter").at("Written").sees("safe to remove")
	if len(r.house.orders) != 1 || r.house.orders[0].Disk.Key != "ultra" || r.house.orders[0].Image != testBuilt().Path || r.house.orders[0].Data != NewData {
		t.Errorf("%+v", r.house.orders)
	}
	r.press("down", "down", "enter").at("Done")
}

// TestWizardNoRoomForData: a data partition that cannot be is never promised.
func TestWizardNoRoomForData(t *testing.T) {
	r := newRig(t, &testHouse{})
	r.house.disks, r.house.built = testDisks(), testBuilt()
	r.house.disks[1].NoRoom = true
	r.goTo("Done").press("down", "enter").at("Disk").press("down", "down").sees("no data partition: the disk has no room for one")
	r.press("space").sees("no data partition: the disk has no room for one").press("enter")
	r.at("Erase and write").sees("there is no room for a data partition: containers are lost at switch-off", "no data partition: the disk has no room for one")
	r.press("esc").at("Disk")

	order := WriteOrder{Disk: Disk{NoRoom: true, HasData: true, Unusual: "larger than a stick"}, Data: NewData}
	if got := order.careful(); len(got) != 2 {
		t.Errorf("%q", got)
	}
	for _, data := range []Data{KeepData, NoData} {
		if order.Data = data; len(order.careful()) != 1 {
			t.Errorf("%s: %q", data, order.careful())
		}
	}
}

// TestDataChoices: what there is to keep is kept unless the person says otherwise.
func TestDataChoices(t *testing.T) {
	for _, tt := range []struct {
		disk Disk
		want []Data // one behind the other, from the usual one
	}{
		{Disk{}, []Data{NewData, NoData, NewData}},
		{Disk{HasData: true}, []Data{KeepData, NewData, NoData, KeepData}},
		{Disk{NoRoom: true}, []Data{NewData, NewData}},
		{Disk{HasData: true, NoRoom: true}, []Data{KeepData, NewData, KeepData}},
	} {
		got := tt.disk.choices()[0]
		for i, want := range tt.want {
			if got != want {
				t.Errorf("%+v: %q in place %d, not %q", tt.disk, got, i, want)
			}
			got = tt.disk.after(got)
		}
	}
}

// TestWizardDisksComeAndGo: the cursor stays with the disk.
func TestWizardDisksComeAndGo(t *testing.T) {
	r := withDisks(newRig(t, &testHouse{})).press("down", "down")
	target := r.m.screen.(*targetScreen)
	if target.at != "ultra" {
		t.Fatalf("the cursor is at %q", target.at)
	}
	list := testDisks()
	r.send(disksMsg{disks: append([]Disk{{Key: "new", Name: "New One"}}, list...)})
	if target.at != "ultra" || target.row() != 2 {
		t.Errorf("the cursor is at %q", target.at)
	}
	list[1].Path = "/dev/sdq" // plugged in again under another name
	r.send(disksMsg{disks: list})
	if target.at != "ultra" {
		t.Errorf("the cursor is at %q", target.at)
	}
	r.send(disksMsg{disks: list[:1]})
	r.sees("was pulled out").press("enter").at("Disk").sees("Move to a disk first")
	r.press("esc").at("Done")
}

// TestWizardSwappedStick: what was chosen is not what is there any more.
func TestWizardSwappedStick(t *testing.T) {
	for name, change := range map[string]func([]Disk) []Disk{
		"pulled out":      func(d []Disk) []Disk { return d[:1] },
		"plugged again":   func(d []Disk) []Disk { d[1].Seen = "9"; return d },
		"another one":     func(d []Disk) []Disk { d[1].Key = "other"; return d },
		"mounted as home": func(d []Disk) []Disk { d[1].Refused = "carries /home"; return d },
	} {
		t.Run(name, func(t *testing.T) {
			r := withDisks(newRig(t, &testHouse{})).press("down", "down")
			r.house.disks = change(testDisks())
			r.press("enter").at("Erase and write").sees("It is left alone")
			r.press("SanDisk Ultra Fit", "enter").at("Disk")
			if len(r.house.orders) > 0 {
				t.Error("it was written")
			}
		})
	}
}

// TestWizardNoRights: whoever may not write stays where they are.
func TestWizardNoRights(t *testing.T) {
	r := newRig(t, &testHouse{})
	r.house.refuse = fault.New(fault.Missing, "become root with", "sudo", errors.New("ada is not in the sudoers file"), "")
	withDisks(r).press("down", "down", "enter")
	r.still().press("SanDisk Ultra Fit", "enter").at("Erase and write").sees("Nothing was erased: ada is not in the sudoers file")
	r.house.refuse = fault.New(fault.Cancelled, "become root with", "pkexec", context.Canceled, "Nothing was changed.")
	r.press("enter").at("Erase and write").sees("Nothing was erased.")
	if got := r.m.message.text; got != "Nothing was erased." {
		t.Errorf("%q", got)
	}
	r.house.refuse = nil
	r.press("enter").at("Written")
}

// TestStoppingSaysWhatIsSo: what stopping means is told as it is at the time, while it
// is asked about as well.
func TestStoppingSaysWhatIsSo(t *testing.T) {
	const before, lost, kept = "Nothing on the disk was changed so far.", "The disk has lost what was on it already", "lost all that was on it but its data partition"
	for _, tt := range []struct {
		data        Data
		after, foot string
	}{{NewData, lost, "the disk will not boot"}, {NoData, lost, "the disk will not boot"}, {KeepData, kept, "the disk will not boot, but keeps its data partition"}} {
		r := withDisks(newRig(t, &testHouse{}))
		r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1], Data: tt.data}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
		events := writeEvents()
		r.send(writeEventsMsg(events[:2])) // up to the looking at the image and the disk
		r.press("esc").sees("Stop writing?", before)
		r.send(writeEventsMsg(events[2:]))
		r.sees("Stop writing?", tt.after).press("esc")
		if got := r.m.write.board.means(); got != tt.foot {
			t.Errorf("%s: %q", tt.data, got)
		}
		r.press("ctrl+c", "down", "enter").at("Stopping").sees(tt.foot).press("ctrl+c").sees("Leave before", tt.after).press("enter")
		r.send(writtenMsg{err: context.Canceled})
		r.at("Stopped").sees(tt.after)

		r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1], Data: tt.data}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
		r.send(writeEventsMsg(events[:1]))
		r.press("ctrl+c", "down", "enter").at("Stopping").sees("the disk is still as it was")
		r.press("ctrl+c").sees("Leave before", before).press("enter")
		r.send(writtenMsg{err: context.Canceled})
		r.at("Stopped").sees(before)
	}
	for n, want := range map[int]string{0: "stop   stopping; the disk is still as it was\n", 2: "stop   stopping; the disk is still as it was\n", 3: "stop   stopping; the disk will not boot\n"} {
		var out bytes.Buffer
		p := newPlain(&out, StopWriting(NewData))
		for _, e := range writeEvents()[:n] {
			p.Emit(e)
		}
		if p.stop(); !strings.HasSuffix(out.String(), want) {
			t.Errorf("after %d events: %s", n, &out)
		}
	}
}

// TestWizardStopsWriting: stopping says what that means, and is asked about.
func TestWizardStopsWriting(t *testing.T) {
	r := newRig(t, &testHouse{})
	writing(r, writeEvents())
	r.press("esc").sees("will not boot until").press("esc").at("Writing")
	r.press("ctrl+c").sees("Stop writing?", "❯ Keep writing").press("down", "enter").at("Stopping").sees("the disk will not boot")
	r.send(writtenMsg{err: fault.New(fault.Cancelled, "write the image to", "/dev/sda", context.Canceled, "The disk has lost what it held, and does not boot: write it again.")})
	r.at("Stopped").sees("has lost what it held").press("enter").at("Disk")
	if err := r.m.outcome(); fault.Code(err) != int(fault.Cancelled) {
		t.Errorf("it ends with %v", err)
	}
	r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1]}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
	r.send(writtenMsg{err: fault.New(fault.Disk, "write the image to", "/dev/sda", errors.New("it was pulled out"), "")})
	if err := r.m.outcome(); fault.Code(err) != int(fault.Disk) {
		t.Errorf("after a failure it ends with %v", err)
	}
	r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1]}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
	r.send(writtenMsg{})
	if err := r.m.outcome(); err != nil {
		t.Errorf("after all it ends with %v", err)
	}
	r.m.startWrite(writerMsg{order: WriteOrder{Disk: testDisks()[1]}, write: func(context.Context, WriteOrder, report.Sink) (Written, error) { return Written{}, nil }})
	r.send(writtenMsg{err: errors.New("it was pulled out")})
	r.goTo("Disk").press("esc").at("Done").press("esc").at("Review").goTo("Done")
	if err := r.m.outcome(); err != nil {
		t.Errorf("after another build it ends with %v", err)
	}
}
