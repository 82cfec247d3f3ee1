package disks

import (
	"path/filepath"
	"strings"
)

// mount is a line of mountinfo.
type mount struct {
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
// octal numbers. What is no such line is left out.
func parseMounts(text string) (list []mount) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		front, back := strings.Fields(before), strings.Fields(after)
		if !ok || len(front) < 6 || len(back) < 2 {
			continue
		}
		number, err := parseNumber(front[2])
		if err != nil {
			continue
		}
		list = append(list, mount{
			number: number, point: octal(front[4]), kind: back[0], source: octal(back[1]),
		})
	}
	return list
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

// covering gives the mount that a path lies in: the one with the longest mount
// point, of several there the one that came last and hides the others.
func covering(mounts []mount, path string) (m mount, ok bool) {
	path = filepath.Clean(path)
	for _, candidate := range mounts {
		if within(path, candidate.point) && (!ok || len(candidate.point) >= len(m.point)) {
			m, ok = candidate, true
		}
	}
	return m, ok
}
