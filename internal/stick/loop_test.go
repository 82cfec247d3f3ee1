package stick

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/disks"
	"floe/internal/report"
	"floe/internal/sandbox"
)

const mib = 1 << 20

func order(t testing.TB, image string, d disks.Disk, data Data) Order {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return Order{Image: image, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b)), Disk: d.Identity, Data: data}
}

func mustWrite(t testing.TB, o Order) Result {
	t.Helper()
	r, err := Write(t.Context(), o, disks.Here(), report.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// soon is a context for what takes a second or two, and is given up rather than
// waited for if it does not end.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(soon(t), name, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// check has a tool verify the partition tables in a loop device's file.
func check(t testing.TB, tool, file string) string {
	t.Helper()
	root := archivetest.Tools(t, "checks-stick", "fdisk", "gdisk")
	var out bytes.Buffer
	dir := filepath.Dir(file)
	err := root.Run(t.Context(), sandbox.Command{Args: []string{tool, "--verify", filepath.Base(file)}, Work: dir, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Errorf("%s: %v", tool, err)
	}
	return out.String()
}
