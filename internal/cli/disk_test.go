package cli

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/adrg/xdg"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/qemu"
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

// TestEphemeral: a machine that is to leave nothing has no data disk made, and is not
// given the one that its name has.
func TestEphemeral(t *testing.T) {
	t.Cleanup(xdg.Reload) // once the variable is as it was
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	xdg.Reload()
	drives := func(try trial) (list []string) {
		t.Helper()
		option, err := try.disk()
		if err != nil {
			t.Fatal(err)
		}
		m, err := qemu.New("box", arch.Host(), option)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range m.Media {
			list = append(list, d.Path)
		}
		return list
	}
	kept := trial{name: "box", wantsDisk: true, diskSize: "512M"}
	ephemeral := kept
	ephemeral.ephemeral = true
	if got := drives(ephemeral); got != nil {
		t.Errorf("it has %q", got)
	}
	if _, err := os.Stat(diskPath("box")); err == nil {
		t.Error("a disk was made for it")
	}
	if got := drives(kept); len(got) != 1 || got[0] != diskPath("box") {
		t.Errorf("one that stays has %q, not %s", got, diskPath("box"))
	}
	if got := drives(ephemeral); got != nil {
		t.Errorf("where there is a disk, it has %q", got)
	}
}
