package sandbox

import (
	"context"
	"errors"
)

// Unpack unpacks .deb files into dir.
func Unpack(ctx context.Context, debs []string, dir string, progress func(done, total int)) error {
	return errors.New("sandbox: not built yet")
}
