package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"charm.land/huh/v2"
	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/fault"
)

// choose has the person choose one of several things. Esc and Ctrl-C are no
// choice: a fault.Cancelled.
func (t *terminal) choose(ctx context.Context, title, about string, options []huh.Option[string]) (string, error) {
	forgetTyped(t.In)
	var chosen string
	list := huh.NewSelect[string]().Title(title).Description(about).Options(options...).Value(&chosen)
	keys := huh.NewDefaultKeyMap()
	keys.Quit.SetKeys("ctrl+c", "esc")
	form := huh.NewForm(huh.NewGroup(list)).WithInput(t.In).WithOutput(t.Err).WithKeyMap(keys).
		WithTheme(huh.ThemeFunc(func(bool) *huh.Styles { return huh.ThemeBase16(t.err.Dark) }))
	err := form.RunWithContext(ctx)
	if ctx.Err() != nil || errors.Is(err, huh.ErrUserAborted) {
		return "", fault.New(fault.Cancelled, "ask", "", context.Canceled, "Nothing was changed.")
	}
	return chosen, err
}

// chooseDisk shows the disks that can be written. None of them is erased by
// being chosen: what is on it is shown, and its name typed, after that.
func (t *terminal) chooseDisk(ctx context.Context) (disks.Disk, error) {
	list, err := disks.Here().List(disks.Options{Virtual: os.Getenv(loopVariable) == "1", Protect: t.protected()})
	if err != nil {
		return disks.Disk{}, fault.New(fault.Missing, "list the disks", "", err, "")
	}
	var options []huh.Option[string]
	for _, d := range list {
		if d.Refused(0) == "" {
			text := fmt.Sprintf("%s  %s, %s, %s", d.Path, d.Name(), humanize.Bytes(uint64(d.Size)), d.Holds())
			options = append(options, huh.NewOption(text, d.Path))
		}
	}
	if len(options) == 0 {
		return disks.Disk{}, fault.New(fault.Disk, "write an image", "", errors.New("there is no disk that can be written"),
			"Plug a stick in and try again; 'floe disks' says why the others are never written.")
	}
	path, err := t.choose(ctx, "Which disk?", "Choosing erases nothing yet.", options)
	if err != nil {
		return disks.Disk{}, err
	}
	return list[slices.IndexFunc(list, func(d disks.Disk) bool { return d.Path == path })], nil
}

// chooses tells whether a person can choose from a list. Whoever can be asked by
// lines only names what is meant.
func (t *terminal) chooses() bool {
	return t.asks() && !t.err.Lines && !accessible() && os.Getenv(plainVariable) != "1"
}

// forgetTyped drops what was typed ahead: it was not meant for the next question.
func forgetTyped(in *os.File) { _ = unix.IoctlSetInt(int(in.Fd()), unix.TCFLSH, unix.TCIFLUSH) }
