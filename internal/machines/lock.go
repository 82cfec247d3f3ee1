package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"floe/internal/fault"
	"floe/qemu"
)

// Lock is a machine in this floe's hands alone. The lock is the kernel's: it ends with
// the floe that has it, however that ends.
type Lock struct {
	path string
	held *flock.Flock
}

// Work is what a floe that has a machine in hand does to it.
type Work struct {
	Floe  qemu.Process `json:"floe"`
	Doing string       `json:"doing"`
}

// String says which floe that is, and what it does.
func (w Work) String() string {
	return fmt.Sprintf("another floe, process %d, is %s", w.Floe.PID, w.Doing)
}

// lockPath is a file beside the machine's folder, which may go; a name with a dot is no
// machine's.
func (s Shelf) lockPath(name string) string { return filepath.Join(s.Home.State, "."+name+".lock") }

// Lock keeps other floes from changing a machine. It waits for one that does; waiting,
// if not nil, is called first then, with what that one does if that is known.
func (s Shelf) Lock(ctx context.Context, name string, waiting func(other string)) (*Lock, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	fail := func(err error) error {
		return fault.New(fault.Missing, "lock machine", name, err, "look at the folder "+s.Home.State)
	}
	if err := os.MkdirAll(s.Home.State, 0o700); err != nil {
		return nil, fail(err)
	}
	l := flock.New(s.lockPath(name), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err == nil && !ok {
		if waiting != nil {
			other := "another floe has it in hand"
			if w, busy := s.Busy(name); busy {
				other = w.String()
			}
			waiting(other)
		}
		_, err = l.TryLockContext(ctx, 100*time.Millisecond)
	}
	if ctx.Err() != nil {
		l.Unlock()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fail(err)
	}
	return &Lock{s.lockPath(name), l}, nil
}

// Doing writes down what this floe does with the machine, "building its image" for one,
// for other floes to tell.
func (l *Lock) Doing(what string) {
	me, err := qemu.Identify(os.Getpid())
	if err != nil {
		return
	}
	// Only words are lost if it cannot be written.
	if text, err := json.Marshal(Work{Floe: me, Doing: what}); err == nil {
		_ = os.WriteFile(l.path, text, 0o600)
	}
}

// Release lets other floes have the machine.
func (l *Lock) Release() {
	_ = os.WriteFile(l.path, nil, 0o600)
	l.held.Unlock()
}

// Busy gives what another floe does to a machine, if one does and said so.
func (s Shelf) Busy(name string) (Work, bool) {
	text, err := os.ReadFile(s.lockPath(name))
	if err != nil || len(text) == 0 {
		return Work{}, false
	}
	var w Work
	err = json.Unmarshal(text, &w)
	// One that was killed has let go of the machine, and could not say so.
	return w, err == nil && w.Floe.PID != os.Getpid() && w.Floe.Alive()
}
