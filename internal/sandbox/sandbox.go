package sandbox

import (
	"context"
	"errors"
	"io"
)

// Command is a command to run. All its paths are relative to Work.
type Command struct {
	// Args is the command and its arguments. Args[0] is looked up on the
	// runner's PATH, or below the working directory if it has a slash.
	Args []string

	// Env is added to a small fixed environment (PATH, HOME=/, LC_ALL=C,
	// TZ=UTC) and wins over it. Each is "NAME=value".
	Env []string

	// Work is a folder of the host, the only place where the command may
	// write and keep something. In a Root it is /build.
	Work string

	// Sub is the working directory, below Work; "" is Work itself.
	Sub string

	Stdin          io.Reader // nil: /dev/null
	Stdout, Stderr io.Writer // nil: only the last lines are kept, for ExitError
}

// Runner runs commands.
type Runner interface {
	// Run runs a command to its end. If ctx is cancelled, the command and all
	// its descendants are killed. An error is an *ExitError if the command
	// itself failed.
	Run(ctx context.Context, c Command) error

	// Name says in a word where commands run, for keys and messages.
	Name() string
}

// New gives a runner for the root folder that Unpack made.
func New(root string) *Root { return &Root{dir: root} }

// Root runs commands in a root folder of unpacked packages.
type Root struct{ dir string }

// Host runs commands with the tools of the host.
type Host struct{}

// Tool is a program that a build needs from the host.
type Tool struct {
	Name    string // as looked up on PATH
	Reason  string // what needs it: "compiles the kernel"
	Package string // Debian package that has it
}

var errSoon = errors.New("sandbox: not built yet")

// Name is "sandbox".
func (r *Root) Name() string { return "sandbox" }

// Run runs a command in the root.
func (r *Root) Run(ctx context.Context, c Command) error { return errSoon }

// Direct gives the argv that runs a program of the root outside of any
// namespace, through the root's own dynamic loader.
func (r *Root) Direct(prog string, args ...string) []string { return nil }

// Path gives the host's path of a path inside the root; symbolic links are
// followed as if the root were "/".
func (r *Root) Path(inside string) (string, error) { return "", errSoon }

// Name is "host".
func (Host) Name() string { return "host" }

// Run runs a command with the host's PATH in Work.
func (Host) Run(ctx context.Context, c Command) error { return errSoon }

// Probe says whether this host can run commands in a Root.
func Probe() error { return errSoon }

// CheckHost looks for every tool and names all that are missing.
func CheckHost(tools []Tool) error { return errSoon }

// Unpack unpacks .deb files into dir.
func Unpack(ctx context.Context, debs []string, dir string, progress func(done, total int)) error {
	return errSoon
}

// ExitError is the error of a command that ran and failed.
type ExitError struct {
	Args   []string // the command
	Code   int      // exit status; 128 + number of the signal that ended it
	Signal string   // name of the signal, "" if it exited by itself
	Tail   []string // the last lines of its output, both streams
}

// Error says how the command ended.
func (e *ExitError) Error() string { return "failed" }
