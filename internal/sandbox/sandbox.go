// Package sandbox runs the commands of a build where they see nothing of the
// host: in a root folder of unpacked Debian packages, without network, without
// root, with one folder to write to.
//
// [Unpack] makes the root folder. [New] gives the [Runner] that runs commands
// in it, in namespaces of their own (user, mount, pid, network, ipc, uts; see
// namespaces(7)). [Host] is the Runner for where these are forbidden: it uses
// the host's tools. [Probe] says which of the two will do here, and why.
//
// # The inner process
//
// A process cannot enter a user namespace once it has threads, and a Go
// program always has. So Run starts this same program again, with a marker as
// its argv[0]; the init function of this package sees the marker, and the
// process becomes the first one of the sandbox: it mounts, starts the command,
// and reaps. Nothing has to be called for that, neither by a program nor by a
// test. It goes before main, but after the init functions of imported
// packages: these must be quick.
//
// # What it is not
//
// It keeps builds honest, it is no wall against malice: the kernel is shared,
// and there are no limits on memory or processors. It does not run maintainer
// scripts, does not emulate other processors, and knows nothing of what the
// commands do.
package sandbox

import (
	"context"
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
	// that it started is killed at once, and the error wraps ctx.Err(). It is
	// an *ExitError if the command ran and failed.
	//
	// The command has no terminal, a umask of 022, no core dumps, and
	// 4096 open files at most. What it leaves running when it ends is killed.
	Run(ctx context.Context, c Command) error

	// Name says in a word where commands run, for keys and messages.
	Name() string
}

// buildDir is where Work is, inside.
const buildDir = "/build"

// innerPath is the PATH inside of a Root.
const innerPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environ gives the environment of a command: fixed, so that two hosts build
// the same.
func environ(path string, extra []string) []string {
	env := []string{"PATH=" + path, "HOME=/", "LC_ALL=C", "TZ=UTC"}
	return append(env, extra...) // the last of a name wins
}
