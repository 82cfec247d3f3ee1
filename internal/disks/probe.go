package disks

import (
	"bytes"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// signature is how a file system is known: bytes at a place, and where it
// keeps its label. All places are in bytes.
type signature struct {
	kind  string
	at    int64
	magic string
	label int64 // 0: it has none, or none that is easily read
	long  int
}

// signatures of what sticks and disks hold. As in libblkid, RAID and
// containers come before what they contain.
var signatures = []signature{
	{kind: "crypto_LUKS", at: 0, magic: "LUKS\xba\xbe"},
	{kind: "LVM2_member", at: 512, magic: "LABELONE"},
	{kind: "linux_raid_member", at: 4096, magic: "\xfc\x4e\x2b\xa9", label: 4096 + 32, long: 32},
	{kind: "iso9660", at: 0x8001, magic: "CD001", label: 0x8028, long: 32},
	{kind: "btrfs", at: 0x10040, magic: "_BHRfS_M", label: 0x1012b, long: 255},
	{kind: "xfs", at: 0, magic: "XFSB", label: 108, long: 12},
	{kind: "ext4", at: 0x438, magic: "\x53\xef", label: 0x478, long: 16},
	{kind: "swap", at: 4086, magic: "SWAPSPACE2", label: 1052, long: 16},
	{kind: "f2fs", at: 0x400, magic: "\x10\x20\xf5\xf2"},
	{kind: "squashfs", at: 0, magic: "hsqs"},
	{kind: "exfat", at: 3, magic: "EXFAT   "},
	{kind: "ntfs", at: 3, magic: "NTFS    "},
	{kind: "vfat", at: 82, magic: "FAT32   ", label: 71, long: 11},
	{kind: "vfat", at: 54, magic: "FAT1", label: 43, long: 11},
}

// head is how much of a device the signatures reach over, in bytes.
const head = 0x10240

// patience is how long a device may take to be looked at. One that is failing
// can take half a minute for each block, and would keep all others from being
// listed.
const patience = 2 * time.Second

// probe looks at a device for the signature of a file system. It needs the
// right to read it, and is silent otherwise.
func probe(path string) (kind, label string) {
	b := inTime(patience, func() []byte {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil
		}
		defer f.Close()
		b := make([]byte, head)
		n, _ := f.ReadAt(b, 0)
		return b[:n]
	})
	return recognize(b)
}

// inTime gives what read reads if that takes no longer than limit. The kernel
// lets nobody take back a read, so a late one ends when it ends.
func inTime(limit time.Duration, read func() []byte) []byte {
	done := make(chan []byte, 1)
	go func() { done <- read() }()
	select {
	case b := <-done:
		return b
	case <-time.After(limit):
		return nil
	}
}

func recognize(b []byte) (kind, label string) {
	at := func(from int64, n int) []byte {
		if from+int64(n) > int64(len(b)) {
			return nil
		}
		return b[from : from+int64(n)]
	}
	for _, s := range signatures {
		if !bytes.Equal(at(s.at, len(s.magic)), []byte(s.magic)) {
			continue
		}
		if s.label > 0 {
			text, _, _ := strings.Cut(string(at(s.label, s.long)), "\x00")
			label = tame(text)
		}
		if label == "NO NAME" { // FAT's way to have none
			label = ""
		}
		return s.kind, label
	}
	return "", ""
}
