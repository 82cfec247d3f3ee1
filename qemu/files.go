package qemu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"floe/internal/fault"
)

// Home is where machines live on this host.
type Home struct {
	// State is a folder with one folder for each machine: its state file,
	// its logs, its private files.
	State string

	// Runtime is a folder for sockets and FIFOs. Its path must be short, since the
	// whole path of a unix socket has room for 107 bytes.
	Runtime string
}

// DefaultRuntime is "floe" in $XDG_RUNTIME_DIR, or where there is none
// "floe-UID" in the folder for temporary files.
func DefaultRuntime() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && isDir(dir) {
		return filepath.Join(dir, "floe")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("floe-%d", os.Getuid()))
}

// Files are the paths on the host that one machine uses while it runs.
type Files struct {
	Dir         string `json:"dir"`          // the machine's folder; QEMU's working and temporary folder
	State       string `json:"state"`        // the state file
	Lock        string `json:"lock"`         // held while the machine is started or cleaned up
	Keyboard    string `json:"keyboard"`     // FIFO to the serial console
	Log         string `json:"log"`          // what QEMU itself says
	ConsoleLog  string `json:"console_log"`  // everything the serial console said
	FirmwareLog string `json:"firmware_log"` // what SeaBIOS says on its debug port
	Vars        string `json:"vars"`         // this machine's UEFI variables
	Initrd      string `json:"initrd"`       // several initrds as one
	Events      string `json:"events"`       // what QEMU told of the machine, in QMP
	Orders      string `json:"orders"`       // FIFO to the monitor that tells it
	Control     string `json:"control"`      // QMP socket
}

// Files are the paths of the machine of that name.
func (h Home) Files(name string) Files {
	dir := filepath.Join(h.State, name)
	sum := sha256.Sum256([]byte(dir))
	socket := filepath.Join(h.Runtime, hex.EncodeToString(sum[:5]))
	return Files{
		Dir:         dir,
		State:       filepath.Join(dir, "state.json"),
		Lock:        filepath.Join(dir, "lock"),
		Log:         filepath.Join(dir, "qemu.log"),
		ConsoleLog:  filepath.Join(dir, "console.log"),
		FirmwareLog: filepath.Join(dir, "firmware.log"),
		Vars:        filepath.Join(dir, "uefi-vars"),
		Initrd:      filepath.Join(dir, "initrd"),
		Keyboard:    socket + ".keyboard",
		Events:      filepath.Join(dir, "events.qmp"),
		Orders:      socket + ".orders",
		Control:     socket + ".control",
	}
}

// ends are the files through which a running machine is reached.
func (f Files) ends() []string { return []string{f.Keyboard, f.Orders, f.Control} }

// logs are the files that tell of a run, while it goes on and afterwards.
func (f Files) logs() []string { return []string{f.Log, f.ConsoleLog, f.FirmwareLog, f.Events} }

// forget removes what an earlier run left to be read.
func (f Files) forget() error { return remove(f.logs()...) }

// remove removes files, as far as they are there.
func remove(paths ...string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sunPath is the room for a path and its final NUL in sockaddr_un.
const sunPath = 108

// makeFolders makes the folders of a machine, for this person only.
func (h Home) makeFolders(f Files) error {
	fail := func(class fault.Class, on string, err error, hint string) error {
		return fault.New(class, "make the machine's folder", on, err, hint)
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fail(fault.Missing, f.Dir, err, "choose another folder for floe's state")
	}
	if err := os.MkdirAll(h.Runtime, 0o700); err != nil {
		return fail(fault.Missing, h.Runtime, err, "set XDG_RUNTIME_DIR to a folder of your own")
	}
	st, err := os.Lstat(h.Runtime)
	if err != nil {
		return fail(fault.Missing, h.Runtime, err, "")
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !st.IsDir() || !ok || int(sys.Uid) != os.Getuid() || st.Mode().Perm()&0o022 != 0 {
		return fail(fault.Missing, h.Runtime, errors.New("it is not this person's own folder: others could reach the machines"),
			"set XDG_RUNTIME_DIR to a folder of your own")
	}
	if n := len(f.Control); n >= sunPath {
		return fail(fault.Missing, f.Control, fmt.Errorf("the path has %d bytes and a socket's path at most %d", n, sunPath-1),
			"set XDG_RUNTIME_DIR to a folder with a short path")
	}
	return nil
}

// prepare makes the files that a run of the machine starts with: empty logs,
// UEFI variables as the firmware's maker left them, the initrds as one.
// What an earlier run left is removed.
func (f Files) prepare(m Machine, flash Flash) error {
	if err := errors.Join(f.forget(), remove(append(f.ends(), f.Vars, f.Initrd)...)); err != nil {
		return err
	}
	for _, log := range f.logs() {
		if err := writeAll(log, nil, 1); err != nil {
			return err
		}
	}
	for _, fifo := range []string{f.Keyboard, f.Orders} {
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			return fmt.Errorf("make the FIFO %s: %w", fifo, err)
		}
	}
	if m.Firmware == UEFI && flash.Vars != "" {
		if err := writeAll(f.Vars, []string{flash.Vars}, 1); err != nil {
			return err
		}
	}
	if m.Kernel != nil && len(m.Kernel.Initrds) > 1 {
		return writeAll(f.Initrd, m.Kernel.Initrds, 4)
	}
	return nil
}

// writeAll makes a file of several, each padded with NULs to a multiple of
// align bytes, as the kernel's initramfs buffer format wants it for cpio
// archives (Documentation/driver-api/early-userspace/buffer-format.rst).
func writeAll(path string, parts []string, align int64) (err error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for _, part := range parts {
		in, err := os.Open(part)
		if err != nil {
			return err
		}
		n, err := io.Copy(out, in)
		in.Close()
		if err == nil && n%align != 0 {
			_, err = out.Write(make([]byte, align-n%align))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
