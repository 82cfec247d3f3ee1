// Package assets holds what is embedded in the program: public keys, kernel
// fragments, the booted system's own files. It decides nothing and imports
// nothing of the project.
package assets

import (
	"embed"
	"path"
)

//go:embed all:rootfs
var rootfs embed.FS

// Userland holds what busybox, dropbear and Floe's own small programs are
// built from, besides their source packages: userland/busybox.config,
// userland/localoptions.h and userland/*.c. Who uses them is internal/userland.
//
//go:embed userland
var Userland embed.FS

// Sentinel is the path of an empty file that the assembler writes last of all
// into the initrd. The booted system looks for it: rootfs holds at most half
// of the memory, and the kernel drops the files past that.
const Sentinel = "etc/floe/complete"

// Owners of files in the image, by number: /etc/passwd and /etc/group.
const (
	Root = 0
	User = 1000 // the person's user, named "floe" unless a boot code says otherwise
)

// RootEntry is one name in the booted system's root. Exactly one of Dir,
// Target and Data says what it is; an empty file has empty, not nil Data.
type RootEntry struct {
	Path     string // without a slash at either end
	Mode     uint32 // permission bits, as for chmod(2)
	UID, GID int
	Dir      bool
	Target   string // of a symbolic link
	Data     []byte // of a file
}

// folders are all folders of the root, parents first. Programs live in
// usr/bin; the other names for it are links.
var folders = []struct {
	path  string
	mode  uint32
	owner int
}{
	{"dev", 0o755, Root}, {"etc", 0o755, Root}, {"home", 0o755, Root}, {"media", 0o755, Root},
	{"mnt", 0o755, Root}, {"newroot", 0o755, Root}, {"opt", 0o755, Root}, {"proc", 0o555, Root},
	{"root", 0o700, Root}, {"run", 0o755, Root}, {"srv", 0o755, Root}, {"sys", 0o555, Root},
	{"tmp", 0o1777, Root}, {"usr", 0o755, Root}, {"var", 0o755, Root},
	{"etc/acpi", 0o755, Root}, {"etc/acpi/PWRF", 0o755, Root}, {"etc/dropbear", 0o700, Root},
	{"etc/floe", 0o755, Root}, {"etc/init.d", 0o755, Root}, {"etc/net", 0o755, Root},
	{"etc/profile.d", 0o755, Root}, {"etc/service", 0o755, Root}, {"etc/shutdown.d", 0o755, Root},
	{"etc/sv", 0o755, Root}, {"etc/sv/acpid", 0o755, Root}, {"etc/sv/klogd", 0o755, Root},
	{"etc/sv/net", 0o755, Root}, {"etc/sv/ntpd", 0o755, Root}, {"etc/sv/packages", 0o755, Root},
	{"etc/sv/ssh", 0o755, Root}, {"etc/sv/syslogd", 0o755, Root}, {"etc/sysctl.d", 0o755, Root},
	{"home/floe", 0o750, User}, {"home/floe/.ssh", 0o700, User},
	{"usr/bin", 0o755, Root}, {"usr/lib", 0o755, Root}, {"usr/local", 0o755, Root},
	{"usr/local/bin", 0o755, Root}, {"usr/local/sbin", 0o755, Root}, {"usr/local/tce.installed", 0o755, Root},
	{"var/empty", 0o755, Root}, {"var/lib", 0o755, Root}, {"var/log", 0o755, Root},
}

// links are the symbolic links that belong to no program.
var links = []struct{ path, target string }{
	{"bin", "usr/bin"}, {"sbin", "usr/bin"}, {"lib", "usr/lib"}, {"usr/sbin", "bin"},
	{"etc/mtab", "/proc/self/mounts"},
	{"etc/service/net", "/etc/sv/net"}, {"etc/service/ssh", "/etc/sv/ssh"},
	{"var/run", "/run"}, {"var/tmp", "/tmp"},
}

// files gives the mode of every file in assets/rootfs. All belong to root.
// (go:embed keeps no modes.)
var files = []struct {
	path string
	mode uint32
}{
	{"init", 0o755},
	{"etc/acpi/PWRF/00000080", 0o755},
	{"etc/floe/ahead", 0o755},
	{"etc/floe/answers", 0o755},
	{"etc/floe/bootcodes.sh", 0o644},
	{"etc/floe/tce-fetch.sh", 0o644},
	{"etc/floe/tce-merge.sh", 0o644},
	{"etc/floe/zones", 0o644},
	{"etc/fstab", 0o644},
	{"etc/group", 0o644},
	{"etc/init.d/boot", 0o755},
	{"etc/init.d/console", 0o755},
	{"etc/init.d/data", 0o755},
	{"etc/init.d/late", 0o755},
	{"etc/init.d/shutdown", 0o755},
	{"etc/inittab", 0o644},
	{"etc/issue", 0o644},
	{"etc/motd", 0o644},
	{"etc/net/dhcp", 0o755},
	{"etc/net/fixed.sh", 0o644},
	{"etc/net/link", 0o755},
	{"etc/passwd", 0o644},
	{"etc/profile", 0o644},
	{"etc/shells", 0o644},
	{"etc/sv/acpid/run", 0o755},
	{"etc/sv/klogd/run", 0o755},
	{"etc/sv/net/run", 0o755},
	{"etc/sv/ntpd/run", 0o755},
	{"etc/sv/packages/run", 0o755},
	{"etc/sv/ssh/run", 0o755},
	{"etc/sv/syslogd/run", 0o755},
	{"etc/sysctl.conf", 0o644},
	{"usr/bin/tce-load", 0o755},
	{"usr/bin/tce-setup", 0o755},
	{"usr/bin/tce-status", 0o755},
}

// Rootfs lists the booted system's root: folders with parents first, then
// links, then files. Not among them: the programs (internal/userland has
// their list), etc/os-release, the Sentinel, and the personal files
// etc/hostname and etc/floe/authorized_keys, which the assembler adds.
func Rootfs() []RootEntry {
	list := make([]RootEntry, 0, len(folders)+len(links)+len(files))
	for _, d := range folders {
		list = append(list, RootEntry{Path: d.path, Mode: d.mode, UID: d.owner, GID: d.owner, Dir: true})
	}
	for _, l := range links {
		list = append(list, RootEntry{Path: l.path, Mode: 0o777, Target: l.target})
	}
	for _, f := range files {
		data, err := rootfs.ReadFile(path.Join("rootfs", f.path))
		if err != nil {
			panic(err) // the file is embedded: only a wrong name above gets here
		}
		list = append(list, RootEntry{Path: f.path, Mode: f.mode, Data: append([]byte{}, data...)})
	}
	return list
}

// RootEssential names the files without which the booted system could not
// even say what is missing. The assembler writes them, and the programs,
// before all others.
func RootEssential() []string {
	return []string{"init", "etc/fstab", "etc/floe/bootcodes.sh", "etc/inittab", "etc/init.d/boot", "etc/passwd", "etc/group"}
}
