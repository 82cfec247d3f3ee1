package cli

import (
	"os"

	"floe/internal/board"
	"floe/internal/iso"
)

// isCard tells whether an image is that of a board's memory card.
func isCard(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false // whoever wants to read it says why
	}
	defer f.Close()
	table, err := iso.ReadGPT(f)
	if err != nil {
		return false
	}
	_, card := table.Find(board.Volume)
	return card
}
