// Package fault holds the classes of errors that a person can meet. An error
// of a class says what was being done, to what, why it failed and what to do
// next; the command line maps the class to an exit code in one place.
//
// It does not print, and it classifies nothing by itself: the room in which
// an error arises knows its class.
package fault

import (
	"context"
	"errors"
	"strings"
)

// Class is a class of errors. Its value is the exit code of the program.
type Class int

// The classes and their exit codes.
const (
	Usage     Class = 2   // a wrong flag, plan or file from the person
	Missing   Class = 3   // something needed is not there: a tool, a permission, space
	Disk      Class = 4   // a disk was refused, or did not do what a disk does
	Verify    Class = 5   // a signature or a checksum does not match
	Network   Class = 6   // the network or the archive does not answer as it should
	Build     Class = 7   // a build or a machine failed
	Cancelled Class = 130 // the person stopped it
)

// Error is an error of a class.
type Error struct {
	Class Class
	Op    string // what was being done, in words: "verify the release file"
	On    string // to what: a file, an address, a device; may be empty
	Err   error  // why
	Hint  string // what the person can do next; may be empty
}

// New returns an Error; its message is "op on: err".
func New(class Class, op, on string, err error, hint string) *Error {
	return &Error{Class: class, Op: op, On: on, Err: err, Hint: hint}
}

// Error gives the message without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.On != "" {
		b.WriteString(" " + e.On)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Code gives the exit code for err: 0 for nil, the outermost class that is
// found in its chain, 130 for a cancelled context and 1 otherwise.
func Code(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		return int(Cancelled)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return int(e.Class)
	}
	return 1
}

// Hint gives the first hint in err's chain, or "".
func Hint(err error) string {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Hint != "" {
			return e.Hint
		}
	}
	return ""
}
