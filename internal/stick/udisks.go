package stick

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/report"
)

// UDisks is the service of desktops that opens disks for whoever may
// (http://storaged.org/doc/udisks2-api/latest). It asks polkit, whose agent asks
// the person.
type UDisks struct{ bus *dbus.Conn }

// Names of the service's.
const (
	udisksName  = "org.freedesktop.UDisks2"
	udisksBlock = udisksName + ".Block"
	udisksFiles = udisksName + ".Filesystem"
	udisksError = udisksName + ".Error."
)

const (
	// settled is how long udev may take to have looked at a disk.
	settled = 5 * time.Second

	// answers is how long the bus and the service may take for what no person is
	// asked for. The service is started by it, and looks at every disk first.
	answers = time.Minute
)

// FindUDisks connects to the service, if this machine has it. Close ends that.
func FindUDisks(ctx context.Context) (*UDisks, error) {
	missing := func(err error) error {
		return fault.New(fault.Missing, "reach udisks2", "", err, "Run the same as root: su -c 'floe write ...'.")
	}
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // the connection's, which outlives the looking
	stop := context.AfterFunc(ctx, end)
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(life))
	if err != nil {
		end()
		return nil, missing(cmp.Or(ctx.Err(), err))
	}
	stop()
	var running bool
	var startable []string
	err1 := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, udisksName).Store(&running)
	err2 := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&startable)
	if err := errors.Join(err1, err2); err != nil {
		bus.Close()
		return nil, missing(err)
	}
	if !running && !slices.Contains(startable, udisksName) {
		bus.Close()
		return nil, missing(errors.New("it is not installed"))
	}
	return &UDisks{bus}, nil
}

// Close ends the connection.
func (u *UDisks) Close() error { return u.bus.Close() }

// Write writes an image to a disk that the service opens. All rules of the
// function Write hold, and no part of this process becomes root. It closes the
// connection.
func (u *UDisks) Write(ctx context.Context, o Order, s disks.System, sink report.Sink) (Result, error) {
	defer u.Close()
	result, err := write(ctx, o, s, u, nil, sink, func() error { return nil })
	if err != nil {
		return result, err
	}
	// Only now: while we had the disk, nobody else could. The service waits for
	// udev, which is quick or never comes.
	ctx, cancel := context.WithTimeout(ctx, settled)
	defer cancel()
	stage := report.Start(sink, "write/reread", "Have the kernel read the new partition table")
	block, err := u.block(ctx, o.Disk.Number)
	if err == nil {
		err = block.CallWithContext(ctx, udisksBlock+".Rescan", 0, map[string]dbus.Variant{}).Err
	}
	if err != nil {
		stage.Log("it will when the disk is plugged in again: " + err.Error())
	}
	stage.Done("")
	return result, nil
}

// objects are the service's: interfaces with their properties, by path.
type objects map[dbus.ObjectPath]map[string]map[string]dbus.Variant

func (u *UDisks) objects(ctx context.Context) (list objects, err error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	err = u.bus.Object(udisksName, "/org/freedesktop/UDisks2").
		CallWithContext(ctx, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", 0).Store(&list)
	return list, udisksWords(err)
}

// block finds the service's object for a disk by its device number.
func (u *UDisks) block(ctx context.Context, n disks.Number) (dbus.BusObject, error) {
	list, err := u.objects(ctx)
	if err != nil {
		return nil, err
	}
	for path, interfaces := range list {
		if number, ok := interfaces[udisksBlock]["DeviceNumber"].Value().(uint64); ok && number == unix.Mkdev(n.Major, n.Minor) {
			return u.bus.Object(udisksName, path), nil
		}
	}
	return nil, fmt.Errorf("udisks2 does not know the disk with the number %s", n)
}

func (u *UDisks) open(ctx context.Context, disk disks.Disk) (*os.File, error) {
	block, err := u.block(ctx, disk.Number)
	if err != nil {
		return nil, err
	}
	var fd dbus.UnixFD
	options := map[string]dbus.Variant{"flags": dbus.MakeVariant(int32(unix.O_EXCL | unix.O_DIRECT | unix.O_CLOEXEC))}
	if err := block.CallWithContext(ctx, udisksBlock+".OpenDevice", 0, "rw", options).Store(&fd); err != nil {
		return nil, udisksWords(err)
	}
	unix.CloseOnExec(int(fd))
	return os.NewFile(uintptr(fd), disk.Path), nil
}

func (u *UDisks) unmount(ctx context.Context, point string) error {
	list, err := u.objects(ctx)
	if err != nil {
		return err
	}
	for path, interfaces := range list {
		points, _ := interfaces[udisksFiles]["MountPoints"].Value().([][]byte)
		if slices.ContainsFunc(points, func(b []byte) bool { return string(bytes.TrimRight(b, "\x00")) == point }) {
			err := u.bus.Object(udisksName, path).CallWithContext(ctx, udisksFiles+".Unmount", 0, map[string]dbus.Variant{}).Err
			return udisksWords(err)
		}
	}
	return errors.New("udisks2 does not know what is mounted there")
}

// reread is for later: the kernel lets nobody while the disk is open
// exclusively, and us it never lets.
func (u *UDisks) reread(*block) error { return nil }

// udisksWords turns an error of the service's into one of this package's. What
// the kernel said comes as text only.
func udisksWords(err error) error {
	e, ok := errors.AsType[dbus.Error](err)
	if !ok {
		return err
	}
	kind, _ := strings.CutPrefix(e.Name, udisksError)
	said := e.Error()
	switch {
	case kind == "NotAuthorizedDismissed", kind == "Cancelled":
		return fault.New(fault.Cancelled, "use udisks2 to get at the disk", "", context.Canceled, "Nothing was changed.")
	case strings.HasPrefix(kind, "NotAuthorized"):
		return fault.New(fault.Missing, "use udisks2 to get at the disk", "", errors.New(said),
			"Nothing was changed. Whoever administers this machine can run the same as root.")
	case kind == "DeviceBusy":
		return fmt.Errorf("%s: %w", said, unix.EBUSY)
	}
	for _, errno := range []unix.Errno{unix.EBUSY, unix.ENOMEDIUM, unix.EROFS, unix.ENXIO, unix.ENODEV, unix.ENOENT} {
		if strings.HasSuffix(strings.ToLower(said), errno.Error()) {
			return fmt.Errorf("%s: %w", said, errno)
		}
	}
	return errors.New(said)
}
