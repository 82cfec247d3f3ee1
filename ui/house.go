package ui

import (
	"context"

	"floe/internal/report"
	"floe/steps"
	"floe/steps/keysource"
)

// House is what the wizard and the plain questions ask of the rest of floe.
// They decide nothing and do nothing themselves. Methods that take a context
// may be slow; they are called from other goroutines than the display's, and
// must not write to the terminal, except for Try, which is lent it.
type House interface {
	// Beginnings are the ways to begin; the first one is the usual one.
	Beginnings() []Beginning

	// Checks look at this machine, in the order in which they are shown.
	Checks() []func(context.Context) Check

	// Keys finds the public ssh keys of this machine.
	Keys(context.Context) []keysource.Key

	// Services names the sites that Import knows.
	Services() []string

	// Import fetches the public keys of a user of a site.
	Import(ctx context.Context, service, user string) ([]keysource.Key, error)

	// NewKey makes a key: the private half in a new file at the path.
	NewKey(ctx context.Context, path string) (keysource.Key, error)

	// BootLine gives the kernel's whole command line.
	BootLine(*steps.Plan) string

	// LookAt says what there is to say of a path where the image may go.
	LookAt(ctx context.Context, path string) (Level, string)

	// Save writes the plan as floe.toml and tells the path. Without replace, a
	// file that is there already is left alone and gives an error in whose
	// chain is fs.ErrExist.
	Save(ctx context.Context, plan *steps.Plan, replace bool) (string, error)

	// Remember keeps the answers for next time.
	Remember(ctx context.Context, plan *steps.Plan) error

	Sticks

	// Build builds the image. What it gives with an error has nothing but a log.
	Build(ctx context.Context, plan *steps.Plan, sink report.Sink) (Built, error)

	// Start starts a machine that boots an image, for the live view.
	Start(ctx context.Context, plan *steps.Plan, image string, sink report.Sink) (Machine, error)

	// Try boots an image and hands the terminal to its console until the
	// person leaves it.
	Try(ctx context.Context, plan *steps.Plan, image string) error
}

// Beginning is a set of answers to begin with.
type Beginning struct {
	Title   string // "Resume"
	Note    string // "box, 512 MiB, built 14:02"
	Sources []steps.Source
	Review  bool  // everything is answered: begin at the review
	Err     error // why it cannot be used
}

// Built is an image that was built.
type Built struct {
	Path   string
	Size   int64 // bytes
	SHA256 string
	Parts  []Row
	Fixed  bool      // it cannot be tried out here: it is for a board
	Next   []Command // what to type to use it
	Log    string    // path of the build's whole log; it is there after a failure too
}
