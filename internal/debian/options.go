package debian

import (
	"net/http"
	"time"

	"floe/internal/arch"
	"floe/internal/report"
)

// Root says under which of a mirror's two archive roots something lives.
type Root string

// The roots.
const (
	Main     Root = "main"     // .../debian
	Security Root = "security" // .../debian-security
)

// Suite is a suite of the archive.
type Suite struct {
	Codename string // folder below dists/, and Codename of its release file
	Root     Root
}

// Trixie lists the suites of Debian 13 that a stable system takes packages
// from.
func Trixie() []Suite {
	return []Suite{
		{Codename: "trixie", Root: Main},
		{Codename: "trixie-updates", Root: Main},
		{Codename: "trixie-security", Root: Security},
	}
}

// Options says what to open and how. Only Cache is required.
type Options struct {
	// Cache is the folder for everything that is downloaded: verified files as
	// sha256/<hex>, and release files, unfinished downloads and derived tables
	// beside it. Several processes may share it.
	Cache string

	Mirrors    []Mirror    // tried in order; default: FindMirrors("", "/")
	Suites     []Suite     // default: Trixie()
	Components []string    // default: main
	Archs      []arch.Arch // whose packages can be resolved; default: the host's
	Keyring    *Keyring    // default: DebianKeyring()

	// MaxAge is how long release files on disk are used without asking the
	// network. 0 means 24 hours; Refresh asks in any case.
	MaxAge  time.Duration
	Refresh bool
	// Offline uses only what is on disk. Release files whose Valid-Until has
	// passed are then still used, and this is said: they were valid when they
	// came.
	Offline bool

	Client   *http.Client     // default: one that honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY
	Patience Patience         // zero fields take their defaults
	Now      func() time.Time // default: time.Now
	Report   report.Sink      // default: report.Discard
}

// Patience says how long to wait for a mirror.
type Patience struct {
	Stall    time.Duration // without a byte, until a connection counts as dead; default 30 s
	Attempts int           // per file and mirror; default 4
	Wait     time.Duration // before the second attempt, doubled with each further one; default 1 s
	Parallel int           // files at a time; default 4
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() (Options, error) {
	if o.Suites == nil {
		o.Suites = Trixie()
	}
	if o.Components == nil {
		o.Components = []string{"main"}
	}
	if o.Archs == nil {
		o.Archs = []arch.Arch{arch.Host()}
	}
	if o.MaxAge == 0 {
		o.MaxAge = 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = report.Discard
	}
	if o.Client == nil {
		o.Client = newClient()
	}
	o.Patience = o.Patience.withDefaults()
	var err error
	if o.Keyring == nil {
		o.Keyring, err = DebianKeyring()
	}
	if err == nil && o.Mirrors == nil {
		o.Mirrors, err = FindMirrors("", "/")
	}
	return o, err
}

func (p Patience) withDefaults() Patience {
	if p.Stall == 0 {
		p.Stall = 30 * time.Second
	}
	if p.Attempts == 0 {
		p.Attempts = 4
	}
	if p.Wait == 0 {
		p.Wait = time.Second
	}
	if p.Parallel == 0 {
		p.Parallel = 4
	}
	return p
}
