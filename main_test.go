package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/sandbox"
)

// TestGoIsClean runs the checks of Go's own tools and of staticcheck over the
// whole project. A line that they print is a failure. Vet compiles, so that it
// does so for every architecture that floe itself may run on: the first time it
// takes a minute and a half on two cores, for all the libraries, and then a second.
func TestGoIsClean(t *testing.T) {
	t.Parallel()
	checks := [][]string{
		{"go", "tool", "staticcheck", "./..."},
		{"go", "mod", "verify"},
	}
	for _, a := range arch.All() {
		checks = append(checks, []string{"env", "GOOS=linux", "GOARCH=" + a.String(), "go", "vet", "./..."})
	}
	for _, args := range checks {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	var files []string
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	gofmt := "gofmt"
	if root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output(); err == nil {
		gofmt = filepath.Join(strings.TrimSpace(string(root)), "bin", "gofmt")
	}
	out, err := exec.CommandContext(t.Context(), gofmt, append([]string{"-l"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("gofmt would change these files: %s %v", out, err)
	}
}

// rootfs is the folder with the booted system's own files.
const rootfs = "assets/rootfs"

// TestShellIsClean runs shellcheck, from Debian, over every shell script.
func TestShellIsClean(t *testing.T) {
	t.Parallel()
	root := archivetest.Tools(t, "shellcheck", "shellcheck")
	work := t.TempDir()
	scripts := shellScripts(t, "assets", ".ci", "scripts")
	if len(scripts) < 10 {
		t.Fatalf("only %d scripts were found: %s", len(scripts), scripts)
	}
	for name, text := range scripts {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		// What a script sources by its path in the booted system is found in
		// the folder that holds that system's root.
		text = bytes.ReplaceAll(text, []byte("\n. /etc/"), []byte("\n. "+rootfs+"/etc/"))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range scripts {
		args := []string{"shellcheck", "--norc", "--format=gcc", "--external-sources"}
		if !bytes.HasPrefix(text, []byte("#!/usr/bin/env bash")) {
			args = append(args, "--shell=busybox")
		}
		var out bytes.Buffer
		err := root.Run(t.Context(), sandbox.Command{Args: append(args, name), Work: work, Stdout: &out, Stderr: &out})
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}

// shellScripts finds the files that a shell reads: by their first line, or by
// their name.
func shellScripts(t *testing.T, folders ...string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, folder := range folders {
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			continue
		}
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			first, _, _ := bytes.Cut(text, []byte("\n"))
			if bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(first, []byte("sh")) || strings.HasSuffix(path, ".sh") || strings.HasSuffix(path, "/profile") {
				found[path] = text
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestRoomsKnowNoTerminal: what asks nobody and shows nothing has no library
// that does, neither at first nor at second hand.
func TestRoomsKnowNoTerminal(t *testing.T) {
	t.Parallel()
	for _, room := range []string{"./steps/...", "./assemble", "./kernel", "./qemu"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", room).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range strings.Fields(string(out)) {
			if dep == "floe/ui" || strings.HasPrefix(dep, "floe/internal/cli") || strings.HasPrefix(dep, "charm.land/") || strings.HasPrefix(dep, "github.com/charmbracelet/") {
				t.Errorf("%s comes to %s", room, dep)
			}
		}
	}
}
