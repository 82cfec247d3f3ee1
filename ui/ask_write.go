package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// write writes the image to a disk, which is touched only after the person has
// typed its name.
func (a *asker) write() error {
	for {
		order, err := a.order()
		if err != nil {
			return err
		}
		done, err := a.erase(order)
		if err != nil && !errors.Is(err, errBack) {
			return err
		}
		if done {
			return nil
		}
	}
}

// order asks which disk the image goes to, and what becomes of the rest of it.
// No answer is taken for granted.
func (a *asker) order() (WriteOrder, error) {
	order := WriteOrder{Image: a.built.Path, Size: a.built.Size, Fixed: a.built.Fixed}
	for {
		list, err := a.house.Disks(a.ctx, order.Size)
		if err != nil {
			return order, err
		}
		a.diskList(list)
		text, err := a.line("Number of the disk, or an empty line to look again:", "the disk to write to", "", func() {
			a.tell("Plug the stick in, and type an empty line to see it. Nothing is erased before you have typed its name.")
		})
		if err != nil {
			return order, err
		}
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || n < 1 || n > len(list):
			a.say("A number from 1 to %d is wanted.", len(list))
			continue
		case list[n-1].Refused != "":
			a.tell("This one is never written: " + list[n-1].Refused)
			continue
		}
		order.Disk = list[n-1]
		if order.Data, err = a.rest(order.Disk); !errors.Is(err, errBack) {
			return order, err
		}
	}
}

// diskList writes the disks.
func (a *asker) diskList(list []Disk) {
	a.say("\nDisks")
	if len(list) == 0 {
		a.say("  There is none.")
	}
	for i, d := range list {
		a.item(i+1, d.Name+", "+d.Path+", "+d.Facts)
		switch {
		case d.Refused != "":
			a.say("     never written: %s", clean(d.Refused))
			continue
		case len(d.Mounts) > 0:
			a.say("     %s, mounted on %s", clean(d.Holds), clean(d.Mounts[0]))
		default:
			a.say("     %s", clean(d.Holds))
		}
		if d.Unusual != "" {
			a.say("     careful: %s", clean(d.Unusual))
		}
	}
}

// rest asks what becomes of the rest of a disk.
func (a *asker) rest(d Disk) (Data, error) {
	a.say("\nThe rest of the disk")
	choices := d.choices()
	for i, c := range choices {
		a.say("  %d. %s", i+1, d.words(c))
	}
	n, err := a.number("Number [1]:", "the rest of the disk", len(choices), 1)
	if err != nil {
		return "", err
	}
	return choices[n-1], nil
}

// erase looks at the disk again, says what will be lost, and writes once the
// person has typed its name. It is done unless another disk has to be chosen.
func (a *asker) erase(order WriteOrder) (done bool, err error) {
	disk, why := order.again(a.ctx, a.house)
	if why != "" {
		a.tell("It is left alone: " + why + ".")
		return false, nil
	}
	order.Disk = disk
	a.say("\nErase and write")
	a.tell(order.warning())
	a.say("  %s, %s, %s", clean(disk.Name), disk.Path, clean(disk.Facts))
	for _, careful := range order.careful() {
		a.say("  careful: %s", clean(careful))
	}
	for _, r := range order.loss() {
		a.say("  %s: %s", r.Key, clean(r.Value))
	}
	a.forgetTyped()
	typed, err := a.line("Type its name to erase it: "+disk.Confirm+"\nName:", "the name of the disk to erase", "", func() {
		a.tell("The disk is erased only if what you type is its name. back goes to the disks.")
	})
	if err != nil {
		return false, err
	}
	if !disk.confirms(typed) {
		a.say("That is not its name. Nothing was erased.")
		return false, nil
	}
	return true, a.carryOut(order)
}

// forgetTyped drops what was typed ahead on a terminal: it was not meant for
// what is asked next.
func (a *asker) forgetTyped() {
	if f, ok := a.In.(term.File); ok && term.IsTerminal(f.Fd()) {
		_ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH)
	}
}

// carryOut writes. A failure is told, and is that of the whole conversation
// unless a disk is written after all.
func (a *asker) carryOut(order WriteOrder) error {
	write, err := a.house.Writer(a.ctx)
	if err == nil && write == nil {
		err = errors.New("nothing may write")
	}
	if err != nil {
		a.failed = err
		_, _ = io.WriteString(a.Out, a.styles.Error(err, ""))
		a.say("Nothing was erased.")
		return context.Cause(a.ctx)
	}
	a.say("")
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	sink, done := startPlain(ctx, a.Out, StopWriting(order.Data))
	written, err := write(ctx, order, sink)
	done()
	if err != nil && a.ctx.Err() != nil {
		return err
	}
	if a.failed = err; err != nil {
		_, _ = io.WriteString(a.Out, a.styles.Error(err, ""))
		return nil
	}
	a.say("Written. It was read back and is all as in the image. It is safe to remove.")
	for _, r := range written.Rows {
		a.say("  %s", strings.Join(strings.Fields(fmt.Sprintf("%s: %s %s", clean(r.Key), clean(r.Value), clean(r.Note))), " "))
	}
	return nil
}
