package disks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGuard finds what carries the system, however it is stacked, and lets
// the stick beside it be.
func TestGuard(t *testing.T) {
	stick := func(m *machine) {
		m.usb("2-9", "sdz", "65:144", 16*gb, "SanDisk ", "Ultra", "4C530001", values{"removable": "1"}).part("sdz", 1, "sdz1", "65:145", 15*gb, nil)
	}
	for _, tt := range []struct {
		name    string
		build   func(*machine)
		protect []string
		refused map[string]string // what the reason begins with, by disk; "" is allowed
	}{
		{"root on a USB disk that denies being removable", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 500*gb, "Samsung", "T7", "S5T3", nil).part("sda", 2, "sda2", "8:2", 400*gb, nil)
			m.mounts(mountLine("8:2", "/", "ext4", "/dev/root"))
		}, nil, map[string]string{"sda": "carries / (sda2)"}},
		{"NVMe root", func(m *machine) {
			m.disk("pci0000:00/0000:01:00.0/nvme/nvme0", "nvme", "nvme0n1", "259:0", 512*gb, values{"../../model": "Samsung SSD 980"})
			m.part("nvme0n1", 2, "nvme0n1p2", "259:2", 500*gb, nil)
			m.mounts(mountLine("259:2", "/", "ext4", "/dev/nvme0n1p2"), mountLine("259:2", "/boot", "ext4", "/dev/nvme0n1p2"))
		}, nil, map[string]string{"nvme0n1": "carries / (nvme0n1p2)"}},
		{"root on LVM on LUKS", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC WD5000", "WD-1").part("sda", 3, "sda3", "8:3", 490*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "luks-abc"}, "sda3").stack("dm-1", "253:1", values{"dm/name": "vg-root"}, "dm-0")
			m.mounts(mountLine("253:1", "/", "ext4", "/dev/mapper/vg-root"))
		}, nil, map[string]string{"sda": "carries / (sda3, luks-abc, vg-root)"}},
		{"root on RAID 1", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").part("sda", 1, "sda1", "8:1", 490*gb, nil)
			m.sata("ata2", "sdb", "8:16", 500*gb, "WDC", "2").part("sdb", 1, "sdb1", "8:17", 490*gb, nil)
			m.stack("md0", "9:0", nil, "sda1", "sdb1")
			m.mounts(mountLine("9:0", "/", "xfs", "/dev/md0"))
		}, nil, map[string]string{"sda": "carries / (sda1, md0)", "sdb": "carries / (sdb1, md0)"}},
		{"multipath", func(m *machine) {
			m.disk("pci0000:00/0000:02:00.0/host1/target1:0:0/1:0:0:0", "scsi", "sda", "8:0", 100*gb, nil)
			m.disk("pci0000:00/0000:02:00.1/host2/target2:0:0/2:0:0:0", "scsi", "sdb", "8:16", 100*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "mpatha"}, "sda", "sdb")
			m.mounts(mountLine("253:0", "/", "ext4", "/dev/mapper/mpatha"))
		}, nil, map[string]string{"sda": "carries / (mpatha)", "sdb": "carries / (mpatha)"}},
		{"btrfs over two disks", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").part("sda", 1, "sda1", "8:1", 490*gb, nil)
			m.sata("ata2", "sdb", "8:16", 500*gb, "WDC", "2")
			m.link("sys/fs/btrfs/0b2a/devices/sda1", m.dirs["sda1"]).link("sys/fs/btrfs/0b2a/devices/sdb", m.dirs["sdb"])
			m.write("sys/fs/btrfs/features/raid1c34", "0\n")
			m.mounts(mountLine("0:25", "/", "btrfs", "/dev/sda1"))
		}, nil, map[string]string{"sda": "carries / (sda1)", "sdb": "carries /"}},
		{"btrfs on LUKS, named by a link of udev's", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").part("sda", 1, "sda1", "8:1", 490*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "cryptroot"}, "sda1")
			m.write("dev/dm-0", "").link("dev/mapper/cryptroot", "dev/dm-0")
			m.mounts(mountLine("0:25", "/", "btrfs", "/dev/mapper/cryptroot"))
		}, nil, map[string]string{"sda": "carries / (sda1, cryptroot)"}},
		{"the same without udev", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").part("sda", 1, "sda1", "8:1", 490*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "cryptroot"}, "sda1")
			m.mounts(mountLine("0:25", "/", "btrfs", "/dev/mapper/cryptroot"))
		}, nil, map[string]string{"sda": "carries / (sda1, cryptroot)"}},
		{"swap on a partition, a file and LVM", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 50*gb, "A", "1").part("sda", 5, "sda5", "8:5", 4*gb, nil)
			m.sata("ata2", "sdb", "8:16", 50*gb, "B", "2").part("sdb", 1, "sdb1", "8:17", 4*gb, nil)
			m.sata("ata3", "sdc", "8:32", 50*gb, "C", "3")
			m.stack("dm-3", "253:3", values{"dm/name": "vg-swap"}, "sdc")
			m.write("dev/sda5", "").write("dev/dm-3", "")
			m.swaps("/dev/sda5 partition 1 0 -2", `/mnt/big\040disk/swapfile file 1 0 -3`, "/dev/dm-3 partition 1 0 -4", "/dev/zram0 partition 1 0 100")
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("8:17", `/mnt/big\040disk`, "ext4", "/dev/sdb1"))
		}, nil, map[string]string{"sda": "carries swap on /dev/sda5", "sdb": "carries swap on /mnt/big disk/swapfile", "sdc": "carries swap on /dev/dm-3 (vg-swap)"}},
		{"home and store on sticks of the desktop's", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("8:1", "/run/media/ada/WORK", "ext4", "/dev/sda1"))
		}, []string{"/run/media/ada/WORK/cache/floe"}, map[string]string{"sda": "carries /run/media/ada/WORK (sda1)"}},
		{"some other mount of the system", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("8:1", "/var/lib/docker", "ext4", "/dev/sda1"))
		}, nil, map[string]string{"sda": "carries /var/lib/docker (sda1)"}},
		{"LUKS on a stick that the desktop opened", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "luks-1"}, "sda1")
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("253:0", "/media/ada/SECRET", "ext4", "/dev/mapper/luks-1"))
		}, nil, map[string]string{"sda": "carries /media/ada/SECRET (sda1, luks-1)"}},
		{"LVM that nothing is mounted from", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "vg-data"}, "sda1")
		}, nil, map[string]string{"sda": "is open as vg-data (sda1)"}},
		{"a mount from a file on a disk", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 64*gb, "A", "1").part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.stack("loop0", "7:0", values{"loop/backing_file": "/media/ada/DISK/root.img", "size": "2048"})
			m.mounts(mountLine("7:0", "/", "ext4", "/dev/loop0"), mountLine("8:1", "/media/ada/DISK", "ext4", "/dev/sda1"))
		}, nil, map[string]string{"sda": "carries / (sda1, loop0)"}},
		{"a mount from a partition of a file on a disk, with two spaces in its path", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 64*gb, "A", "1").part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.stack("loop0", "7:0", values{"loop/backing_file": "/media/ada/MY  DISK/root.img", "size": "2048"}).part("loop0", 1, "loop0p1", "259:7", mb, nil)
			m.mounts(mountLine("259:7", "/", "ext4", "/dev/loop0p1"), mountLine("8:1", `/media/ada/MY\040\040DISK`, "ext4", "/dev/sda1"))
		}, nil, map[string]string{"sda": "carries / (sda1, loop0, loop0p1)"}},
		{"root on a partition of a RAID", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").sata("ata2", "sdb", "8:16", 500*gb, "WDC", "2")
			m.stack("md0", "9:0", nil, "sda", "sdb").part("md0", 1, "md0p1", "259:3", 4*gb, nil)
			m.mounts(mountLine("259:3", "/", "xfs", "/dev/md0p1"))
		}, nil, map[string]string{"sda": "carries / (md0, md0p1)", "sdb": "carries / (md0, md0p1)"}},
		{"root on LUKS on LVM", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").part("sda", 3, "sda3", "8:3", 490*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "vg-root"}, "sda3").stack("dm-1", "253:1", values{"dm/name": "luks-root"}, "dm-0")
			m.mounts(mountLine("253:1", "/", "ext4", "/dev/mapper/luks-root"))
		}, nil, map[string]string{"sda": "carries / (sda3, vg-root, luks-root)"}},
		{"btrfs that the kernel mounted by itself", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 500*gb, "WDC", "1").part("sda", 1, "sda1", "8:1", 490*gb, nil)
			m.link("sys/fs/btrfs/0b2a/devices/sda1", m.dirs["sda1"])
			m.mounts(mountLine("0:25", "/", "btrfs", "/dev/root"))
		}, nil, map[string]string{"sda": "carries / (sda1)"}},
		{"a stick under another mount", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.mounts("22 1 0:20 / / rw - rootfs rootfs rw", "30 22 8:1 / /mnt/a rw - vfat /dev/sda1 rw", "31 30 65:145 / /mnt/a rw - vfat /dev/sdz1 rw")
		}, nil, map[string]string{"sda": "carries /mnt/a, under another mount (sda1)"}},
		{"a stick under a mount on the folder above", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.mounts("22 1 0:20 / / rw - rootfs rootfs rw", "31 22 65:145 / /mnt rw - vfat /dev/sdz1 rw", "30 22 8:1 / /mnt/a rw - vfat /dev/sda1 rw")
		}, nil, map[string]string{"sda": "carries /mnt/a, under another mount (sda1)"}},
		{"the store behind a mount on the folder above", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).usb("2-2", "sdb", "8:16", 64*gb, "B", "B", "2", nil)
			m.mounts("22 1 0:20 / / rw - rootfs rootfs rw", "30 22 8:0 / /mnt/a rw - ext4 /dev/sda rw", "31 22 8:16 / /mnt rw - ext4 /dev/sdb rw")
		}, []string{"/mnt/a/floe"}, map[string]string{"sda": "carries /mnt/a", "sdb": "carries /mnt"}},
		{"btrfs over two partitions of a stick, one of them LUKS", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).part("sda", 1, "sda1", "8:1", 4*gb, nil).part("sda", 2, "sda2", "8:2", 4*gb, nil)
			m.stack("dm-0", "253:0", values{"dm/name": "vault"}, "sda2")
			m.link("sys/fs/btrfs/0b2a/devices/sda1", m.dirs["sda1"]).link("sys/fs/btrfs/0b2a/devices/vault", m.dirs["dm-0"])
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("0:31", "/mnt/a", "btrfs", "/dev/sda1"))
		}, nil, map[string]string{"sda": "carries /mnt/a (sda1)"}},
		{"btrfs over a stick and another disk", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 64*gb, "A", "A", "1", nil).sata("ata1", "sdb", "8:16", 64*gb, "B", "2")
			m.link("sys/fs/btrfs/0b2a/devices/sda", m.dirs["sda"]).link("sys/fs/btrfs/0b2a/devices/sdb", m.dirs["sdb"])
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("0:31", "/mnt/a", "btrfs", "/dev/sda"))
		}, nil, map[string]string{"sda": "carries /mnt/a", "sdb": "carries /mnt/a"}},
		{"ZFS", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 64*gb, "A", "1").part("sda", 1, "sda1", "8:1", 60*gb, nil)
			m.write("run/udev/data/b8:1", "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=rpool\n").write("sys/module/zfs/version", "2.3\n")
			m.mounts(mountLine("0:25", "/", "zfs", "rpool/ROOT"))
		}, nil, map[string]string{"sda": "is open as ZFS rpool (sda1)"}},
		{"bcachefs over two disks", func(m *machine) {
			m.sata("ata1", "sda", "8:0", 64*gb, "A", "1").sata("ata2", "sdb", "8:16", 64*gb, "B", "2")
			m.mounts(mountLine("0:25", "/", "bcachefs", "/dev/sda:/dev/sdb"))
		}, nil, map[string]string{"sda": "carries /", "sdb": "carries /"}},
		{"a stick that the desktop mounted", func(m *machine) {
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("65:145", `/media/ada/MY\040STICK`, "vfat", "/dev/sdz1"))
		}, nil, nil},
		{"read-only, small, empty reader, large sectors", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 4*gb, "A", "A", "1", values{"ro": "1"})
			m.usb("2-2", "sdb", "8:16", 64*mb, "A", "A", "1", nil)
			m.usb("2-3", "sdc", "8:32", 0, "Generic", "SD/MMC", "1", values{"removable": "1"})
			m.usb("2-4", "sdd", "8:48", 64*gb, "A", "A", "1", values{"queue/logical_block_size": "4096"})
		}, nil, map[string]string{"sda": "read-only", "sdb": "too small: 64 MB, 100 MB needed", "sdc": "no medium", "sdd": "its sectors have 4096"}},
		{"slaves in a circle", func(m *machine) {
			m.usb("2-1", "sda", "8:0", 4*gb, "A", "A", "1", nil)
			m.stack("dm-0", "253:0", nil).stack("dm-1", "253:1", nil, "dm-0").link("sys/devices/virtual/block/dm-0/slaves/dm-1", "sys/devices/virtual/block/dm-1")
			m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("253:0", "/srv", "ext4", "/dev/dm-0"))
		}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			stick(m)
			tt.build(m)
			found := m.find(Options{Protect: tt.protect})
			if why := found["sdz"].Refused(100 * mb); why != "" || len(found["sdz"].Model) == 0 {
				t.Errorf("the stick is refused: %q", why)
			}
			for name, want := range tt.refused {
				d, ok := found[name]
				if got := d.Refused(100 * mb); !ok || !strings.HasPrefix(got, want) || got == "" {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestWhatCanBeGivenUp: a stick that the desktop mounted is offered, and its
// mounts are named.
func TestWhatCanBeGivenUp(t *testing.T) {
	m := newMachine(t).usb("2-1", "sda", "8:0", 16*gb, "A", "A", "1", nil)
	m.part("sda", 1, "sda1", "8:1", 4*gb, nil).part("sda", 2, "sda2", "8:2", 4*gb, nil)
	m.mounts(mountLine("0:20", "/", "rootfs", "rootfs"), mountLine("8:1", `/media/ada/MY\040STICK`, "vfat", "/dev/sda1"), mountLine("8:2", "/mnt", "ext4", "/dev/sda2"))
	d := m.find(Options{})["sda"]
	if got := strings.Join(d.MountedOn(), ","); got != "/media/ada/MY STICK,/mnt" || d.Refused(0) != "" {
		t.Errorf("%q, %q", got, d.Refused(0))
	}
}

// TestBlindGuard: where the disk with / cannot be told, no disk is safe.
func TestBlindGuard(t *testing.T) {
	m := newMachine(t).usb("2-1", "sda", "8:0", 16*gb, "A", "A", "1", nil)
	m.mounts(mountLine("8:99", "/", "ext4", "/dev/root"))
	if list, err := m.system().List(Options{}); err == nil {
		t.Errorf("%v", list)
	}
	rootfs := mountLine("0:20", "/", "rootfs", "rootfs")
	m.mounts(rootfs, mountLine("8:99", "/media/gone", "vfat", "/dev/sdg1"))
	m.find(Options{}) // a stick pulled while it was mounted disturbs nobody
	blind := func(why string) {
		t.Helper()
		if list, err := m.system().List(Options{}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, %v", list, err)
		}
	}
	m.mounts(mountLine("0:25", "/", "btrfs", "/dev/root"))
	blind("carries / ")
	m.mounts(mountLine("0:26", "/home", "tmpfs", "tmpfs"))
	blind("what carries / ")
	m.mounts(rootfs, "31 22 8:0 / /srv")
	blind("no line of mountinfo")
	m.mounts(rootfs + strings.Repeat("\n"+mountLine("0:26", "/tmp/x", "tmpfs", "tmpfs"), longest/50))
	blind("longer than")
	m.mounts(rootfs)
	m.must(os.Remove(filepath.Join(m.root, "proc/swaps")))
	m.find(Options{}) // a kernel without swap
	m.mkdir("proc/swaps")
	blind("swapped to")
}
