package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/report"
)

// The tests of commands run several times: as the caller, and in processes
// that this test starts as somebody else or with less rights. The environment
// tells such a process what it is.
const (
	envRoot   = "SANDBOX_TEST_ROOT"   // the unpacked root, made by the first process
	envLimit  = "SANDBOX_TEST_LIMIT"  // what to give up, then start again
	envVictim = "SANDBOX_TEST_VICTIM" // the work folder of a process that waits to be killed
)

// The values of envLimit.
const (
	noUserNS = "no-userns"    // a seccomp filter forbids user namespaces, as in a container
	noMounts = "no-sys-admin" // and CAP_SYS_ADMIN is gone
)

func TestMain(m *testing.M) {
	if limit := os.Getenv(envLimit); limit != "" {
		err := giveUp(limit)
		fmt.Fprintln(os.Stderr, "give up rights:", err)
		os.Exit(1)
	}
	if work := os.Getenv(envVictim); work != "" {
		victim(work)
	}
	code := m.Run()
	fixture.clean()
	os.Exit(code)
}

// fixture is the root that the tests share: a shell and small tools.
var fixture rootFixture

type rootFixture struct {
	once sync.Once
	base string // temporary folder, "" if another process made the root
	debs []string
	root string
	took time.Duration
	err  error
}

func (f *rootFixture) clean() {
	if f.base != "" {
		_ = os.RemoveAll(f.base)
	}
}

func (f *rootFixture) make() {
	if f.root = os.Getenv(envRoot); f.root != "" {
		return
	}
	if f.base, f.err = os.MkdirTemp("", "floe-sandbox-test-"); f.err != nil {
		return
	}
	if f.err = os.Chmod(f.base, 0o755); f.err != nil { // others are to run in it
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	archive, err := debian.Open(ctx, debian.Options{Cache: filepath.Join(f.base, "cache")})
	if err != nil {
		f.err = err
		return
	}
	selection, err := archive.Resolve(ctx, arch.Host(), []string{"dash", "coreutils", "mawk"})
	if err != nil {
		f.err = err
		return
	}
	stage := report.Start(report.Discard, "fetch", "fetch")
	if f.debs, f.err = archive.Fetch(ctx, selection.Files(), stage); f.err != nil {
		return
	}
	f.root = filepath.Join(f.base, "root")
	start := time.Now()
	f.err = Unpack(ctx, f.debs, f.root, nil)
	f.took = time.Since(start)
}

// testRoot gives the root folder of real packages.
func testRoot(t *testing.T) string {
	t.Helper()
	fixture.once.Do(fixture.make)
	if fixture.err != nil {
		t.Fatal(fixture.err)
	}
	return fixture.root
}

// rerun runs the tests that match pattern in another process with less
// rights, and wants at least one of them to run and all to pass.
func rerun(t *testing.T, pattern, limit string, uid int) {
	t.Helper()
	tmp, err := os.MkdirTemp("", "floe-sandbox-rerun-") // not below a folder that is closed to uid
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	if err := os.Chown(tmp, uid, uid); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run="+pattern, "-test.v", "-test.timeout=2m")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), envRoot+"="+testRoot(t), envLimit+"="+limit, "TMPDIR="+tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: ") {
		t.Errorf("as uid %d, limit %q: %v\n%s", uid, limit, err, out)
	}
}

// needRoot ends a test that can only give up rights if it has them.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody else; the same tests run as the caller")
	}
}

const nobody = 65534

// giveUp gives up rights and starts this program again.
func giveUp(limit string) error {
	runtime.LockOSThread() // the filter and the bounding set are the thread's
	if limit == noMounts {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
			return err
		}
	}
	if err := forbidUserNS(); err != nil {
		return err
	}
	env := []string{}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, envLimit+"=") {
			env = append(env, kv)
		}
	}
	return syscall.Exec(self, os.Args, env)
}

// forbidUserNS has clone(2) and unshare(2) with CLONE_NEWUSER fail with EPERM
// in this thread and what it starts (seccomp(2)).
func forbidUserNS() error {
	const (
		loadWord = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jumpEq   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jumpSet  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret      = unix.BPF_RET | unix.BPF_K
		number   = 0  // offset of the system call's number in struct seccomp_data
		flags    = 16 // of the low half of its first argument
	)
	program := []unix.SockFilter{
		{Code: loadWord, K: number},
		{Code: jumpEq, K: unix.SYS_CLONE, Jt: 1},
		{Code: jumpEq, K: unix.SYS_UNSHARE, Jf: 3},
		{Code: loadWord, K: flags},
		{Code: jumpSet, K: unix.CLONE_NEWUSER, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// victim runs a command that never ends.
func victim(work string) {
	var run Runner = Host{}
	if root := os.Getenv(envRoot); root != "" {
		run = New(root)
	}
	err := run.Run(context.Background(), Command{Args: []string{"sh", "-c", heart + "wait"}, Work: work})
	fmt.Fprintln(os.Stderr, "the victim's command ended:", err)
	os.Exit(1)
}

// heart is a shell's command: a grandchild in the background makes the file
// "beat" again and again.
const heart = "(while :; do : > beat; sleep 0.02; done) & "

// waitBeat waits until the heart beats.
func waitBeat(t *testing.T, work string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(work, "beat")); err == nil {
			return
		}
	}
	t.Fatal("the command never started its grandchild")
}

// wantDead fails if the heart still beats.
func wantDead(t *testing.T, work string) {
	t.Helper()
	if beats(work) {
		t.Error("a grandchild is still alive")
	}
}

func beats(work string) bool {
	beat := filepath.Join(work, "beat")
	time.Sleep(50 * time.Millisecond) // one that is writing right now
	_ = os.Remove(beat)
	time.Sleep(300 * time.Millisecond)
	_, err := os.Stat(beat)
	return !errors.Is(err, os.ErrNotExist)
}
