package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"floe/internal/fault"
	"floe/internal/report"
)

// fetchTool fetches the package that the tests spoil.
func fetchTool(t *testing.T, m *mirror, o Options) (*Archive, File, error) {
	t.Helper()
	a := open(t, o)
	p, ok := resolve(t, a, "tool").Find("tool")
	if !ok {
		t.Fatal("no tool")
	}
	m.asked()
	_, err := a.Fetch(context.Background(), []File{p.File}, nil)
	return a, p.File, err
}

// onTool makes a hook for requests of the package only.
func onTool(h func(w http.ResponseWriter, r *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == toolDeb && h(w, r) }
}

// kept lists files of the tool in the cache.
func kept(a *Archive, f File) []string {
	names, _ := filepath.Glob(filepath.Join(a.opt.Cache, "*", f.SHA256))
	return names
}

func TestWrongBytes(t *testing.T) {
	good := pkg{name: "tool", version: "1.0-1", arch: "amd64"}.data()
	flipped := bytes.Clone(good)
	flipped[100] ^= 1
	for name, bad := range map[string][]byte{
		"a wrong byte": flipped,
		"too long":     append(bytes.Clone(good), "more"...),
		"empty":        {},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t)
			m.set(toolDeb, bad)
			a, f, err := fetchTool(t, m, m.options())
			want := fault.Verify
			if len(bad) == 0 {
				want = fault.Network
			}
			if fault.Code(err) != int(want) || !strings.Contains(err.Error(), "tool_1.0-1_amd64.deb") {
				t.Fatalf("error %v (code %d), want code %d and the file's name", err, fault.Code(err), want)
			}
			if want == fault.Verify {
				if !strings.Contains(err.Error(), f.SHA256) || !strings.Contains(err.Error(), "found") {
					t.Errorf("error %q does not say what was found and what expected", err)
				}
				if k := kept(a, f); len(k) > 0 {
					t.Errorf("kept: %v", k)
				}
			}
		})
	}
}

// endless makes a hook that never stops sending one path.
func endless(path string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return true
			}
		}
	}
}

func TestEndless(t *testing.T) {
	m := newMirror(t)
	m.hook = endless(toolDeb)
	a, f, err := fetchTool(t, m, m.options())
	if fault.Code(err) != int(fault.Verify) || len(kept(a, f)) > 0 {
		t.Fatalf("error %v; kept %v", err, kept(a, f))
	}
}

// TestTruncated checks a mirror whose copy of a file is too short, for good.
func TestTruncated(t *testing.T) {
	m := newMirror(t)
	m.set(toolDeb, m.files[toolDeb][:1000])
	a, f, err := fetchTool(t, m, m.options())
	if fault.Code(err) != int(fault.Network) && fault.Code(err) != int(fault.Verify) {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(a.opt.Cache, "sha256", f.SHA256)); err == nil {
		t.Error("a short file is in place")
	}
}

func TestServerErrorThenGood(t *testing.T) {
	m := newMirror(t)
	var n atomic.Int32
	m.hook = onTool(func(w http.ResponseWriter, _ *http.Request) bool {
		if n.Add(1) > 2 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if _, _, err := fetchTool(t, m, m.options()); err != nil || n.Load() != 3 {
		t.Fatalf("%v after %d requests", err, n.Load())
	}
}

func TestServerErrorForGood(t *testing.T) {
	m := newMirror(t)
	m.hook = onTool(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true })
	_, _, err := fetchTool(t, m, m.options())
	if n := m.asked(); fault.Code(err) != int(fault.Network) || !strings.Contains(err.Error(), "500") || n != 3 {
		t.Fatalf("%v after %d requests, want 3", err, n)
	}
}

func TestStall(t *testing.T) {
	m := newMirror(t)
	m.hook = onTool(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(m.files[toolDeb])))
		w.Write(m.files[toolDeb][:10])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	o := m.options()
	o.Patience.Attempts, o.Patience.Stall = 2, 300*time.Millisecond
	start := time.Now()
	_, _, err := fetchTool(t, m, o)
	if fault.Code(err) != int(fault.Network) || !strings.Contains(err.Error(), "no data for 300ms") {
		t.Fatalf("error %v, want one that tells of the stall", err)
	}
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("gave up after %v", d)
	}
}

// TestSlowIsNotStalled sends bytes at a rate that takes longer than the stall
// time for the whole file, but never pauses for that long.
func TestSlowIsNotStalled(t *testing.T) {
	m := newMirror(t)
	m.hook = onTool(func(w http.ResponseWriter, _ *http.Request) bool {
		data := m.files[toolDeb]
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		for len(data) > 0 {
			n := min(len(data), 900)
			w.Write(data[:n])
			w.(http.Flusher).Flush()
			data = data[n:]
			time.Sleep(200 * time.Millisecond)
		}
		return true
	})
	o := m.options()
	o.Patience.Stall, o.Patience.Attempts = time.Second, 1
	if _, _, err := fetchTool(t, m, o); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedInCache spoils a file that was fetched before.
func TestDamagedInCache(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	a, f, err := fetchTool(t, m, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept(a, f)[0], []byte("rotten"), 0o644); err != nil {
		t.Fatal(err)
	}
	paths, err := a.Fetch(context.Background(), []File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(paths[0]); sum(data) != f.SHA256 {
		t.Error("the damaged file was given out")
	}
}

// TestMovedOn lets a newer version take a package's place between resolving
// and fetching.
func TestMovedOn(t *testing.T) {
	m := newMirror(t)
	a := open(t, m.options())
	resolve(t, a, "tool")
	m.pkgs["trixie"][0].version = "1.0-2"
	m.publish()
	var got Selection
	runs := 0
	fetch := func(ctx context.Context) error {
		runs++
		got = resolve(t, a, "tool")
		_, err := a.Fetch(ctx, got.Files(), nil)
		return err
	}
	err := fetch(context.Background())
	if !errors.Is(err, ErrMoved) || fault.Code(err) != int(fault.Network) || !strings.Contains(err.Error(), "moved on") {
		t.Fatalf("error %v, want ErrMoved", err)
	}
	resolve(t, a, "tool")
	m.pkgs["trixie"][0].version = "1.0-3"
	m.publish()
	runs = 0
	if err := a.Retry(context.Background(), fetch); err != nil || runs != 2 {
		t.Fatalf("Retry: %v after %d runs", err, runs)
	}
	if p, _ := got.Find("tool"); p.Version != "1.0-3" {
		t.Errorf("fetched %s", p)
	}
}

// TestIndexMovedOn takes the indices away that the release file on disk names.
func TestIndexMovedOn(t *testing.T) {
	m := newMirror(t)
	a := open(t, m.options())
	m.pkgs["trixie"][0].version = "1.0-2"
	m.publish()
	if p, _ := resolve(t, a, "tool").Find("tool"); p.Version != "1.0-2" {
		t.Errorf("resolved %s", p)
	}
}

// TestIncompleteMirror lacks a file that the current index names.
func TestIncompleteMirror(t *testing.T) {
	m := newMirror(t)
	delete(m.files, toolDeb)
	_, _, err := fetchTool(t, m, m.options())
	if fault.Code(err) != int(fault.Network) || errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "404") {
		t.Fatalf("error %v", err)
	}
	whole := newMirror(t)
	o := m.options()
	o.Mirrors = append(o.Mirrors, Mirror{Main: whole.url + "/debian", Security: whole.url + "/debian-security"})
	if _, _, err := fetchTool(t, m, o); err != nil {
		t.Fatalf("with a complete mirror after it: %v", err)
	}
}

// TestLyingMirror gives wrong bytes where another mirror gives the right ones.
func TestLyingMirror(t *testing.T) {
	m := newMirror(t)
	whole := newMirror(t)
	m.set(toolDeb, bytes.Repeat([]byte("x"), len(m.files[toolDeb])))
	o := m.options()
	o.Mirrors = append(o.Mirrors, Mirror{Main: whole.url + "/debian", Security: whole.url + "/debian-security"})
	if _, _, err := fetchTool(t, m, o); err != nil {
		t.Fatal(err)
	}
}

func TestCancel(t *testing.T) {
	m := newMirror(t)
	a := open(t, m.options())
	files := resolve(t, a, "tool").Files()
	ctx, cancel := context.WithCancel(context.Background())
	m.hook = func(w http.ResponseWriter, r *http.Request) bool {
		io.WriteString(w, "some")
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	}
	start := time.Now()
	_, err := a.Fetch(ctx, files, nil)
	if fault.Code(err) != int(fault.Cancelled) {
		t.Errorf("error %v (code %d)", err, fault.Code(err))
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("cancelling took %v", d)
	}
}

// TestProgress checks that what is told adds up, with a file that was cut and
// sent anew.
func TestProgress(t *testing.T) {
	m := newMirror(t)
	var ranges []string
	cut := cutAfter(m, 5000, &ranges)
	m.hook = onTool(func(w http.ResponseWriter, r *http.Request) bool {
		if !cut(w, r) {
			w.Write(m.files[toolDeb])
		}
		return true
	})
	a := open(t, m.options())
	sel := resolve(t, a, "tool")
	var last report.Event
	sink := report.Func(func(e report.Event) { last = e })
	if _, err := a.Fetch(context.Background(), sel.Files(), report.Start(sink, "fetch", "")); err != nil {
		t.Fatal(err)
	}
	if last.Kind != report.Progress || last.Done != sel.Size() || last.Total != sel.Size() || last.Unit != report.Bytes {
		t.Errorf("last event %+v, want progress %d of %d bytes", last, sel.Size(), sel.Size())
	}
}

// TestTwoProcesses fetches the same files through two archives on one cache.
func TestTwoProcesses(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	a, b := open(t, o), open(t, o)
	files := resolve(t, a, "tool").Files()
	m.asked()
	done := make(chan error)
	for _, x := range []*Archive{a, b} {
		go func() {
			_, err := x.Fetch(context.Background(), files, nil)
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := m.asked(); n != len(files) {
		t.Errorf("%d requests for %d files", n, len(files))
	}
}

// TestFullDisk: a disk without room is called that, and no mirror is blamed or asked
// again for it.
func TestFullDisk(t *testing.T) {
	m := newMirror(t)
	a := open(t, m.options())
	p, ok := resolve(t, a, "tool").Find("tool")
	if !ok {
		t.Fatal("no tool")
	}
	m.asked()
	if err := os.Symlink("/dev/full", filepath.Join(a.opt.Cache, "partial", p.File.SHA256)); err != nil {
		t.Fatal(err)
	}
	_, err := a.Fetch(t.Context(), []File{p.File}, nil)
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "no space left") || !strings.Contains(fault.Hint(err), "floe prune") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
	if n := m.asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
