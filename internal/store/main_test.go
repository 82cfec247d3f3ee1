package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The environment tells this test program that it is a child that builds.
const (
	envStore = "STORE_TEST_DIR"
	envWhat  = "STORE_TEST_WHAT" // "build", "remove", or where to stop for good: "half", "built"
	envLog   = "STORE_TEST_LOG"  // a line is added for each build
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envStore); dir != "" {
		if err := child(dir, os.Getenv(envWhat)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// testKey is the key that children build.
func testKey() *Key { return NewKey("test/thing", "1").String("input", "x") }

// child builds testKey, or only makes a thing in dir and removes it.
func child(dir, what string) error {
	if what == "remove" {
		return errors.Join(thing(dir, ""), removeTree(dir))
	}
	s, err := Open(dir)
	if err != nil {
		return err
	}
	e, err := s.Do(context.Background(), testKey(), func(_ context.Context, tree string) error {
		log, err := os.OpenFile(os.Getenv(envLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		fmt.Fprintln(log, "build", os.Getpid())
		log.Close()
		if err := thing(tree, what); err != nil {
			return err
		}
		if what == "built" {
			forever()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return checkThing(e.Path)
}

// thing builds what the tests build: some files, one folder closed to writing.
func thing(tree, what string) error {
	for i := range 20 {
		dir := filepath.Join(tree, fmt.Sprint("d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte(strings.Repeat("x", 1000)), 0o444); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o555); err != nil {
			return err
		}
		if what == "half" && i == 10 {
			forever()
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// forever says that the child is where it shall be killed.
func forever() {
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

// checkThing says whether a thing is whole.
func checkThing(tree string) error {
	list, err := os.ReadDir(tree)
	if err != nil {
		return err
	}
	if len(list) != 20 {
		return fmt.Errorf("%d folders of 20", len(list))
	}
	for _, d := range list {
		if info, err := os.Stat(filepath.Join(tree, d.Name(), "f")); err != nil || info.Size() != 1000 {
			return fmt.Errorf("%s: %v, %v", d.Name(), info, err)
		}
	}
	return nil
}

// command makes a child that builds in the store of dir.
func command(dir, what, log string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envStore+"="+dir, envWhat+"="+what, envLog+"="+log)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_ = removeTree(dir)
	})
	return s
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
