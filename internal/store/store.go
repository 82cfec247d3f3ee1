// Package store builds a thing once per content key and keeps it.
//
// A stage is a function from inputs to a folder. Its Key is the hash of every
// input. Do returns the folder that was built for that key before, or builds
// it now: under a lock that also holds between processes, in a temporary
// folder, which appears under its final name by one rename. A process killed
// at any moment, or a power cut, leaves a store that is still right.
//
// On disk:
//
//	out/<stage>-<key>/entry.json   what it is; written last
//	out/<stage>-<key>/tree/        what the stage built
//	tmp/                           being built, or being removed
//	lock/                          one pair of empty files per key, and one for the store
//	downloads/                     verified downloads, named by their SHA-256
//	logs/                          logs of builds
//
// The package does not know what the things are, does not check that a build
// is a pure function of its key, and does not go on with a half-built thing:
// it builds it again. Folders on file systems without flock(2) are not
// supported.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/gofrs/flock"

	"floe/internal/fault"
)

// Store is a folder of built things. It is safe for use by several
// goroutines, and several processes may use the same folder.
type Store struct {
	dir string

	open *flock.Flock // shared by all that have the store open, until Close

	mu     sync.Mutex
	leases map[string]*flock.Flock // by name: entries in use, held until Close

	stop     chan struct{} // closed: no more is to be removed
	halt     func()        // closes it, however often it is called
	removing sync.WaitGroup
}

// The folders of a store.
const (
	outDir       = "out"
	tmpDir       = "tmp"
	lockDir      = "lock"
	downloadsDir = "downloads"
	logsDir      = "logs"
)

// EnvDir is the environment variable that names the store's folder.
const EnvDir = "FLOE_STORE"

// DefaultDir gives the person's store: $FLOE_STORE, else "floe" in the user's
// cache folder ($XDG_CACHE_HOME, else ~/.cache).
func DefaultDir() (string, error) {
	if dir := os.Getenv(EnvDir); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fault.New(fault.Usage, "find the folder of", EnvDir, err, "give an absolute path")
		}
		return abs, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New(fault.Usage, "find the user's cache folder", "", err,
			"set "+EnvDir+" to a folder with a few gigabytes of space")
	}
	return filepath.Join(cache, "floe"), nil
}

// Open opens the store in dir and makes it if it is not there. What runs that
// were killed or cancelled left behind is removed, from then until Close; what a
// living run builds is not touched.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.New(fault.Usage, "open the store", dir, err, "")
	}
	s := &Store{dir: abs, leases: map[string]*flock.Flock{}, stop: make(chan struct{})}
	for _, d := range []string{outDir, tmpDir, lockDir, downloadsDir, logsDir} {
		if err := os.MkdirAll(s.path(d), 0o755); err != nil {
			return nil, s.explain("open the store", abs, err)
		}
	}
	if err := syscall.Access(s.path(tmpDir), 7); err != nil {
		return nil, s.explain("write to the store", s.path(tmpDir), err)
	}
	dead, err := s.sweep()
	if err != nil {
		return nil, s.explain("clean the store", s.path(tmpDir), err)
	}
	s.open = flock.New(s.path(lockDir, "open"))
	if err := s.open.RLock(); err != nil { // waits while another floe prunes downloads: seconds
		return nil, s.explain("lock the store", s.open.Path(), err)
	}
	s.halt = sync.OnceFunc(func() { close(s.stop) })
	s.removing.Go(func() { s.remove(dead) })
	return s, nil
}

// alone runs a function while no other Store of the same folder is open, nor can be
// opened. It is false, and nothing is run, where one is.
func (s *Store) alone(fn func() error) (was bool, err error) {
	defer func() {
		if lerr := errors.Join(s.open.Unlock(), s.open.RLock()); lerr != nil && err == nil {
			err = s.explain("lock the store", s.open.Path(), lerr)
		}
	}()
	if err := s.open.Unlock(); err != nil {
		return false, s.explain("lock the store", s.open.Path(), err)
	}
	switch ok, err := s.open.TryLock(); {
	case err != nil:
		return false, s.explain("lock the store", s.open.Path(), err)
	case !ok:
		return false, nil
	}
	return true, fn()
}

// Close gives up the hold on every entry that Do and Lookup returned and on the
// downloads, so that Prune, here or in another process, may remove them. What is
// left of dead runs then waits for the next Open.
func (s *Store) Close() error {
	s.halt()
	s.removing.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.leases {
		errs = append(errs, l.Close())
	}
	clear(s.leases)
	return errors.Join(append(errs, s.open.Close())...)
}

// Dir gives the store's folder, an absolute path.
func (s *Store) Dir() string { return s.dir }

// Downloads gives the folder for verified downloads. A file there is named by
// its SHA-256 in hexadecimal and appears by a rename, once it is verified.
func (s *Store) Downloads() string { return s.path(downloadsDir) }

// Logs gives the folder for the logs of builds.
func (s *Store) Logs() string { return s.path(logsDir) }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// deadMark is in the name of a folder of tmp that waits to be removed.
const deadMark = ".dead."

// sweep buries what no living process builds, for the lock of its key is free,
// and lists all folders that wait to be removed.
func (s *Store) sweep() (dead []string, err error) {
	names, err := os.ReadDir(s.path(tmpDir))
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if strings.Contains(n.Name(), deadMark) {
			dead = append(dead, s.path(tmpDir, n.Name()))
			continue
		}
		l := s.buildLock(n.Name())
		locked, err := l.TryLock()
		if err != nil {
			return nil, err
		}
		if !locked {
			continue
		}
		grave, err := s.bury(s.path(tmpDir, n.Name()), n.Name())
		if err := errors.Join(err, l.Close()); err != nil {
			return nil, err
		}
		if grave != "" {
			dead = append(dead, grave)
		}
	}
	return dead, nil
}

// remove removes dead folders, file by file, until Close. A kernel's source has 79,000
// files, for which nobody should have to wait. What can't be removed stays for the
// next time: it is in nobody's way.
func (s *Store) remove(dead []string) {
	for _, grave := range dead {
		_ = filepath.WalkDir(grave, func(path string, d fs.DirEntry, err error) error {
			select {
			case <-s.stop:
				return fs.SkipAll
			default:
			}
			if err == nil && !d.IsDir() {
				_ = os.Remove(path)
			}
			return nil
		})
		select {
		case <-s.stop:
			return
		default:
			_ = removeTree(grave)
		}
	}
}

// bury puts a folder of the store out of sight by a rename, and says where it
// waits to be removed; "" if there is no such folder. It makes nothing, since the disk may
// be full. The caller holds the build lock of name.
func (s *Store) bury(path, name string) (grave string, err error) {
	grave = s.path(tmpDir, name+deadMark+strconv.FormatUint(rand.Uint64(), 36))
	switch err := os.Rename(path, grave); {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return grave, nil
}

// discard removes a folder of the store: first out of sight, so that a kill on
// the way leaves no half of it where it was.
func (s *Store) discard(path, name string) error {
	grave, err := s.bury(path, name)
	if err != nil || grave == "" {
		return err
	}
	return removeTree(grave)
}

// removeTree is os.RemoveAll that also removes what lies in folders that
// their owner may not write to.
func removeTree(path string) error {
	err := os.RemoveAll(path)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700) // before WalkDir reads the folder
		}
		return nil
	})
	return os.RemoveAll(path)
}

func (s *Store) buildLock(name string) *flock.Flock { return flock.New(s.path(lockDir, name+".lock")) }

func (s *Store) useLock(name string) *flock.Flock { return flock.New(s.path(lockDir, name+".use")) }

// explain turns what the file system says into an error of a class.
func (s *Store) explain(op, on string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Missing, op, on, fmt.Errorf("%w (%s)", err, s.room()),
			Room)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Missing, op, on, err,
			"was floe run as root before? give the folder back to yourself, or set "+EnvDir+" to a folder of your own")
	case errors.Is(err, syscall.EROFS):
		return fault.New(fault.Missing, op, on, err, "set "+EnvDir+" to a folder that can be written to")
	}
	return fault.New(fault.Missing, op, on, err, "")
}

// Room is what a person can do about a disk with no room for the store.
const Room = "'floe prune' frees what recent builds did not use, and with --all everything that can be built again; or set " + EnvDir + " to a folder on a larger disk"

// room says in words how much space is left for the store.
func (s *Store) room() string {
	free, err := s.Free()
	if err != nil {
		return "space left not known"
	}
	return fmt.Sprintf("%d bytes left for %s", free, s.dir)
}

// Free gives the number of bytes that the store can still grow by.
func (s *Store) Free() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &st); err != nil {
		return 0, fault.New(fault.Missing, "ask for the free space of", s.dir, err, "")
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// names lists the folders of out, sorted.
func (s *Store) names() ([]string, error) {
	list, err := os.ReadDir(s.path(outDir))
	if err != nil {
		return nil, s.explain("read the store", s.path(outDir), err)
	}
	var names []string
	for _, e := range list {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}
