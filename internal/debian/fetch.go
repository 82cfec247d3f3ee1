package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"floe/internal/fault"
	"floe/internal/report"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// File is a file of the archive with its checksum.
type File struct {
	Path   string `json:"path"` // below its root: "pool/main/b/busybox/busybox_1.37.0-6_amd64.deb"
	Root   Root   `json:"root"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // lower-case hexadecimal

	label string // the path in words, if Path says less
}

// Name is the last element of the path.
func (f File) Name() string { return path.Base(f.Path) }

func (f File) describe() string {
	if f.label != "" {
		return f.label
	}
	return f.Path
}

// ErrMoved says that the archive no longer holds a file of an older selection:
// a newer version took its place. The indices have been refreshed when it is
// returned; resolving again gives what the archive holds now.
var ErrMoved = errors.New("the archive has moved on")

// Fetch brings files into the cache and gives their paths, in the order of
// files. A file that is there already is checked again and not fetched. Files
// come in parallel, each is resumed where an earlier attempt stopped, and is
// at its path only once its SHA-256 is right. Progress in bytes goes to stage,
// which may be nil; ending the stage is left to the caller.
//
// When the archive no longer has a file, the indices are refreshed once: see
// ErrMoved and Archive.Retry.
func (a *Archive) Fetch(ctx context.Context, files []File, stage *report.Stage) ([]string, error) {
	paths, err := a.fetch(ctx, files, stage, notFound)
	if !notFound(err) {
		return paths, err
	}
	say := newMeter(stage, nil).log
	say(fmt.Sprintf("%v: reading the archive's indices again", err))
	old := a.Identity()
	if rerr := a.refresh(ctx); rerr != nil {
		return nil, rerr
	}
	if a.Identity() != old {
		return nil, fault.New(fault.Network, "fetch", "from the archive", fmt.Errorf("%w: %w", ErrMoved, err),
			"the package lists have been brought up to date: run the command again")
	}
	say("the indices are current: this mirror is incomplete, trying the others")
	return a.fetch(ctx, files, stage, never)
}

// Retry runs what resolves and fetches, and runs it a second time if the
// archive moved on under the first.
func (a *Archive) Retry(ctx context.Context, resolveAndFetch func(context.Context) error) error {
	err := resolveAndFetch(ctx)
	if errors.Is(err, ErrMoved) {
		err = resolveAndFetch(ctx)
	}
	return err
}

func (a *Archive) fetch(ctx context.Context, files []File, stage *report.Stage, final func(error) bool) ([]string, error) {
	for _, dir := range []string{"sha256", "partial"} {
		if err := os.MkdirAll(filepath.Join(a.opt.Cache, dir), 0o755); err != nil {
			return nil, fault.New(fault.Missing, "make the download folder", a.opt.Cache, err, "choose a folder that can be written to")
		}
	}
	m := newMeter(stage, files)
	paths := make([]string, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.opt.Patience.Parallel)
	for i, f := range files {
		group.Go(func() error {
			p, err := a.one(ctx, f, m, final)
			paths[i] = p
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	m.flush()
	return paths, nil
}

// one brings one file into the cache, while no other process does the same.
func (a *Archive) one(ctx context.Context, f File, m *meter, final func(error) bool) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if !isSHA256(f.SHA256) || f.Size < 0 {
		return "", fault.New(fault.Verify, "fetch", f.Name(), fmt.Errorf("%q is not a SHA-256 value", f.SHA256), "")
	}
	name := filepath.Join(a.opt.Cache, "sha256", f.SHA256)
	if present(name, f) {
		m.add(f.Size)
		return name, nil
	}
	if a.opt.Offline {
		return "", fault.New(fault.Network, "fetch", f.describe(), errors.New("it is not on disk, and floe was told to stay offline"), "fetch it once with the network there")
	}
	out, err := lockPartial(ctx, filepath.Join(a.opt.Cache, "partial", f.SHA256))
	if err != nil {
		return "", err
	}
	defer out.Close() // lets go of the lock
	if present(name, f) {
		m.add(f.Size)
		return name, os.Remove(out.Name())
	}
	if err := a.complete(ctx, f, out, m, final); err != nil {
		if fault.Code(err) == int(fault.Verify) {
			os.Remove(out.Name())
		}
		return "", err
	}
	return name, os.Rename(out.Name(), name)
}

// complete fetches what out lacks of f, from the first mirror that has it
// right.
func (a *Archive) complete(ctx context.Context, f File, out *os.File, m *meter, final func(error) bool) error {
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	m.add(have)
	// Nothing is synced to the disk: what a power cut spoils is found out when
	// the file is looked at the next time, and fetched again.
	return a.fromMirrors(ctx, f, m.log, final, func(t *transfer, url string) error {
		t.grown = m.add
		return fill(ctx, t, url, f, out)
	})
}

// fill fetches and checks f. What an earlier run left is used; if the whole is
// then wrong, one more try is made without it, since a power cut can leave
// anything. Wrong bytes are dropped.
func fill(ctx context.Context, t *transfer, url string, f File, out *os.File) error {
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err = t.get(ctx, url, out, f.Size); err != nil {
		return err
	}
	if err = checkFile(out, f); err == nil {
		return nil
	}
	if derr := t.drop(out); derr != nil {
		return derr
	}
	if have == 0 {
		return err
	}
	t.log(f.Name() + ": what an earlier run left of it was damaged; fetching it anew")
	return fill(ctx, t, url, f, out)
}

// present says whether the file is there with the right content. A wrong one
// is removed.
func present(name string, f File) bool {
	in, err := os.Open(name)
	if err != nil {
		return false
	}
	defer in.Close()
	if err := checkFile(in, f); err != nil {
		os.Remove(name)
		return false
	}
	// What is cleaned out goes by when a file was used last: no reason to fail.
	_ = os.Chtimes(name, time.Time{}, time.Now())
	return true
}

// checkFile compares a file's length and SHA-256 with what was signed.
func checkFile(in *os.File, f File) error {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != f.Size || got != f.SHA256 {
		return fault.New(fault.Verify, "check", f.describe(),
			fmt.Errorf("found %d bytes with SHA-256 %s, expected %d bytes with %s", n, got, f.Size, f.SHA256),
			"nothing of it was kept. The mirror or something on the way to it changes files: try again, or another mirror with --mirror")
	}
	return nil
}

// lockPartial opens a file for an unfinished download and waits until no other
// process works on it.
func lockPartial(ctx context.Context, name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && sameFile(f, name) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		if err != nil { // another one works on it
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return nil, err
			}
		}
	}
}

// sameFile says whether the open file is still the one of that name.
func sameFile(f *os.File, name string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(name)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// meter adds up the bytes of a set of files and tells a stage now and then.
type meter struct {
	mu    sync.Mutex
	stage *report.Stage
	total int64
	done  int64
	last  time.Time
}

func newMeter(stage *report.Stage, files []File) *meter {
	m := &meter{stage: stage}
	for _, f := range files {
		m.total += f.Size
	}
	return m
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if now := time.Now(); m.stage != nil && now.Sub(m.last) >= 100*time.Millisecond {
		m.last = now
		m.stage.Progress(m.done, m.total, report.Bytes)
	}
}

func (m *meter) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stage != nil {
		m.stage.Progress(m.done, m.total, report.Bytes)
	}
}

func (m *meter) log(line string) {
	if m.stage != nil {
		m.stage.Log(line)
	}
}
