package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/qemu"
)

// The wizard's first screen has these columns for what was found, and two fewer for what
// mends it, on a terminal of 80.
const room = 54

// TestUsualFindingsHaveARow: what most machines show is not wrapped on the wizard's first
// screen, where all checks stand below each other.
func TestUsualFindingsHaveARow(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	host := Host{StoreDir: filepath.Join(home, ".cache", "floe"), Arch: arch.AMD64}
	plain := filepath.Join(home, "cpuinfo")
	if err := os.WriteFile(plain, []byte("flags : fpu sse2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	able := filepath.Join(home, "able")
	if err := os.WriteFile(able, []byte("flags : fpu vmx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", home)
	findings := []Finding{
		system(t.Context(), host), disk(t.Context(), host), memory(t.Context(), host), emulator(t.Context(), host),
		speed(qemu.DetectAccel(arch.AMD64, qemu.Host{CPUInfo: plain, Arch: arch.AMD64})),
		speed(qemu.DetectAccel(arch.AMD64, qemu.Host{CPUInfo: able, KVM: "/not/kvm", Arch: arch.AMD64})),
		{Text: namespacesText},
	}
	for _, f := range findings {
		if len(f.Text) > room || len(f.Hint) > room-2 {
			t.Errorf("%s: %d and %d columns: %s (%s)", f.Name, len(f.Text), len(f.Hint), f.Text, f.Hint)
		}
	}
}

// TestArchiveUnreached: that there is no archive is told in a few words, with what mends it.
func TestArchiveUnreached(t *testing.T) {
	f := archive(t.Context(), Host{StoreDir: t.TempDir(), Mirror: "http://127.0.0.1:1/debian", Arch: arch.AMD64})
	if f.Level != Fail || !strings.HasPrefix(f.Text, "cannot reach the Debian archive: dial tcp 127.0.0.1:1: ") || !strings.Contains(f.Hint, "--mirror") {
		t.Errorf("%+v", f)
	}
}

func TestShort(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for path, want := range map[string]string{
		"/home/ada/.cache/floe": "~/.cache/floe", "/home/adam/x": "/home/adam/x", "/var/floe": "/var/floe", "": "",
	} {
		if got := short(path); got != want {
			t.Errorf("%s is written %s", path, got)
		}
	}
}
