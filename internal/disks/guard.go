package disks

import (
	"errors"
	"fmt"
	"io/fs"
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
// plug in. Only a mount there, of one plain partition or disk, can be given up;
// all other mounts belong to the system.
var desktop = []string{"/media", "/run/media", "/mnt"}

// watch knows what the system uses.
type watch struct {
	s    System
	uses map[string][]Use // by the kernel's name of the disk
	seen map[string]int   // where in uses a use of a disk stands
}

// watchful finds all that is in use. Where that cannot be told it fails: no
// disk is safe then.
func (s System) watchful(protect []string) (*watch, error) {
	mounts, swaps, err := s.tables()
	if err != nil {
		return nil, err
	}
	w := &watch{s: s, uses: map[string][]Use{}, seen: map[string]int{}}
	if len(onTheWay(mounts, "/")) == 0 {
		return nil, errors.New("what carries / cannot be seen, as in a chroot: no disk is safe")
	}
	needed := map[mount]bool{}
	for _, path := range append([]string{"/"}, protect...) {
		for _, p := range []string{path, resolved(path)} {
			for _, m := range onTheWay(mounts, p) {
				needed[m] = true
			}
		}
	}
	for _, m := range mounts {
		use := Use{Kind: Mount, What: tame(m.point), At: m.point}
		use.Firm = needed[m] || !slices.ContainsFunc(desktop, func(dir string) bool { return within(m.point, dir) })
		if !use.Firm && hidden(mounts, m) {
			use.What, use.Firm = use.What+", under another mount", true
		}
		found, devices := 0, s.devices(m)
		if len(devices) > 1 { // each of them would take with it what lies on the others
			use.Firm = true
		}
		for _, n := range devices {
			found += w.walk(n, use, mounts)
		}
		if found == 0 && needed[m] && (m.number.Major != 0 || slices.Contains(spanning, m.kind)) {
			return nil, fmt.Errorf("the disk that carries %s (device number %s) cannot be found: no disk is safe", m.point, m.number)
		}
	}
	for _, sw := range swaps {
		use := Use{Kind: Swap, What: tame(sw.path), Firm: true}
		for _, n := range s.under(sw, mounts) {
			w.walk(n, use, mounts)
		}
	}
	return w, nil
}

// tables reads what is mounted, and what is swapped to.
func (s System) tables() (mounts []mount, swaps []swap, err error) {
	const unseen = "what is mounted cannot be seen: %w"
	text, err := readFile(filepath.Join(s.Proc, "self", "mountinfo"))
	if err != nil {
		return nil, nil, fmt.Errorf(unseen, err)
	}
	if mounts, err = parseMounts(string(text)); err != nil {
		return nil, nil, fmt.Errorf(unseen, err)
	}
	text, err = readFile(filepath.Join(s.Proc, "swaps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without swap has none
		return nil, nil, fmt.Errorf("what is swapped to cannot be seen: %w", err)
	}
	return mounts, parseSwaps(string(text)), nil
}

// under gives the devices that a swap area lies on.
func (s System) under(sw swap, mounts []mount) (list []Number) {
	if sw.file {
		for _, m := range covering(mounts, sw.path) {
			list = append(list, s.devices(m)...)
		}
	} else if n, ok := s.node(sw.path); ok {
		list = append(list, n)
	}
	return list
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
		if whole, err := parseNumber(attribute(filepath.Dir(dir), "dev")); err == nil {
			return w.down(whole, use, append([]string{name}, via...))
		}
	}
	below := entries(dir, "slaves")
	for _, slave := range below {
		if n, err := parseNumber(attribute(dir, "slaves", slave, "dev")); err == nil {
			use.Firm = true
			found += w.down(n, use, append([]string{w.title(dir)}, via...))
		}
	}
	firm := use
	firm.Firm = true
	for _, m := range covering(w.mounts, backing(dir)) {
		for _, n := range w.s.devices(m) {
			w.down(n, firm, append([]string{name}, via...))
		}
	}
	if found > 0 {
		return found
	}
	return w.note(name, use, via)
}

// backing gives the file of a loop device, as the kernel knows it; "": it is none.
func backing(dir string) string {
	b, err := readFile(filepath.Join(dir, "loop", "backing_file"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// title is a stacked device's name, with the one that people gave it.
func (w *watch) title(dir string) string {
	name := filepath.Base(dir)
	if given := attribute(dir, "dm", "name"); given != "" {
		return given
	}
	return name
}

// note keeps a use of a disk. Of two that look the same the firm one counts.
func (w *watch) note(disk string, use Use, via []string) int {
	use.Via = via
	key := disk + "\x00" + string(use.Kind) + use.What
	i, told := w.seen[key]
	switch {
	case !told:
		w.seen[key] = len(w.uses[disk])
		w.uses[disk] = append(w.uses[disk], use)
	case use.Firm && !w.uses[disk][i].Firm:
		w.uses[disk][i] = use
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

// spanning are the file systems on disks that have a device number of their own.
var spanning = []string{"btrfs", "bcachefs"}

// devices gives the block devices of a mount. File systems over several
// devices have a number of their own, with which sysfs knows nothing: of these
// btrfs tells its devices, and others name them in the source. Where the source
// of a btrfs, such as /dev/root, says nothing, each that is mounted may be it.
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
	var every []Number
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
		every = append(every, all...)
	}
	if len(list) == 0 {
		return every
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
