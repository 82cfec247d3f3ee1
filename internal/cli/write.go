package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/stick"
	"floe/steps"
	"floe/ui"
)

// writing is what the flags of "floe write" say.
type writing struct {
	to, serial                  string
	any                         bool
	noData, keepData, freshData bool
}

func writeCommand(out *terminal) *cobra.Command {
	var w writing
	cmd := &cobra.Command{
		Use:   "write IMAGE [--to DISK]",
		Short: "Write an image to a USB stick, and read it back",
		Long: "Writes an image to a disk, reads it back and compares it. Until all of it is right the disk\n" +
			"does not boot. Everything on the disk is lost, except, with --keep-data, a data partition that\n" +
			"an earlier floe made. The rest of the disk becomes such a partition, for containers.\n" +
			"\n" +
			"On a terminal, without --to, the disk is chosen from a list. A person confirms by typing its name. Without a terminal, --serial makes sure that it is\n" +
			"the right disk. Disks that carry the running system are refused.",
		Example: "  floe write floe-amd64.iso\n" +
			"  floe write floe-amd64.iso --to /dev/sdb\n" +
			"  floe write floe-amd64.iso --to /dev/sdb --serial 0915103182\n" +
			"  floe write floe-amd64.iso --to /dev/sdb --keep-data  # the same containers",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fault.New(fault.Usage, "write an image", "", errors.New("one image is wanted"), "'floe write floe-amd64.iso --to /dev/sdX'; 'floe disks' lists the disks.")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return out.write(cmd.Context(), w, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&w.to, "to", "", "`DISK` to write to, such as /dev/sdb or a path below /dev/disk/by-id")
	f.StringVar(&w.serial, "serial", "", "end of the disk's serial `NUMBER`, four characters at least; takes the place of confirming")
	f.BoolVar(&w.any, "any", false, "write any ISO, not only floe's")
	f.BoolVar(&w.noData, "no-data", false, "make no data partition")
	f.BoolVar(&w.keepData, "keep-data", false, "keep the data partition that is there")
	f.BoolVar(&w.freshData, "new-data", false, "make a new data partition; what is in the one that is there is lost")
	cmd.MarkFlagsMutuallyExclusive("no-data", "keep-data", "new-data")
	return cmd
}

// serveCommand is the elevated child of "floe write" and of the wizard. People
// have no use for it.
func serveCommand(out *terminal) *cobra.Command {
	return &cobra.Command{
		Use: serveName, Hidden: true, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(unix.SIGPIPE) // where nobody listens any more, the writing stops by itself
			if code := stick.Serve(cmd.Context(), out.In, out.Out, disks.Here()); code != 0 {
				return exitStatus(code)
			}
			return nil
		},
	}
}

const serveName = "serve-writing"

// write is the whole of "floe write".
func (t *terminal) write(ctx context.Context, w writing, path string) error {
	disk, err := t.which(ctx, w)
	if err != nil {
		return err
	}
	image, err := t.inspect(ctx, path, w.any)
	if err != nil {
		return err
	}
	image.Close() // the writer opens it with its own checks
	order := stick.Order{
		Image: image.Name(), SHA256: image.SHA256, Size: image.Size, Any: w.any,
		Disk: disk.Identity, Unmount: disk.MountPoints(), Protect: t.protected(),
		// Where the disk was shown with a data partition, keeping it or losing it was chosen.
		LoseData: w.noData || w.freshData || hasData(disk),
	}
	if why := disk.Refused(image.Size); why != "" {
		return fault.New(fault.Disk, "write to", disk.Path, errors.New(why), "'floe disks' lists what can be written.")
	}
	if order.Data, err = t.data(ctx, w, disk, image.Floe); err != nil {
		return err
	}
	if w.freshData && order.NoRoom() {
		return fault.New(fault.Disk, "write to", disk.Path, errors.New("it has no room for a data partition behind the image"),
			"Nothing was changed. Without --new-data the image is written alone; on a larger disk there is room for both.")
	}
	if w.serial == "" {
		if err := t.confirm(ctx, disk, order); err != nil {
			return err
		}
	}
	result, err := t.carryOut(ctx, order)
	if err != nil || t.mode == ui.JSON {
		return err
	}
	t.print(t.styles().Table("Written and compared", writtenRows(disk, result)))
	return nil
}

// which is the disk that is meant: chosen from a list, where a disk is what the
// kernel counted and not what has its name by then, or named.
func (t *terminal) which(ctx context.Context, w writing) (disks.Disk, error) {
	if w.to == "" && w.serial == "" && t.chooses() {
		return t.chooseDisk(ctx)
	}
	return t.target(w)
}

// target finds the disk that was named, and refuses it where that can be seen
// already.
func (t *terminal) target(w writing) (disks.Disk, error) {
	const op = "write to"
	if w.to == "" {
		return disks.Disk{}, fault.New(fault.Usage, "write an image", "", errors.New("--to is missing: which disk?"), "'floe disks' lists the disks.")
	}
	if w.serial == "" && !t.asks() {
		return disks.Disk{}, fault.New(fault.Usage, "write an image without a terminal", "", errors.New("--serial is missing: nobody is there to confirm the disk"),
			"Add --serial with the end of the disk's serial number; 'floe disks' shows it.")
	}
	number, err := disks.Resolve(w.to)
	if err != nil {
		return disks.Disk{}, fault.New(fault.Usage, op, w.to, err, "'floe disks' lists the disks.")
	}
	disk, err := disks.Here().ByNumber(number, disks.Options{Protect: t.protected()})
	if err != nil {
		return disk, fault.New(fault.Disk, op, w.to, err, "'floe disks' lists the disks.")
	}
	if why := disk.Refused(0); why != "" {
		return disk, fault.New(fault.Disk, op, disk.Path, errors.New(why), "'floe disks' lists what can be written.")
	}
	if w.serial != "" && !disk.HasSerial(w.serial) {
		why := fmt.Errorf("its serial number is %s, which does not end in %q (with four characters at least)", disk.Serial, w.serial)
		if disk.Serial == "" {
			why = errors.New("it tells no serial number: nothing makes sure that it is the right disk")
		}
		return disk, fault.New(fault.Disk, op, disk.Path, why, "'floe disks' shows serial numbers. On a terminal, without --serial, you confirm instead.")
	}
	return disk, nil
}

// asks tells whether a person can be asked.
func (t *terminal) asks() bool {
	return ui.Detect(t.In, os.Environ()).TTY && t.err.TTY && t.mode != ui.JSON
}

// inspect looks at the image, with progress.
func (t *terminal) inspect(ctx context.Context, path string, any bool) (*stick.Image, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	sink, done := t.progress(ctx)
	defer done()
	stage := report.Start(sink, "image", "Look at the image")
	image, err := stick.Inspect(ctx, full, any, stage)
	if err != nil {
		return nil, stage.Fail(err)
	}
	kind := "an image of floe's"
	if !image.Floe {
		kind = "not one of floe's"
	}
	stage.Done(humanize.Bytes(uint64(image.Size)) + ", " + kind)
	return image, nil
}

// confirm shows what will be lost, and has the person type the disk's name.
func (t *terminal) confirm(ctx context.Context, disk disks.Disk, order stick.Order) error {
	rows := lossRows(disk, order.Data)
	if order.NoRoom() {
		rows = append(rows, noRoomRow())
	}
	t.say(t.errStyles().Table("This disk will be erased", rows))
	name := confirmName(disk)
	answer, err := t.ask(ctx, fmt.Sprintf("Type its name, %s, to erase it: ", name))
	if err != nil {
		return err
	}
	if !isName(answer, name) {
		return notMeant()
	}
	return nil
}

// notMeant is the error of an answer that does not confirm.
func notMeant() error {
	return fault.New(fault.Cancelled, "write an image", "", context.Canceled, "Nothing was changed: that was not what was asked for.")
}

// confirmName is what a person types to erase a disk: its name, or the
// kernel's for it where that could not be typed.
func confirmName(d disks.Disk) string {
	name := d.Name()
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) || d.Model == "" {
		return d.Kernel
	}
	return name
}

func isName(answer, name string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(answer), " "), name)
}

// lossRows tell which disk it is and what is on it.
func lossRows(d disks.Disk, data stick.Data) []ui.Row {
	rows := []ui.Row{{Key: "disk", Value: d.Path + ", " + d.Name()}, {Key: "size", Value: facts(d)}}
	if why := d.Unusual(); why != "" {
		rows = append(rows, ui.Row{Level: ui.Warn, Key: "unusual", Value: why})
	}
	for _, m := range d.MountedOn() {
		rows = append(rows, ui.Row{Level: ui.Warn, Key: "mounted", Value: m, Note: "will be unmounted"})
	}
	if len(d.Partitions) == 0 {
		rows = append(rows, ui.Row{Key: "lost", Value: d.Holds()})
	}
	for _, p := range d.Partitions {
		row := ui.Row{Key: "lost", Value: partition(p)}
		if data == stick.KeepData && p.Name == iso.DataName {
			row.Key = "kept"
		}
		rows = append(rows, row)
	}
	return rows
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// ask reads a line that the person types after the question was there. The end
// of the input is no answer.
func (t *terminal) ask(ctx context.Context, question string) (string, error) {
	forgetTyped(t.In)
	t.say(question)
	type read struct {
		line string
		err  error
	}
	answer := make(chan read, 1)
	go func() {
		line, err := bufio.NewReader(t.In).ReadString('\n')
		answer <- read{strings.TrimSpace(line), err}
	}()
	select {
	case <-ctx.Done():
		t.say("\n")
		return "", fault.New(fault.Cancelled, "ask", "", ctx.Err(), "Nothing was changed.")
	case r := <-answer:
		if r.err != nil {
			t.say("\n")
			return "", fault.New(fault.Cancelled, "ask", "", context.Canceled, "Nothing was changed.")
		}
		return r.line, nil
	}
}

func (t *terminal) say(text string)      { fmt.Fprint(t.Err, text) }
func (t *terminal) errStyles() ui.Styles { return ui.NewStyles(t.err) }

// carryOut writes, as root or by an elevated child.
func (t *terminal) carryOut(ctx context.Context, order stick.Order) (stick.Result, error) {
	do, err := t.writer(ctx)
	if err != nil {
		return stick.Result{}, err
	}
	sink, done := ui.Progress(ctx, ui.Options{Mode: t.mode, Out: t.Out, Err: t.Err, Terminal: &t.err, Stopping: ui.StopWriting(ui.Data(order.Data))})
	defer done()
	return do(ctx, order, sink)
}

// writeFunc writes an image to a disk.
type writeFunc func(context.Context, stick.Order, report.Sink) (stick.Result, error)

// writer gives what writes: this process if it is root, else a child that the
// person lets through. The terminal is the child's until then. Where that takes
// polkit anyway and a desktop's agent can ask, or there is no other way, the
// desktop's own service opens the disk instead, and nothing of floe's is root.
func (t *terminal) writer(ctx context.Context) (writeFunc, error) {
	if stick.IsRoot() {
		return func(ctx context.Context, o stick.Order, sink report.Sink) (stick.Result, error) {
			return stick.Write(ctx, o, disks.Here(), sink)
		}, nil
	}
	how, err := stick.FindElevator()
	if err != nil || how.Polkit && onDesktop() {
		if service, err := stick.FindUDisks(ctx); err == nil {
			return func(ctx context.Context, o stick.Order, sink report.Sink) (stick.Result, error) {
				return service.Write(ctx, o, disks.Here(), sink)
			}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child, err := stick.Elevate(ctx, how, self, []string{serveName}, t.Err)
	if err != nil {
		return nil, err
	}
	return child.Write, nil
}

// onDesktop tells whether the person sits at a graphical desktop, where
// polkit's agent has windows.
func onDesktop() bool { return os.Getenv("WAYLAND_DISPLAY") != "" || os.Getenv("DISPLAY") != "" }

// writtenRows tell what was written.
func writtenRows(d disks.Disk, r stick.Result) []ui.Row {
	rows := []ui.Row{
		{Key: "disk", Value: r.Path + ", " + d.Name()},
		{Key: "written", Value: humanize.Bytes(uint64(r.Bytes)), Note: rate(r.Bytes, r.Wrote.Seconds())},
		{Key: "read back", Value: "all as in the image", Note: rate(r.Bytes, r.Read.Seconds())},
	}
	switch {
	case r.Kept:
		rows = append(rows, ui.Row{Key: "data", Value: humanize.Bytes(uint64(r.Data)), Note: "kept as it was"})
	case r.Data > 0:
		rows = append(rows, ui.Row{Key: "data", Value: humanize.Bytes(uint64(r.Data)), Note: "made ready at Floe's first boot"})
	case r.NoRoom:
		rows = append(rows, noRoomRow())
	}
	return append(rows, ui.Row{Level: ui.OK, Key: "done", Value: "it is safe to remove"})
}

// noRoomRow tells that there is no data partition, although there should be one.
func noRoomRow() ui.Row {
	return ui.Row{Level: ui.Warn, Key: "data", Value: "none: the disk has no room for one", Note: "containers are lost at switch-off"}
}

func rate(bytes int64, seconds float64) string {
	if seconds <= 0 {
		return ""
	}
	return humanize.Bytes(uint64(float64(bytes)/seconds)) + "/s"
}

// writeLine is the command that writes an image to a stick.
func writeLine(image string) string { return "floe write " + steps.ShellWord(image) + " --to /dev/sdX" }
