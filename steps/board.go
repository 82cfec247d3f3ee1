package steps

import (
	"fmt"

	"floe/internal/board"
)

const boardKey = "board"

// boardStep asks what board the machine is, where the architecture has any.
func boardStep() Step {
	return Step{
		Key: boardKey, Kind: OneOf, Title: "Board", Value: "KIND", Default: string(board.None),
		Ask:  "Is the machine a board that boots no ISO?",
		Help: "A board that boots from an image of its own: rpi (Raspberry Pi 3, 4 and 5; arm64; a .img for its memory card). none: an ISO.",
		Choices: []Choice{
			{Value: string(board.None), Title: "No", Help: "a machine with UEFI: an ISO, for sticks, CDs and virtual machines"},
			{Value: string(board.RaspberryPi), Title: board.RaspberryPi.Title(), Help: "3, 4 and 5: an image for a memory card; a 5 has no network with Linux 6.12"},
		},
		when: func(p *Plan) bool { return p.Arch == board.RaspberryPi.Arch() },
		set: func(p *Plan, v []string) error {
			b, err := board.Parse(v[0])
			if err == nil && b.Chosen() && p.Arch != b.Arch() {
				err = fmt.Errorf("the %s has the architecture %s, and %s was asked for", b.Title(), b.Arch(), p.Arch)
			}
			p.Board = b
			return err
		},
		get: func(p *Plan) []string { return []string{string(p.Board)} },
	}
}

// archOfBoard is the architecture that a source means if it names a board and
// no architecture.
func archOfBoard(s Source) string {
	v := s.Given[boardKey]
	if len(v) != 1 {
		return ""
	}
	b, err := board.Parse(v[0])
	if err != nil || !b.Chosen() {
		return "" // an unknown board is an error where it is taken
	}
	return string(b.Arch())
}

// Tries tells whether the image boots in floe's virtual machines.
func (p *Plan) Tries() bool { return !p.Board.Chosen() }

// outputName is the image's name if nobody gives it one.
func outputName(p *Plan) string {
	if p.Board.Chosen() {
		return "floe-" + p.Board.String() + ".img"
	}
	return "floe-" + p.Arch.String() + ".iso"
}
