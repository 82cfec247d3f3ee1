package disks

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// mount is a line of mountinfo.
type mount struct {
	id     int
	parent int // the mount that it lies on; not in the list where nobody here can reach that
	number Number
	point  string // where it is mounted
	kind   string // file system
	source string // what it calls its device; any text
}

// parseMounts reads mountinfo:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
//
// The fields before the dash vary in number. Spaces and the like stand as
// octal numbers. The kernel writes nothing else: where another line is, nobody
// knows what is mounted.
func parseMounts(text string) (list []mount, err error) {
	for line := range strings.Lines(text) {
		m, ok := parseMount(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, fmt.Errorf("%.200q is no line of mountinfo", line)
		}
		list = append(list, m)
	}
	return list, nil
}

func parseMount(line string) (m mount, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	front, back := strings.Fields(before), strings.Fields(after)
	if !ok || len(front) < 6 || len(back) < 2 {
		return m, false
	}
	id, err1 := strconv.Atoi(front[0])
	parent, err2 := strconv.Atoi(front[1])
	number, err3 := parseNumber(front[2])
	return mount{
		id: id, parent: parent, number: number, point: octal(front[4]), kind: back[0], source: octal(back[1]),
	}, err1 == nil && err2 == nil && err3 == nil
}

// swap is a line of /proc/swaps.
type swap struct {
	path string
	file bool // a file of a file system, not a device
}

// parseSwaps reads /proc/swaps, whose first line is a heading.
func parseSwaps(text string) (list []swap) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasPrefix(f[0], "/") {
			continue
		}
		list = append(list, swap{path: strings.TrimSuffix(octal(f[0]), " (deleted)"), file: f[1] == "file"})
	}
	return list
}

// octal undoes the kernel's way to write spaces: \040.
func octal(s string) string { return unescape(s, `\`, 8, 3) }

// within tells whether path is dir or below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// onTheWay gives the mounts that lie on the way to a path, those below others
// and those that are hidden included: without any of them the path may lead
// elsewhere.
func onTheWay(mounts []mount, path string) (list []mount) {
	path = filepath.Clean(path)
	for _, m := range mounts {
		if within(path, m.point) {
			list = append(list, m)
		}
	}
	return list
}

// covering gives the mounts in which the file at a path may lie: those with the
// longest mount point. There may be several on one point.
func covering(mounts []mount, path string) (list []mount) {
	for _, m := range onTheWay(mounts, path) {
		switch {
		case len(list) == 0 || len(m.point) > len(list[0].point):
			list = []mount{m}
		case len(m.point) == len(list[0].point):
			list = append(list, m)
		}
	}
	return list
}

// hidden tells whether the path of a mount point leads elsewhere, because another
// mount lies on it or on a folder on the way there. Whoever unmounts by that path
// takes away the other one.
func hidden(mounts []mount, m mount) bool {
	at, free, below := m, m.point, m.id // free: the point in at that must not be covered but by below
	for range mounts {
		var up *mount
		for i, n := range mounts {
			if n.parent == at.id && n.id != at.id && n.id != below && within(free, n.point) {
				return true
			}
			if n.id == at.parent && n.id != at.id {
				up = &mounts[i]
			}
		}
		if up == nil {
			return false
		}
		at, free, below = *up, at.point, at.id
	}
	return false
}
