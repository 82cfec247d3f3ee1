package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"floe/internal/fault"
)

func TestDo(t *testing.T) {
	s := open(t, t.TempDir())
	if e, ok := s.Lookup(testKey()); ok {
		t.Fatalf("in an empty store: %+v", e)
	}
	builds := 0
	build := func(_ context.Context, tree string) error {
		builds++
		return thing(tree, "")
	}
	first, err := s.Do(t.Context(), testKey(), build)
	if err != nil || first.Cached {
		t.Fatal(first, err)
	}
	again, err := s.Do(t.Context(), testKey(), build)
	if err != nil || !again.Cached || again.Path != first.Path || builds != 1 {
		t.Fatal(again, err, builds)
	}
	if err := checkThing(again.Path); err != nil {
		t.Error(err)
	}
	if e, ok := s.Lookup(testKey()); !ok || e.Size != 20000 || e.Stage != "test/thing" || len(e.Parts) != 2 || e.Key != testKey().Hex() {
		t.Errorf("%+v", e)
	}
	other, err := s.Do(t.Context(), testKey().String("more", ""), build)
	if err != nil || other.Cached || other.Path == first.Path || builds != 2 {
		t.Error(other, err, builds)
	}
	if size, err := s.Size(); err != nil || size < 40000 || size > 50000 {
		t.Error(size, err)
	}
	if left := files(t, s.path(tmpDir)); len(left) > 0 {
		t.Errorf("left in tmp: %q", left)
	}
}

// Whatever makes a build fail, nothing of it is kept, and the next one starts
// anew.
func TestDoFails(t *testing.T) {
	s := open(t, t.TempDir())
	wrong := errors.New("compiler error")
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		ctx   context.Context
		build func() error
		want  error
	}{
		"error":     {t.Context(), func() error { return wrong }, wrong},
		"cancelled": {ctx, func() error { cancel(); return ctx.Err() }, context.Canceled},
		"panic":     {t.Context(), func() error { panic(wrong) }, wrong},
		"full":      {t.Context(), func() error { return &os.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC} }, syscall.ENOSPC},
	} {
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = r.(error)
				}
			}()
			_, err = s.Do(c.ctx, testKey(), func(_ context.Context, tree string) error {
				if err := thing(tree, ""); err != nil {
					return err
				}
				return c.build()
			})
			return err
		}()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
		if name == "cancelled" { // who cancels does not wait; the next to come has it removed
			if left := files(t, s.path(tmpDir)); len(left) != 1 || !strings.Contains(left[0], deadMark) {
				t.Errorf("after a cancelled build: %q", left)
			}
			open(t, s.Dir()).removing.Wait()
		}
		if left := append(files(t, s.path(tmpDir)), files(t, s.path(outDir))...); len(left) > 0 {
			t.Errorf("%s: left behind: %q", name, left)
		}
		if name == "full" && (fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "bytes left for "+s.Dir()) || fault.Hint(err) == "") {
			t.Errorf("no space: %v, hint %q", err, fault.Hint(err))
		}
	}
	if _, err := s.Do(ctx, testKey(), func(context.Context, string) error { t.Error("was built"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	if e, err := s.Do(t.Context(), testKey(), func(_ context.Context, tree string) error { return thing(tree, "") }); err != nil || e.Cached {
		t.Errorf("after all that: %+v, %v", e, err)
	}
}

// Many goroutines and processes want the same thing: one builds it.
func TestOneBuilds(t *testing.T) {
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	s := open(t, dir)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if out, err := command(dir, "build", log).Output(); err != nil {
				t.Error(err, string(out))
			}
		})
	}
	wg.Wait()
	if text, err := os.ReadFile(log); err != nil || strings.Count(string(text), "build") != 1 {
		t.Errorf("builds of processes: %q, %v", text, err)
	}

	var builds, waits atomic.Int32
	key := func() *Key { return testKey().String("for", "goroutines") }
	for range 8 {
		wg.Go(func() {
			e, err := s.Do(t.Context(), key(), func(_ context.Context, tree string) error {
				builds.Add(1)
				for waits.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				return thing(tree, "")
			}, OnWait(func() { waits.Add(1) }))
			if err != nil || checkThing(e.Path) != nil {
				t.Error(e, err)
			}
		})
	}
	wg.Wait()
	if builds.Load() != 1 || waits.Load() == 0 || waits.Load() > 7 {
		t.Errorf("%d builds, %d waited", builds.Load(), waits.Load())
	}
}

// Killed at any moment, the store is right, and the next run goes on.
func TestKilled(t *testing.T) {
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	s := open(t, dir)
	for _, what := range []string{"half", "built"} {
		cmd := command(dir, what, log)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ready := make([]byte, 6)
		if _, err := out.Read(ready); err != nil || string(ready) != "ready\n" {
			t.Fatal(string(ready), err)
		}

		// While it lives, nobody touches what it builds, and who waits can stop.
		living := files(t, s.path(tmpDir))
		open(t, dir)
		if now := files(t, s.path(tmpDir)); len(living) != 1 || len(now) != 1 {
			t.Errorf("%s: tmp of the living: %q, then %q", what, living, now)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		waits := 0
		start := time.Now()
		_, err = s.Do(ctx, testKey(), nil, OnWait(func() { waits++ }))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || waits != 1 || time.Since(start) > 5*time.Second {
			t.Errorf("%s: waiting: %v, told %d times, %v", what, err, waits, time.Since(start))
		}

		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if _, ok := s.Lookup(testKey()); ok {
			t.Errorf("%s: there is an entry", what)
		}
		open(t, dir).removing.Wait()
		if left := files(t, s.path(tmpDir)); len(left) > 0 {
			t.Errorf("%s: left of the dead: %q", what, left)
		}
	}
	// And at random moments, without Open in between to clean up.
	for i := range 12 {
		cmd := command(dir, "build", log)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+i*4) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if e, ok := s.Lookup(testKey()); ok {
			if err := checkThing(e.Path); err != nil {
				t.Errorf("after a kill: %v", err)
			}
		}
	}
	e, err := s.Do(t.Context(), testKey(), func(_ context.Context, tree string) error { return thing(tree, "") })
	if err != nil || checkThing(e.Path) != nil {
		t.Error(e, err)
	}
}

func TestDamaged(t *testing.T) {
	s := open(t, t.TempDir())
	build := func(_ context.Context, tree string) error { return thing(tree, "") }
	for name, damage := range map[string]func(entry string) error{
		"empty":     func(e string) error { return os.Truncate(filepath.Join(e, entryFile), 0) },
		"garbage":   func(e string) error { return os.WriteFile(filepath.Join(e, entryFile), []byte("{\"format\""), 0o644) },
		"no record": func(e string) error { return os.Remove(filepath.Join(e, entryFile)) },
		"no tree":   func(e string) error { return removeTree(filepath.Join(e, treeDir)) },
		"of a later floe": func(e string) error {
			return replace(filepath.Join(e, entryFile), `"format": 1`, `"format": 2`)
		},
		"short key": func(e string) error {
			return replace(filepath.Join(e, entryFile), testKey().Hex(), "ab")
		},
		"another key": func(e string) error {
			hex := testKey().Hex()
			return replace(filepath.Join(e, entryFile), hex, hex[:62]+"zz")
		},
	} {
		e, err := s.Do(t.Context(), testKey(), build)
		if err != nil {
			t.Fatal(err)
		}
		if err := damage(filepath.Dir(e.Path)); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Lookup(testKey()); ok {
			t.Errorf("%s: taken for whole", name)
		}
		e, err = s.Do(t.Context(), testKey(), build)
		if err != nil || e.Cached || checkThing(e.Path) != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// A folder that was given another name is no entry.
func TestRenamed(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Do(t.Context(), testKey(), func(_ context.Context, tree string) error { return thing(tree, "") }); err != nil {
		t.Fatal(err)
	}
	name := testKey().name()
	if err := os.Rename(s.path(outDir, name), s.path(outDir, "x"+name)); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Entries(); err != nil || len(list) > 0 {
		t.Error(list, err)
	}
}

func replace(path, old, new string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), old) {
		return fmt.Errorf("no %q in %s", old, text)
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, new)), 0o644)
}

// A person who is not root gets rid of folders that are closed to writing.
func TestRemoveTree(t *testing.T) {
	base, err := os.MkdirTemp("", "floe-store-test-") // not below a folder that is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeTree(base) })
	dir := filepath.Join(base, "dir")
	if err := errors.Join(os.Mkdir(dir, 0o777), os.Chmod(base, 0o777), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := command(dir, "remove", "")
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := cmd.Output(); err != nil {
		t.Error(err, string(out))
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("it is still there", err)
	}
}

func TestOpen(t *testing.T) {
	t.Setenv(EnvDir, "")
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	if dir, err := DefaultDir(); err != nil || dir != "/somewhere/floe" {
		t.Error(dir, err)
	}
	t.Setenv(EnvDir, "/else/where")
	if dir, err := DefaultDir(); err != nil || dir != "/else/where" {
		t.Error(dir, err)
	}
	notDir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notDir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(notDir); fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), notDir) {
		t.Errorf("a file as a store: %v", err)
	}
}
