package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process of this host that need not be a child. Its number
// alone means nothing, since numbers are used again: together with the time
// it started and the boot it started in, it is the same process or none.
type Process struct {
	PID    int    `json:"pid"`
	Start  uint64 `json:"start"`   // in clock ticks since the boot; field 22 of /proc/PID/stat, see proc_pid_stat(5)
	BootID string `json:"boot_id"` // /proc/sys/kernel/random/boot_id
}

// Identify looks a live process up.
func Identify(pid int) (Process, error) {
	start, alive, err := startTime(pid)
	if err == nil && !alive {
		err = errors.New("it has ended")
	}
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Start: start, BootID: strings.TrimSpace(string(boot))}, nil
}

// Alive says whether this very process still runs.
func (p Process) Alive() bool {
	now, err := Identify(p.PID)
	return err == nil && now == p
}

// startTime reads when a process started, and whether it still runs rather
// than waits, dead, for its parent.
func startTime(pid int) (ticks uint64, alive bool, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false, err
	}
	return parseStat(text)
}

// parseStat takes /proc/PID/stat apart. The program's name, in brackets, may
// itself hold brackets and spaces; the last one ends it.
func parseStat(text []byte) (ticks uint64, alive bool, err error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const state, starttime = 0, 19 // numbers 3 and 22, of fields that begin with number 3 here
	if len(fields) <= starttime {
		return 0, false, fmt.Errorf("not a line of /proc/PID/stat: %q", text)
	}
	ticks, err = strconv.ParseUint(fields[starttime], 10, 64)
	return ticks, fields[state] != "Z" && fields[state] != "X", err
}

// handle is a hold on a process: as long as it is held, signals reach that
// process or nobody.
type handle struct {
	who Process

	mu     sync.Mutex // over closed: a closed descriptor's number is used again
	fd     int        // of pidfd_open(2); -1 where the kernel has none
	closed bool
}

// hold takes hold of a process. It fails with os.ErrProcessDone if that very
// process is gone.
func (p Process) hold() (*handle, error) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil, os.ErrProcessDone
	case err != nil:
		fd = -1 // before Linux 5.3, or forbidden: look before each signal
	}
	if !p.Alive() {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, os.ErrProcessDone
	}
	return &handle{who: p, fd: fd}, nil
}

func (h *handle) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fd >= 0 && !h.closed {
		unix.Close(h.fd)
	}
	h.closed = true
}

// signal sends a signal; that the process is gone is no error.
func (h *handle) signal(sig unix.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	switch {
	case h.closed:
	case h.fd >= 0:
		err = unix.PidfdSendSignal(h.fd, sig, nil, 0)
	case h.who.Alive():
		err = unix.Kill(h.who.PID, sig)
	}
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// watch waits until the process has ended. It gives up, and says false, when
// quit is closed.
func (h *handle) watch(quit <-chan struct{}) bool {
	const step = 25 * time.Millisecond // as long as who closes quit may have to wait
	for {
		select {
		case <-quit:
			return false
		default:
		}
		if h.fd < 0 {
			if !h.who.Alive() {
				return true
			}
			time.Sleep(step)
			continue
		}
		fds := []unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(step.Milliseconds())); err == nil && n > 0 {
			return true
		}
	}
}
