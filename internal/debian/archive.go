package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"floe/internal/fault"
	"floe/internal/report"
)

// Archive is the archive as its verified release files describe it. Its
// methods may be called from several goroutines.
type Archive struct {
	opt     Options
	mirrors *mirrorSet

	mu   sync.Mutex // guards view
	view *view
}

// view is what one set of release files says. A refresh makes a new one.
type view struct {
	releases []*release // in the order of Options.Suites
	identity string

	mu     sync.Mutex // held while tables are loaded
	tables map[string]*table
}

// Open reads the release files of the suites, from disk or a mirror, and
// verifies them. Indices are read when they are first needed.
func Open(ctx context.Context, opt Options) (*Archive, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	if opt.Cache == "" {
		return nil, errors.New("debian.Open: no cache folder")
	}
	for _, dir := range []string{"release", "partial"} {
		if err := os.MkdirAll(filepath.Join(opt.Cache, dir), 0o755); err != nil {
			return nil, fault.New(fault.Missing, "make the download folder", opt.Cache, err, "choose a folder that can be written to")
		}
	}
	a := &Archive{opt: opt, mirrors: &mirrorSet{list: opt.Mirrors, preferred: map[Root]int{}}}
	stage := report.Start(opt.Report, "archive", "Check Debian's signed release files")
	asked, err := a.read(ctx, stage, opt.Refresh)
	if err != nil {
		return nil, stage.Fail(err)
	}
	if asked {
		stage.Done(a.String())
	} else {
		stage.Cached(a.String())
	}
	return a, nil
}

// refresh asks the network for the release files, however young those on disk
// are.
func (a *Archive) refresh(ctx context.Context) error {
	stage := report.Start(a.opt.Report, "archive", "Check Debian's signed release files again")
	if _, err := a.read(ctx, stage, true); err != nil {
		return stage.Fail(err)
	}
	stage.Done(a.String())
	return nil
}

// read makes a new view, and says whether the network was asked.
func (a *Archive) read(ctx context.Context, stage *report.Stage, refresh bool) (asked bool, err error) {
	v := &view{tables: map[string]*table{}}
	for _, suite := range a.opt.Suites {
		r, fetched, err := a.release(ctx, stage, suite, refresh)
		if err != nil {
			return asked, err
		}
		asked = asked || fetched
		v.releases = append(v.releases, r)
	}
	v.identity = a.identify(v.releases)
	a.mu.Lock()
	a.view = v
	a.mu.Unlock()
	return asked, nil
}

// ask answers a request from what the release files on disk say. Where an
// index that they name is gone from the mirror, they are older than the
// archive: they are read again, and the request is worked out once more.
func ask[T any](ctx context.Context, a *Archive, request []string, work func(*view) (T, error)) (T, error) {
	v := a.current()
	answer, err := remember(a, v, request, func() (T, error) { return work(v) })
	if !notFound(err) {
		return answer, err
	}
	if rerr := a.refresh(ctx); rerr != nil {
		return answer, rerr
	}
	now := a.current()
	if now.identity == v.identity {
		return answer, err
	}
	return remember(a, now, request, func() (T, error) { return work(now) })
}

func (a *Archive) current() *view {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.view
}

// Identity is a hash, in hexadecimal, of the contents of every index that the
// options ask for, as the verified release files give them. It stays the same
// when a release file is signed anew without a change.
func (a *Archive) Identity() string { return a.current().identity }

func (a *Archive) identify(releases []*release) string {
	h := sha256.New()
	for _, r := range releases {
		fmt.Fprintln(h, strings.Join(r.content(a.indexPaths()), "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// String describes the archive: "Debian 13.7, updates of 21 Nov 2026".
func (a *Archive) String() string {
	releases := a.current().releases
	newest := releases[0].date
	for _, r := range releases {
		if r.date.After(newest) {
			newest = r.date
		}
	}
	return fmt.Sprintf("%s %s, updates of %s", releases[0].origin, releases[0].version, newest.Format("2 Jan 2006"))
}

// release gives a suite's verified release file.
func (a *Archive) release(ctx context.Context, stage *report.Stage, suite Suite, refresh bool) (r *release, asked bool, err error) {
	file := filepath.Join(a.opt.Cache, "release", suite.Codename+".InRelease")
	old, age, oldErr := a.cached(file, suite)
	if a.opt.Offline {
		if oldErr != nil {
			return nil, false, fault.New(fault.Network, "read the release file of", suite.Codename,
				fmt.Errorf("there is no usable one on disk (%w), and floe was told to stay offline", oldErr), "ask the archive once with the network there")
		}
		if old.expired(a.opt.Now()) {
			stage.Log(fmt.Sprintf("%s: was valid until %s; used all the same, since floe is offline", suite.Codename, stamp(old.validUntil)))
		}
		return old, false, nil
	}
	usable := oldErr == nil && old.fresh(a.opt.Now()) == nil
	if usable && !refresh && age >= 0 && age < a.opt.MaxAge {
		return old, false, nil
	}
	r, err = a.fetchRelease(ctx, stage, suite, file, old)
	if err != nil && usable && !refresh && fault.Code(err) == int(fault.Network) {
		stage.Log(fmt.Sprintf("%s: %v; using the release file of %s from disk, which is still valid", suite.Codename, err, stamp(old.date)))
		return old, true, nil
	}
	return r, true, err
}

// cached reads a release file from disk and verifies its signature. age is the
// time since a mirror was last asked.
func (a *Archive) cached(file string, suite Suite) (r *release, age time.Duration, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, 0, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	r, err = a.verify(suite, text)
	return r, a.opt.Now().Sub(info.ModTime()), err
}

// verify checks the signature of a release file and reads what was signed.
func (a *Archive) verify(suite Suite, text []byte) (*release, error) {
	signed, signer, err := a.opt.Keyring.Verify(text, a.opt.Now())
	if err != nil {
		return nil, err
	}
	r, err := parseRelease(suite, signed)
	if err != nil {
		return nil, err
	}
	r.signer = signer
	return r, nil
}

// fetchRelease asks the mirrors for a release file and keeps it once it is
// verified. A mirror that is behind what was seen before is not followed.
func (a *Archive) fetchRelease(ctx context.Context, stage *report.Stage, suite Suite, file string, old *release) (*release, error) {
	out, err := os.CreateTemp(filepath.Join(a.opt.Cache, "partial"), suite.Codename+".*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	var r *release
	f := File{Path: "dists/" + suite.Codename + "/InRelease", Root: suite.Root}
	err = a.fromMirrors(ctx, f, stage.Log, never, func(t *transfer, url string) error {
		t.grown = func(int64) {}
		if err := t.get(ctx, url, out, -1); err != nil {
			return err
		}
		r, err = a.examine(suite, out, url)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := a.opt.Now()
	if old != nil && old.date.After(r.date) && old.fresh(now) == nil {
		stage.Log(fmt.Sprintf("%s: the mirror has the release of %s, an older one than is on disk (%s), which is kept", suite.Codename, stamp(r.date), stamp(old.date)))
		return old, nil
	}
	if err := out.Chmod(0o644); err != nil {
		return nil, err
	}
	if err := os.Chtimes(out.Name(), now, now); err != nil {
		return nil, err
	}
	if err := os.Rename(out.Name(), file); err != nil {
		return nil, fmt.Errorf("keep the release file: %w", err)
	}
	stage.Log(fmt.Sprintf("%s: release of %s, signed by %s", suite.Codename, stamp(r.date), r.signer))
	return r, nil
}

// examine verifies a release file that has just come.
func (a *Archive) examine(suite Suite, in *os.File, url string) (*release, error) {
	text, err := io.ReadAll(io.NewSectionReader(in, 0, maxUnknown+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxUnknown {
		return nil, fault.New(fault.Verify, "verify the release file", url, errors.New("it is too large to be one"), hintTampered)
	}
	r, err := a.verify(suite, text)
	if err == nil {
		err = r.fresh(a.opt.Now())
	}
	if err != nil {
		hint := hintTampered
		if r != nil {
			hint = hintDate
		}
		return nil, fault.New(fault.Verify, "verify the release file", url, err, hint)
	}
	return r, nil
}

const (
	hintTampered = "nothing was kept. The mirror, or something on the way to it, does not give what Debian signed: try another with --mirror, FLOE_MIRROR or mirror in floe.toml"
	hintDate     = "check this machine's clock; if it is right, the mirror is out of date: try another with --mirror, FLOE_MIRROR or mirror in floe.toml"
	hintDisk     = "look at the room and the permissions of the download folder; 'floe prune' frees what recent builds did not use"
	hintNetwork  = "check the network. Another mirror: --mirror URL, FLOE_MIRROR or mirror in floe.toml; a proxy: http_proxy and https_proxy"
)
