package cli

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"floe/internal/fault"
)

func TestMakeDisk(t *testing.T) {
	dir := t.TempDir()
	for size, want := range map[string]uint64{"": 16 << 30, "2G": 2 << 30, "512M": 512 << 20, "3GB": 3e9, "1T": 1 << 40} {
		path := filepath.Join(dir, "disks", size+".qcow2")
		if err := makeDisk(path, size); err != nil {
			t.Errorf("%q: %v", size, err)
			continue
		}
		head, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint64(head[24:]); got != want/512*512 { // the size in the header
			t.Errorf("%q makes a disk of %d bytes, not %d", size, got, want)
		}
		if len(head) > 1<<20 {
			t.Errorf("%q takes %d bytes at once", size, len(head))
		}
	}
	for _, size := range []string{"nonsense", "-5"} {
		if err := makeDisk(filepath.Join(dir, "refused.qcow2"), size); err == nil || !strings.Contains(err.Error(), strconv.Quote(size)+" is no size") {
			t.Errorf("%q: %v", size, err)
		}
	}
	for _, size := range []string{"x", "-1G", "1M", "9T"} {
		path := filepath.Join(dir, "refused.qcow2")
		if err := makeDisk(path, size); fault.Code(err) != int(fault.Usage) {
			t.Errorf("%q: %v", size, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q left a file", size)
		}
	}
}
