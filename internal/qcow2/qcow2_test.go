package qcow2_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/qcow2"
	"floe/internal/sandbox"
)

// tool runs a program of QEMU's or of util-linux in a folder.
func tool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	root := archivetest.Tools(t, "checks-qcow2", "qemu-utils", "fdisk", "dash")
	var out bytes.Buffer
	if err := root.Run(t.Context(), sandbox.Command{Args: args, Work: dir, Stdout: &out, Stderr: &out}); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

// QEMU's own tool finds nothing wrong with an image, and the data where it was
// put; sfdisk finds the partition.
func TestDataDisk(t *testing.T) {
	const size = 3 << 30
	dir := t.TempDir()
	extents, err := qcow2.DataDisk(size)
	if err != nil {
		t.Fatal(err)
	}
	extents = append(extents, qcow2.Extent{Offset: 1<<30 - 5, Data: []byte("across two clusters and two tables")})
	f, err := os.Create(filepath.Join(dir, "d.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := qcow2.Write(f, size, extents...); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := tool(t, dir, "qemu-img", "check", "d.qcow2"); !strings.Contains(got, "No errors were found") {
		t.Errorf("qemu-img check: %s", got)
	}
	tool(t, dir, "qemu-img", "convert", "-O", "raw", "d.qcow2", "d.raw")
	raw, err := os.Open(filepath.Join(dir, "d.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if info, err := raw.Stat(); err != nil || info.Size() != size {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	for _, e := range extents {
		got := make([]byte, len(e.Data))
		if _, err := raw.ReadAt(got, e.Offset); err != nil || !bytes.Equal(got, e.Data) {
			t.Errorf("at %d: %v, %.40q", e.Offset, err, got)
		}
	}
	if got := tool(t, dir, "sfdisk", "--verify", "d.raw"); !strings.Contains(got, "No errors detected") {
		t.Errorf("sfdisk: %s", got)
	}
	if got := tool(t, dir, "sfdisk", "--dump", "d.raw"); strings.Count(got, "name=") != 1 || !strings.Contains(got, `name="floe-data"`) {
		t.Errorf("sfdisk: %s", got)
	}
}

// TestGrow: QEMU's own tools find a grown image whole, with all that was on it, and
// sfdisk makes its partition larger as a machine does.
func TestGrow(t *testing.T) {
	const small, large = 64 << 20, 20 << 30 // of one entry in the table of tables, and of 40
	dir := t.TempDir()
	extents, err := qcow2.DataDisk(small)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "d.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := qcow2.Write(f, small, extents...); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{small - 512, small + 1, 5 << 40} {
		if err := qcow2.Grow(f, size); err == nil {
			t.Errorf("%d bytes became %d", small, size)
		}
	}
	if size, err := qcow2.Size(f); size != small || err != nil {
		t.Errorf("%d bytes, %v", size, err)
	}
	if err := qcow2.Grow(f, large); err != nil {
		t.Fatal(err)
	}
	if size, err := qcow2.Size(f); size != large || err != nil {
		t.Errorf("%d bytes, %v", size, err)
	}
	if got := tool(t, dir, "qemu-img", "check", "d.qcow2"); !strings.Contains(got, "No errors were found") {
		t.Errorf("qemu-img check: %s", got)
	}
	tool(t, dir, "qemu-img", "convert", "-O", "raw", "d.qcow2", "d.raw")
	if info, err := os.Stat(filepath.Join(dir, "d.raw")); err != nil || info.Size() != large {
		t.Errorf("%+v, %v", info, err)
	}
	tool(t, dir, "sh", "-c", "echo ', +' | sfdisk -q --force --no-reread --no-tell-kernel -N 1 d.raw")
	if got := tool(t, dir, "sfdisk", "--verify", "d.raw"); !strings.Contains(got, "No errors detected") {
		t.Errorf("sfdisk: %s", got)
	}
	if got := tool(t, dir, "sfdisk", "--list", "d.raw"); !strings.Contains(got, "20G Linux filesystem") {
		t.Errorf("sfdisk: %s", got)
	}
	if _, err := qcow2.Size(strings.NewReader(strings.Repeat("x", 200))); err == nil {
		t.Error("text has a size as a disk")
	}
}

func TestRefused(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, err := range map[string]error{
		"odd size":      qcow2.Write(f, 1000),
		"no size":       qcow2.Write(f, 0),
		"too large":     qcow2.Write(f, qcow2.MaxSize+512),
		"past the end":  qcow2.Write(f, 512, qcow2.Extent{Offset: 500, Data: make([]byte, 13)}),
		"twice a place": qcow2.Write(f, 1<<20, qcow2.Extent{Offset: 0, Data: []byte{1}}, qcow2.Extent{Offset: 9, Data: []byte{1}}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := qcow2.DataDisk(1 << 20); err == nil {
		t.Error("a data disk of 1 MiB")
	}
}
