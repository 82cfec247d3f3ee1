package ui

import (
	"context"
	"io"
)

// Ask asks line by line.
func Ask(ctx context.Context, house House, in io.Reader, out io.Writer, build func(context.Context) (Built, error)) error {
	return nil
}
