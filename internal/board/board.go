// Package board names the kinds of machines that start from an image of their
// own, since their firmware boots no ISO. What differs between them is in one
// table.
//
// It builds nothing; package assemble does.
package board

import (
	"fmt"
	"strings"

	"floe/internal/arch"
)

// Board is a kind of machine.
type Board string

// The boards.
const (
	None        Board = "none" // any machine that boots an ISO
	RaspberryPi Board = "rpi"  // Raspberry Pi 3, 4 and 5
)

// Volume is the name of a board's boot partition: of its file system, by which
// the booted system finds it, and in the partition table.
const Volume = "FLOE-RPI"

type names struct {
	title string
	arch  arch.Arch
}

var table = map[Board]names{
	RaspberryPi: {title: "Raspberry Pi", arch: arch.ARM64},
}

// All lists the boards, None first.
func All() []Board { return []Board{None, RaspberryPi} }

// Parse takes a board's name; "" is None.
func Parse(s string) (Board, error) {
	known := make([]string, 0, len(table)+1)
	for _, b := range All() {
		if s == string(b) || s == "" {
			return b, nil
		}
		known = append(known, string(b))
	}
	return None, fmt.Errorf("unknown board %q; floe knows %s", s, strings.Join(known, " and "))
}

// String gives the name: "rpi".
func (b Board) String() string { return string(b) }

// Title is the name for people: "Raspberry Pi".
func (b Board) Title() string { return table[b].title }

// Arch is the board's architecture; None has none.
func (b Board) Arch() arch.Arch { return table[b].arch }

// Chosen tells that it is a board at all.
func (b Board) Chosen() bool { _, ok := table[b]; return ok }
