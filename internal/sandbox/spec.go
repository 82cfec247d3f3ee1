package sandbox

import (
	"errors"
	"fmt"
	"syscall"
)

// mode is a way to keep a command apart from the host.
type mode string

const (
	modeUser   mode = "user namespace"          // all namespaces; needs no privilege
	modeAdmin  mode = "namespaces made by root" // all but the user namespace; needs CAP_SYS_ADMIN
	modeChroot mode = "plain chroot"            // needs CAP_SYS_CHROOT and CAP_MKNOD; the network is not cut off
	modeHost   mode = "host"                    // only a process group
)

// namespaced says whether the mode has mounts and processes of its own.
func (m mode) namespaced() bool { return m == modeUser || m == modeAdmin }

// spec is what the outer process tells the inner one, as JSON on a pipe.
type spec struct {
	Mode mode
	Root string   // folder that becomes /; not with modeHost
	Work string   // folder that becomes /build; "": none
	Dir  string   // working directory, as seen inside
	Args []string // empty: only try whether all can be set up
	Env  []string
}

// outcome is what the inner process answers, as JSON on another pipe.
type outcome struct {
	Failed *setupError // the command was not started
	Exit   int
	Signal syscall.Signal
}

// setupError says which step on the way to a running command failed.
type setupError struct {
	Step  string // in words: "mount /proc"
	Errno syscall.Errno
	Text  string // the error, for people
}

func (e *setupError) Error() string { return e.Step + ": " + e.Text }

func (e *setupError) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// The steps that callers tell apart.
const (
	stepNamespaces = "make namespaces"
	stepFind       = "find the command"
)

// step makes a setupError of err, nil of nil.
func step(err error, format string, args ...any) *setupError {
	if err == nil {
		return nil
	}
	e := &setupError{Step: fmt.Sprintf(format, args...), Text: err.Error()}
	errors.As(err, &e.Errno)
	return e
}
