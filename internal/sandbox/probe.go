package sandbox

import (
	"errors"
)

func forbidden(why []error) error { return errors.Join(why...) }

// Probe says whether this host can run commands in a Root.
func Probe() error { return nil }
