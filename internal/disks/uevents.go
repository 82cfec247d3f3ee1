package disks

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	settle  = 150 * time.Millisecond // several events come together
	tidings = 2 * time.Second        // mounts make no event: look every so often
)

// Changes tells when it is worth to list the disks again: at once, when the
// kernel or udev tells of a block device, and every two seconds, since mounts
// are not told. The channel is closed when ctx ends.
func Changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	events := uevents(ctx)
	go func() {
		defer close(out)
		tick := time.NewTicker(tidings)
		defer tick.Stop()
		for {
			select {
			case out <- struct{}{}:
			default: // one is waiting to be taken
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case _, ok := <-events:
				if !ok {
					events = nil
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(settle):
				}
			}
		}
	}()
	return out
}

// Groups of NETLINK_KOBJECT_UEVENT: what the kernel tells, and what udev tells
// once its database has it.
const groups = 1 | 2

// uevents tells of events about block devices. Where netlink is forbidden the
// channel is closed.
func uevents(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		close(out)
		return out
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		close(out)
		return out
	}
	socket := os.NewFile(uintptr(fd), "uevents")
	context.AfterFunc(ctx, func() { socket.Close() })
	go func() {
		defer close(out)
		defer socket.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := socket.Read(buf)
			lost := errors.Is(err, unix.ENOBUFS) // more than we could take: look, in any case
			if err != nil && !lost {
				return
			}
			if lost || bytes.Contains(buf[:n], []byte("SUBSYSTEM=block\x00")) {
				select {
				case out <- struct{}{}:
				default:
				}
			}
		}
	}()
	return out
}
