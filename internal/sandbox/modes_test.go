package sandbox

import (
	"os"
	"strings"
	"testing"

	"floe/internal/fault"
)

// commandTests are the tests of commands that must pass in every mode.
const commandTests = "^TestRun"

func TestAsNobody(t *testing.T) {
	needRoot(t)
	rerun(t, commandTests, "", nobody)
	rerun(t, "^TestInUserMode$", "", nobody)
}

func TestWithoutUserNamespaces(t *testing.T) {
	needRoot(t)
	rerun(t, commandTests, noUserNS, 0)
	rerun(t, "^TestInAdminMode$", noUserNS, 0)
}

func TestWithoutMounts(t *testing.T) {
	needRoot(t)
	rerun(t, commandTests, noMounts, 0)
	rerun(t, "^TestInChrootMode$", noMounts, 0)
}

func TestForbidden(t *testing.T) {
	needRoot(t)
	rerun(t, "^TestInNoMode$", noUserNS, nobody)
}

// The tests that follow mean something only in a process that rerun started.

func wantMode(t *testing.T, want mode) {
	t.Helper()
	if os.Getenv(envRoot) == "" {
		t.Skip("runs in a process with less rights, see rerun")
	}
	if m, err := probe(); m != want {
		t.Errorf("mode %q, %v; want %q", m, err, want)
	}
}

func TestInUserMode(t *testing.T) { wantMode(t, modeUser) }

func TestInAdminMode(t *testing.T) { wantMode(t, modeAdmin) }

func TestInChrootMode(t *testing.T) { wantMode(t, modeChroot) }

func TestInNoMode(t *testing.T) {
	wantMode(t, "")
	run := New(testRoot(t))
	for name, err := range map[string]error{
		"Probe": Probe(),
		"Run":   run.Run(t.Context(), Command{Args: []string{"true"}, Work: t.TempDir()}),
	} {
		if fault.Code(err) != int(fault.Missing) {
			t.Errorf("%s: class %d of %v", name, fault.Code(err), err)
		}
		if hint := fault.Hint(err); !strings.Contains(hint, "seccomp=unconfined") || !strings.Contains(hint, "--toolchain host") {
			t.Errorf("%s: hint %q", name, hint)
		}
		if err == nil || !strings.Contains(err.Error(), "seccomp filter") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, err := sh(t, Host{}, t.TempDir(), "echo fine"); err != nil || out != "fine\n" {
		t.Errorf("the host's tools: %q, %v", out, err)
	}
}

func TestProbe(t *testing.T) {
	if err := Probe(); err != nil {
		t.Error(err, fault.Hint(err))
	}
}
