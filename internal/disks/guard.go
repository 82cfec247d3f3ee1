package disks

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Use is one use that the running system makes of a disk.
type Use struct {
	Kind Kind     `json:"kind"`
	What string   `json:"what"`          // mount point, swap area, or the device that has it open, made harmless for a terminal
	At   string   `json:"-"`             // mount point, as the kernel knows it
	Via  []string `json:"via,omitempty"` // devices in between, nearest to the disk first
	Firm bool     `json:"firm"`          // the system needs it: the disk is never written
}

// Kind is a kind of use.
type Kind string

// The kinds.
const (
	Mount Kind = "mount"
	Swap  Kind = "swap"
	Open  Kind = "open" // LUKS, LVM, md and the like have it open
)

// String says it as a reason.
func (u Use) String() string {
	verb := map[Kind]string{Mount: "carries", Swap: "carries swap on", Open: "is open as"}[u.Kind]
	via := slices.DeleteFunc(slices.Clone(u.Via), func(v string) bool { return v == u.What })
	if len(via) == 0 {
		return verb + " " + u.What
	}
	return fmt.Sprintf("%s %s (%s)", verb, u.What, strings.Join(via, ", "))
}

// desktop are the folders below which desktops and people mount what they
// plug in. Only a mount there, of a plain partition or disk, can be given up;
// all other mounts belong to the system.
var desktop = []string{"/media", "/run/media", "/mnt"}

// watch knows what the system uses.
type watch struct {
	s    System
	uses map[string][]Use // by the kernel's name of the disk
	seen map[string]bool  // what uses tell already
}

// watchful finds all that is in use.
func (s System) watchful(protect []string) (*watch, error) {
	text, err := readFile(filepath.Join(s.Proc, "self", "mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("what is mounted cannot be seen: %w", err)
	}
	mounts := parseMounts(string(text))
	swaps, _ := readFile(filepath.Join(s.Proc, "swaps")) // missing in a kernel without swap
	w := &watch{s: s, uses: map[string][]Use{}, seen: map[string]bool{}}
	needed := map[mount]bool{}
	for _, path := range append([]string{"/"}, protect...) {
		for _, p := range []string{path, resolved(path)} {
			if m, ok := covering(mounts, p); ok {
				needed[m] = true
			}
		}
	}
	for _, m := range mounts {
		firm := needed[m] || !slices.ContainsFunc(desktop, func(dir string) bool { return within(m.point, dir) })
		found := 0
		for _, n := range s.devices(m) {
			found += w.walk(n, Use{Kind: Mount, What: tame(m.point), At: m.point, Firm: firm}, mounts)
		}
		if found == 0 && needed[m] && m.number.Major != 0 {
			return nil, fmt.Errorf("the disk that carries %s (device number %s) cannot be found: no disk is safe", m.point, m.number)
		}
	}
	for _, sw := range parseSwaps(string(swaps)) {
		use := Use{Kind: Swap, What: tame(sw.path), Firm: true}
		if !sw.file {
			if n, ok := s.node(sw.path); ok {
				w.walk(n, use, mounts)
			}
		} else if m, ok := covering(mounts, sw.path); ok {
			for _, n := range s.devices(m) {
				w.walk(n, use, mounts)
			}
		}
	}
	return w, nil
}

// resolved follows the links of a path, as far as there is something at it.
func resolved(path string) string {
	if full, err := filepath.EvalSymlinks(path); err == nil {
		return full
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(resolved(dir), filepath.Base(path))
}

// walk goes from a device to the disks that it lies on, and notes the use with
// each. It tells how many disks it found.
func (w *watch) walk(n Number, use Use, mounts []mount) (found int) {
	return (&descent{watch: w, mounts: mounts, been: map[string]bool{}}).down(n, use, nil)
}

// descent is one walk. It comes to each device once, so that it ends whatever
// sysfs claims.
type descent struct {
	*watch
	mounts []mount
	been   map[string]bool
}

func (w *descent) down(n Number, use Use, via []string) (found int) {
	dir, ok := w.s.block(n)
	if !ok || w.been[dir] {
		return 0
	}
	w.been[dir] = true
	name := filepath.Base(dir)
	if exists(dir, "partition") {
		return w.note(filepath.Base(filepath.Dir(dir)), use, append([]string{name}, via...))
	}
	below := entries(dir, "slaves")
	for _, slave := range below {
		if n, err := parseNumber(attribute(dir, "slaves", slave, "dev")); err == nil {
			use.Firm = true
			found += w.down(n, use, append([]string{w.title(dir)}, via...))
		}
	}
	if file := attribute(dir, "loop", "backing_file"); file != "" {
		if m, ok := covering(w.mounts, file); ok {
			firm := use
			firm.Firm = true
			for _, n := range w.s.devices(m) {
				w.down(n, firm, append([]string{name}, via...))
			}
		}
	}
	if found > 0 {
		return found
	}
	return w.note(name, use, via)
}

// title is a stacked device's name, with the one that people gave it.
func (w *watch) title(dir string) string {
	name := filepath.Base(dir)
	if given := attribute(dir, "dm", "name"); given != "" {
		return given
	}
	return name
}

func (w *watch) note(disk string, use Use, via []string) int {
	use.Via = via
	key := disk + "\x00" + string(use.Kind) + use.What
	if !w.seen[key] {
		w.seen[key] = true
		w.uses[disk] = append(w.uses[disk], use)
	}
	return 1
}

// examine fills in a disk's uses, the firm ones first, and finds what has it
// open without being mounted.
func (w *watch) examine(d *Disk) {
	d.Uses = append(d.Uses, w.uses[d.Kernel]...)
	holders := func(n Number, via []string) {
		dir, ok := w.s.block(n)
		if !ok {
			return
		}
		for _, holder := range entries(dir, "holders") {
			title := w.title(filepath.Join(dir, "holders", holder))
			told := slices.ContainsFunc(d.Uses, func(u Use) bool { return u.What == title || slices.Contains(u.Via, title) })
			if !told {
				d.Uses = append(d.Uses, Use{Kind: Open, What: title, Via: via, Firm: true})
			}
		}
	}
	holders(d.Number, nil)
	for _, p := range d.Partitions {
		holders(p.Number, []string{p.Kernel})
	}
	if w.pools() {
		w.members(d)
	}
	slices.SortStableFunc(d.Uses, func(a, b Use) int { return rank(a) - rank(b) })
}

// rank puts what matters most first.
func rank(u Use) int {
	switch {
	case u.Firm && u.What == "/":
		return 0
	case u.Firm:
		return 1
	}
	return 2
}

// pools tells whether ZFS is at work. It keeps which disks it uses to itself:
// every disk that is part of a pool counts.
func (w *watch) pools() bool { return exists(w.s.Sys, "module", "zfs") }

func (w *watch) members(d *Disk) {
	const member = "zfs_member"
	part := slices.IndexFunc(d.Partitions, func(p Partition) bool { return p.FileSystem == member })
	switch {
	case d.FileSystem == member:
		d.Uses = append(d.Uses, Use{Kind: Open, What: "ZFS " + d.Label, Firm: true})
	case part >= 0:
		p := d.Partitions[part]
		d.Uses = append(d.Uses, Use{Kind: Open, What: "ZFS " + p.Label, Via: []string{p.Kernel}, Firm: true})
	}
}

// devices gives the block devices of a mount. File systems over several
// devices have a number of their own, with which sysfs knows nothing: of these
// btrfs tells its devices, and others name them in the source.
func (s System) devices(m mount) (list []Number) {
	if m.number.Major != 0 {
		return []Number{m.number}
	}
	for _, source := range strings.Split(m.source, ":") {
		if n, ok := s.node(source); ok {
			list = append(list, n)
		}
	}
	if m.kind != "btrfs" {
		return list
	}
	for _, id := range entries(s.Sys, "fs", "btrfs") {
		var all []Number
		for _, name := range entries(s.Sys, "fs", "btrfs", id, "devices") {
			if n, err := parseNumber(attribute(s.Sys, "fs", "btrfs", id, "devices", name, "dev")); err == nil {
				all = append(all, n)
			}
		}
		if slices.ContainsFunc(all, func(n Number) bool { return slices.Contains(list, n) }) {
			return all
		}
	}
	return list
}

// node gives the number of the block device at a path below /dev. In a
// fixture, where nodes cannot be made, the name that links lead to is looked
// up.
func (s System) node(path string) (Number, bool) {
	rest, ok := strings.CutPrefix(filepath.Clean(path), "/dev/")
	if !ok {
		return Number{}, false
	}
	full, err := filepath.EvalSymlinks(filepath.Join(s.Dev, rest))
	if err != nil {
		full = filepath.Join(s.Dev, rest)
	}
	var st unix.Stat_t
	if unix.Stat(full, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
		return Number{unix.Major(st.Rdev), unix.Minor(st.Rdev)}, true
	}
	name := filepath.Base(full)
	n, err := parseNumber(attribute(s.Sys, "class", "block", name, "dev"))
	if err == nil {
		return n, true
	}
	for _, dm := range entries(s.Sys, "class", "block") {
		if attribute(s.Sys, "class", "block", dm, "dm", "name") == name {
			n, err := parseNumber(attribute(s.Sys, "class", "block", dm, "dev"))
			return n, err == nil
		}
	}
	return Number{}, false
}

// Resolve gives the device number of a block device's path, such as
// "/dev/disk/by-id/usb-...".
func Resolve(path string) (Number, error) {
	var raw unix.Stat_t
	if err := unix.Stat(path, &raw); err != nil {
		return Number{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if raw.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Number{}, fmt.Errorf("%s is no disk", path)
	}
	return Number{unix.Major(raw.Rdev), unix.Minor(raw.Rdev)}, nil
}
