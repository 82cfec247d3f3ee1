package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"floe/internal/fault"
)

// both runs a test with each of the runners.
func both(t *testing.T, test func(t *testing.T, run Runner)) {
	t.Run("root", func(t *testing.T) { test(t, New(testRoot(t))) })
	t.Run("host", func(t *testing.T) { test(t, Host{}) })
}

// sh runs a shell script and gives its output.
func sh(t *testing.T, run Runner, work, script string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run.Run(t.Context(), Command{Args: []string{"sh", "-c", script}, Work: work, Stdout: &out, Stderr: &out})
	return out.String(), err
}

// mustSh is sh for a script that must succeed; the output's white space at
// the ends is cut.
func mustSh(t *testing.T, run Runner, script string) string {
	t.Helper()
	out, err := sh(t, run, t.TempDir(), script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(out)
}

// currentMode gives the mode that Roots use in this process.
func currentMode(t *testing.T) mode {
	t.Helper()
	m, err := probe()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRunEnvironment(t *testing.T) {
	t.Setenv("FLOE_TEST_LEAK", "1")
	old := unix.Umask(0o027) // must not matter
	defer unix.Umask(old)
	both(t, func(t *testing.T, run Runner) {
		work := t.TempDir()
		if err := os.MkdirAll(filepath.Join(work, "a/b"), 0o755); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := run.Run(t.Context(), Command{
			Args: []string{"env"}, Env: []string{"TZ=CET", "SOURCE_DATE_EPOCH=7"}, Work: work, Stdout: &out,
		})
		path := innerPath
		if run.Name() == "host" {
			path = os.Getenv("PATH")
		}
		want := "PATH=" + path + "\nHOME=/\nLC_ALL=C\nTZ=CET\nSOURCE_DATE_EPOCH=7\n"
		if err != nil || out.String() != want {
			t.Errorf("env: %v\n got %q\nwant %q", err, out.String(), want)
		}

		out.Reset()
		err = run.Run(t.Context(), Command{
			Args: []string{"sh", "-c", "umask; ulimit -n; ulimit -c; pwd; : > made; cat"}, Work: work, Sub: "a/b", Stdout: &out,
		})
		pwd := "/build/a/b"
		if run.Name() == "host" {
			pwd = filepath.Join(work, "a/b")
		}
		if want := "0022\n4096\n0\n" + pwd + "\n"; err != nil || out.String() != want {
			t.Errorf("got %q, %v; want %q", out.String(), err, want)
		}
		if info, err := os.Stat(filepath.Join(work, "a/b/made")); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("the file it made: %v, %v", info, err)
		}
	})
}

func TestRunStreams(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		var out, errs bytes.Buffer
		err := run.Run(t.Context(), Command{
			Args: []string{"sh", "-c", "cat; echo two >&2"}, Work: t.TempDir(),
			Stdin: strings.NewReader("one"), Stdout: &out, Stderr: &errs,
		})
		if err != nil || out.String() != "one" || errs.String() != "two\n" {
			t.Errorf("got %q, %q, %v", out.String(), errs.String(), err)
		}
		// To one writer they come in order.
		want := strings.Repeat("a\nb\n", 100)
		script := "i=0; while [ $i -lt 100 ]; do echo a; echo b >&2; i=$((i+1)); done"
		if got, err := sh(t, run, t.TempDir(), script); err != nil || got != want {
			t.Errorf("the order is lost: %q, %v", got, err)
		}
		// A reader that never ends keeps nobody waiting.
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		endless := struct{ *os.File }{r} // not an *os.File, so it has to be copied
		if err := run.Run(t.Context(), Command{Args: []string{"true"}, Work: t.TempDir(), Stdin: endless}); err != nil {
			t.Error(err)
		}
	})
}

func TestRunFailure(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		_, err := sh(t, run, t.TempDir(), "i=1; while [ $i -le 30 ]; do echo line $i; i=$((i+1)); done; printf last >&2; exit 3")
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Code != 3 || exit.Signal != 0 {
			t.Fatalf("got %v", err)
		}
		if n := len(exit.Tail); n != 20 || exit.Tail[0] != "line 12" || exit.Tail[n-1] != "last" {
			t.Errorf("tail of %d lines: %q", n, exit.Tail)
		}
		if want := "exit status 3: last"; !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("message %q", err)
		}

		_, err = sh(t, run, t.TempDir(), "kill -SEGV $$")
		if !errors.As(err, &exit) || exit.Code != 128+11 || exit.Signal != syscall.SIGSEGV || !strings.Contains(err.Error(), "SIGSEGV") {
			t.Errorf("ended by a signal: %v", err)
		}

		err = run.Run(t.Context(), Command{Args: []string{"no-such-command"}, Work: t.TempDir()})
		if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "no-such-command") || fault.Hint(err) == "" {
			t.Errorf("no such command: %v, class %d, hint %q", err, fault.Code(err), fault.Hint(err))
		}
		for _, c := range []Command{
			{Work: t.TempDir()},
			{Args: []string{"true"}},
			{Args: []string{"true"}, Work: t.TempDir(), Sub: "../x"},
			{Args: []string{"true"}, Work: filepath.Join(t.TempDir(), "none")},
		} {
			if run.Run(t.Context(), c) == nil {
				t.Errorf("%+v was run", c)
			}
		}
	})
}

func TestRunCancel(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		work := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- run.Run(ctx, Command{Args: []string{"sh", "-c", "trap '' TERM INT HUP; " + heart + "wait"}, Work: work})
		}()
		waitBeat(t, work)
		start := time.Now()
		cancel()
		err := <-ended
		if took := time.Since(start); took > 3*time.Second { // on a busy machine
			t.Errorf("it took %v to stop", took)
		}
		if !errors.Is(err, context.Canceled) || fault.Code(err) != int(fault.Cancelled) {
			t.Errorf("got %v", err)
		}
		wantDead(t, work)
		if err := run.Run(ctx, Command{Args: []string{"true"}, Work: work}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a cancelled context: %v", err)
		}
	})
}

// What a command leaves in the background ends with it.
func TestRunOrphan(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		work := t.TempDir()
		if out, err := sh(t, run, work, heart+"while ! [ -e beat ]; do sleep 0.01; done"); err != nil {
			t.Fatal(err, out)
		}
		wantDead(t, work)
	})
}

// If floe is killed by SIGKILL, what it runs ends.
func TestRunParentKilled(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		work := t.TempDir()
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), envVictim+"="+work)
		if run.Name() != "host" {
			cmd.Env = append(cmd.Env, envRoot+"="+testRoot(t))
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitBeat(t, work)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		// Nobody is left to wait for it: on a busy machine it takes a moment.
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && beats(work); {
		}
		wantDead(t, work)
	})
}

// Several commands may share a folder to work in.
func TestRunShared(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		var wg sync.WaitGroup
		work := t.TempDir()
		for i := range 8 {
			wg.Go(func() {
				if out, err := sh(t, run, work, fmt.Sprint("sleep 0.02; echo > ", i)); err != nil {
					t.Error(i, out, err)
				}
			})
		}
		wg.Wait()
		if list, err := os.ReadDir(work); err != nil || len(list) != 8 {
			t.Errorf("%d files, %v", len(list), err)
		}
	})
}

func TestRunNoRoot(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/none"} {
		err := New(dir).Run(t.Context(), Command{Args: []string{"true"}, Work: t.TempDir()})
		if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), dir) {
			t.Errorf("in %s: %v", dir, err)
		}
	}
}

func TestRunMany(t *testing.T) {
	both(t, func(t *testing.T, run Runner) {
		var wg sync.WaitGroup
		for i := range 12 {
			work := t.TempDir()
			wg.Go(func() {
				if out, err := sh(t, run, work, "echo "+strconv.Itoa(i)+" > f; cat f"); err != nil || out != fmt.Sprintln(i) {
					t.Error(i, out, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestRunIsolation(t *testing.T) {
	run := New(testRoot(t))
	mode := currentMode(t)
	t.Log("mode:", mode)
	if got := mustSh(t, run, "id -u; id -g; ls /tmp | wc -l; readlink /bin; cat /build/x 2>&1 | wc -l; echo good > /build/x; cat x"); got != "0\n0\n0\nusr/bin\n1\ngood" {
		t.Errorf("inside: %q", got)
	}
	if got := mustSh(t, run, "echo x > /tmp/x && cat /tmp/x && head -c 3 /dev/zero | wc -c && echo gone > /dev/null && head -c 5 /dev/urandom | wc -c"); got != "x\n3\n5" {
		t.Errorf("devices and /tmp: %q", got)
	}
	if got := mustSh(t, run, "ls /tmp"); got != "" {
		t.Errorf("/tmp kept %q", got)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := sh(t, run, t.TempDir(), "cat "+secret); err == nil {
		t.Errorf("a file of the host can be read: %q", out)
	}
	if mode == modeChroot {
		return // what follows needs namespaces
	}
	if got := mustSh(t, run, "uname -n; cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '; cat /proc/net/route | tail -n +2"); got != "floe\nlo" {
		t.Errorf("host name, network devices, routes: %q", got)
	}
	if got := mustSh(t, run, "awk '/^(CapPrm|CapEff|CapBnd|NoNewPrivs)/ { print $2 }' /proc/self/status"); got != "0000000000000000\n0000000000000000\n0000000000000000\n1" {
		t.Errorf("rights: %q", got)
	}
	if got := mustSh(t, run, "ls -d /proc/[0-9]* | wc -l"); len(got) > 1 {
		t.Errorf("%s processes to be seen", got)
	}
	for _, path := range []string{"/x", "/usr/bin/x", "/etc/passwd", "/dev/x"} {
		out, err := sh(t, run, t.TempDir(), "echo x >> "+path)
		if err == nil || !strings.Contains(out, "Read-only file system") && !strings.Contains(out, "Permission denied") {
			t.Errorf("%s is not read-only: %q, %v", path, out, err)
		}
	}
}
