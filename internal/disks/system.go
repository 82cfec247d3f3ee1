package disks

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// System is where a machine tells of itself. Tests have their own.
type System struct {
	Sys  string // sysfs
	Proc string // procfs
	Dev  string // device nodes
	Udev string // udev's database; may be missing
}

// Here is the running machine.
func Here() System {
	return System{Sys: "/sys", Proc: "/proc", Dev: "/dev", Udev: "/run/udev/data"}
}

// Number is a device number: major and minor.
type Number struct{ Major, Minor uint32 }

// String gives the form of sysfs, "8:16".
func (n Number) String() string { return fmt.Sprintf("%d:%d", n.Major, n.Minor) }

// MarshalText gives the form of sysfs.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads the form of sysfs.
func (n *Number) UnmarshalText(text []byte) (err error) {
	*n, err = parseNumber(string(text))
	return err
}

func parseNumber(s string) (Number, error) {
	one, two, ok := strings.Cut(strings.TrimSpace(s), ":")
	major, err1 := strconv.ParseUint(one, 10, 12)
	minor, err2 := strconv.ParseUint(two, 10, 20)
	if err := errors.Join(err1, err2); !ok || err != nil {
		return Number{}, fmt.Errorf("%q is no device number", s)
	}
	return Number{uint32(major), uint32(minor)}, nil
}

// longest is how long a file of the kernel's may be, in bytes. mountinfo is the
// long one: a hundred thousand mounts are possible.
const longest = 16 << 20

// readFile reads all of a file of the kernel's. One that is too long is an
// error: half of what is mounted is worse than nothing.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, longest+1))
	if err == nil && len(b) > longest {
		err = &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is longer than %d bytes", longest)}
	}
	return b, err
}

// attribute reads a file of sysfs; "" if it cannot be read. Text comes from
// devices, which anybody can make: it is made harmless for a terminal.
func attribute(elem ...string) string {
	b, err := readFile(filepath.Join(elem...))
	if err != nil {
		return ""
	}
	return tame(string(b))
}

// tame leaves of a text its printable characters, with single spaces.
func tame(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || r == 0:
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

// count reads a number from sysfs; 0 if there is none.
func count(elem ...string) int64 {
	n, err := strconv.ParseInt(attribute(elem...), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func exists(elem ...string) bool {
	_, err := os.Lstat(filepath.Join(elem...))
	return err == nil
}

// entries lists the names in a folder, in order; none if it cannot be read.
func entries(elem ...string) (names []string) {
	list, err := os.ReadDir(filepath.Join(elem...))
	if err != nil {
		return nil
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// sectors is the unit of sizes in sysfs, whatever the disk's own sectors are.
const sectors = 512

// bytesOf reads a size or a place, which sysfs gives in sectors.
func bytesOf(elem ...string) int64 {
	n := count(elem...)
	if n > (1<<63-1)/sectors {
		return 0
	}
	return n * sectors
}
