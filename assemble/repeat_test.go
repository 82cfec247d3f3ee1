package assemble_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/store"
)

// childStore makes TestBuildInChild build in the store that it names.
const childStore = "FLOE_TEST_CHILD_STORE"

// TestKilledThenRepeated builds everything but the kernel once more, in an
// empty store, by a process that is killed again and again, and wants the
// bytes that the first build gave; for arm64 without a death.
func TestKilledThenRepeated(t *testing.T) {
	t.Parallel()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	fresh := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	known, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(known, "downloads"), filepath.Join(fresh, "downloads")); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for _, delay := range []time.Duration{200 * time.Millisecond, 3 * time.Second, 9 * time.Second, 20 * time.Second} {
		child := exec.Command(os.Args[0], "-test.run=^TestBuildInChild$")
		child.Env = append(os.Environ(), childStore+"="+fresh)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { child.Process.Kill() })
		err := child.Wait()
		timer.Stop()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == -1 {
			kills++
		} else if err != nil {
			t.Fatalf("the build in the child failed: %v", err)
		}
	}
	if kills == 0 {
		t.Error("no build was killed: the delays are too long")
	}
	want, err := pieces(f.builder, arch.All()...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := pieces(assemble.New(assemble.Options{Store: s}), arch.All()...)
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("%s: %d bytes the first time, %d the second, and they differ", name, len(want[name]), len(got[name]))
		}
	}
}

// TestBuildInChild is the process that is killed.
func TestBuildInChild(t *testing.T) {
	dir := os.Getenv(childStore)
	if dir == "" {
		return // only as a child
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pieces(assemble.New(assemble.Options{Store: s}), arch.AMD64); err != nil {
		t.Fatal(err)
	}
}

// pieces builds the userland, the initrd and the boot loader and reads them.
func pieces(b *assemble.Builder, archs ...arch.Arch) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, a := range archs {
		if err := readPieces(b, a, files); err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	return files, nil
}

func readPieces(b *assemble.Builder, a arch.Arch, files map[string][]byte) error {
	for name, build := range map[string]func(context.Context, arch.Arch) (store.Entry, error){
		"userland": b.Userland, "initrd": b.Initrd, "boot": b.Boot,
	} {
		entry, err := build(context.Background(), a)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		err = filepath.WalkDir(entry.Path, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, _ := filepath.Rel(entry.Path, path)
			files[a.String()+" "+name+"/"+rel], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
