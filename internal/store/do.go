package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"floe/internal/fault"
)

// Option changes how Do works.
type Option func(*options)

type options struct {
	waits func()
}

// OnWait has fn called once if Do has to wait because another floe, or
// another goroutine, builds the same thing.
func OnWait(fn func()) Option { return func(o *options) { o.waits = fn } }

// poll is how often a waiting Do looks whether the lock is free.
const poll = 100 * time.Millisecond

// lowSpace is the number of free bytes below which a failed build is told to
// have failed for want of space, whatever its tools said.
const lowSpace = 32 << 20

// Do returns the entry of key. If there is none, build makes it in dir, an
// empty folder, and the entry appears when build returns nil. While another
// process builds the same key, Do waits for it. An error of build is returned
// as it is, and nothing of what it made is kept.
//
// The path of dir depends on the key only. The entry stays in the store at
// least until Close.
func (s *Store) Do(ctx context.Context, key *Key, build func(ctx context.Context, dir string) error, opts ...Option) (Entry, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	if e, ok := s.Lookup(key); ok {
		e.Cached = true
		return e, nil
	}
	lock, err := s.lock(ctx, key, o.waits)
	if err != nil {
		return Entry{}, err
	}
	defer lock.Close()
	if e, ok := s.Lookup(key); ok {
		e.Cached = true
		return e, nil
	}
	return s.build(ctx, key, build)
}

// Lookup returns the entry of key if it is there and whole. The entry stays
// in the store at least until Close.
func (s *Store) Lookup(key *Key) (Entry, bool) {
	name := key.name()
	if _, err := s.read(name); err != nil { // mostly it is not there: no need for a lock
		return Entry{}, false
	}
	if !s.lease(name) {
		return Entry{}, false
	}
	e, err := s.read(name)
	if err != nil || e.Key != key.Hex() {
		s.release(name)
		return Entry{}, false
	}
	e.Used = time.Now()
	// Only Prune asks for the time of last use: no reason to fail.
	_ = os.Chtimes(s.path(outDir, name, entryFile), time.Time{}, e.Used)
	return e, true
}

// lock takes the build lock of key.
func (s *Store) lock(ctx context.Context, key *Key, waits func()) (*flock.Flock, error) {
	l := s.buildLock(key.name())
	op := "lock the build of " + key.stage
	locked, err := l.TryLock()
	if err == nil && !locked {
		if waits != nil {
			waits()
		}
		locked, err = l.TryLockContext(ctx, poll)
	}
	if ctxErr := ctx.Err(); ctxErr != nil && !locked {
		return nil, errors.Join(fmt.Errorf("wait for another floe to build %s: %w", key.stage, ctxErr), l.Close())
	}
	if err != nil {
		return nil, errors.Join(s.explain(op, l.Path(), err), l.Close())
	}
	return l, nil
}

// build makes the entry of key; the caller holds its build lock.
func (s *Store) build(ctx context.Context, key *Key, build func(context.Context, string) error) (_ Entry, err error) {
	name := key.name()
	tmp, out := s.path(tmpDir, name), s.path(outDir, name)
	for _, old := range []string{tmp, out} { // of a killed run; damaged
		if err := s.discard(old, name); err != nil {
			return Entry{}, s.explain("remove the remains of", old, err)
		}
	}
	tree := filepath.Join(tmp, treeDir)
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return Entry{}, s.explain("make", tree, err)
	}
	defer func() { // also when build panics; after the rename there is nothing left
		if derr := s.leave(ctx, tmp, name); derr != nil && err == nil {
			err = s.explain("remove", tmp, derr)
		}
	}()
	if err := build(ctx, tree); err != nil {
		return Entry{}, s.blameSpace(ctx, key, err)
	}
	if err := s.publish(tmp, out, key); err != nil {
		return Entry{}, s.explain("keep what was built of "+key.stage+" as", out, err)
	}
	e, ok := s.Lookup(key)
	if !ok {
		return Entry{}, fault.New(fault.Missing, "find what was just built of "+key.stage+" in", out,
			errors.New("it is gone"), "is another program removing files from the store?")
	}
	return e, nil
}

// leave removes what a build has left. Who cancelled it does not wait for that: the
// next Open has it removed.
func (s *Store) leave(ctx context.Context, tmp, name string) error {
	if ctx.Err() == nil {
		return s.discard(tmp, name)
	}
	_, err := s.bury(tmp, name)
	return err
}

// publish makes the folder tmp the entry out by one rename.
func (s *Store) publish(tmp, out string, key *Key) error {
	if err := write(tmp, key); err != nil {
		return err
	}
	if err := os.Rename(tmp, out); err != nil {
		return err
	}
	return syncDir(filepath.Dir(out))
}

// blameSpace adds to the error of a build that the disk is full, if it is:
// the tools of a build seldom say so clearly.
func (s *Store) blameSpace(ctx context.Context, key *Key, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return s.explain("build "+key.stage+" in", s.dir, err)
	}
	if free, ferr := s.Free(); ferr == nil && free < lowSpace {
		return s.explain("build "+key.stage+" in", s.dir, errors.Join(err, syscall.ENOSPC))
	}
	return err
}

// lease holds the entry of that name against Prune until Close. It fails if
// the entry is being pruned.
func (s *Store) lease(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[name] != nil {
		return true
	}
	l := s.useLock(name)
	if ok, err := l.TryRLock(); err != nil || !ok {
		_ = l.Close()
		return false
	}
	s.leases[name] = l
	return true
}

// release undoes lease for an entry that turned out not to be one.
func (s *Store) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leases[name]; l != nil {
		_ = l.Close()
		delete(s.leases, name)
	}
}
