package fat

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kinds of entries of a folder.
const (
	attrLabel   = 0x08
	attrFolder  = 0x10
	attrArchive = 0x20
	attrLong    = 0x0f // a piece of a long name
)

const (
	entrySize = 32
	longUnits = 13 // letters of a long name in an entry
	longMost  = 255
	longLast  = 0x40 // in the number of the piece that ends the name
)

const (
	shortLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	longLetters  = shortLetters + "abcdefghijklmnopqrstuvwxyz+.,=@~ "
)

// checkName refuses what not every system could read back.
func checkName(s string) error {
	switch {
	case s == "" || s == "." || s == "..":
		return fmt.Errorf("%q is no name", s)
	case strings.Trim(s, longLetters) != "" || strings.HasSuffix(s, ".") || s != strings.TrimSpace(s):
		return fmt.Errorf("%q has a letter that a name cannot have here", s)
	case len(s) > longMost:
		return fmt.Errorf("%q is too long a name", s)
	}
	return nil
}

// labelName gives the 11 bytes of a volume's name.
func labelName(s string) (name [11]byte, err error) {
	if s == "" || len(s) > len(name) || strings.Trim(s, shortLetters) != "" {
		return name, fmt.Errorf("%q is no name of a volume: up to 11 capital letters, digits, _ and -", s)
	}
	copy(name[:], fmt.Sprintf("%-11s", s))
	return name, nil
}

// pack gives the 11 bytes of a name of eight and three.
func pack(base, ext string) (name [11]byte) {
	copy(name[:], fmt.Sprintf("%-8s%-3s", base, ext))
	return name
}

// shorten gives everything in the folder, and below, its short name: the name
// itself where it is one of eight and three, else a likeness of it with a
// number.
func (n *node) shorten() error {
	taken := map[[11]byte]bool{}
	for _, k := range n.kids {
		base, ext, exact := split(k.name)
		if exact {
			k.short, k.long = pack(base, ext), strings.ToUpper(k.name) != k.name
			taken[k.short] = true
		}
	}
	for _, k := range n.kids {
		base, ext, exact := split(k.name)
		for i := 1; !exact; i++ {
			tail := fmt.Sprintf("~%d", i)
			k.short, k.long = pack(base[:min(len(base), 8-len(tail))]+tail, ext), true
			if !taken[k.short] {
				taken[k.short] = true
				break
			}
			if i == 9999 {
				return fmt.Errorf("FAT: too many names like %s in one folder", k.name)
			}
		}
		if err := k.shorten(); err != nil {
			return err
		}
	}
	return nil
}

// split gives the two parts of a short name; exact tells that they say it all,
// but for the case.
func split(name string) (base, ext string, exact bool) {
	upper := strings.ToUpper(name)
	dot := strings.LastIndexByte(upper, '.')
	base = upper
	if dot > 0 {
		base, ext = upper[:dot], upper[dot+1:]
	}
	exact = len(base) <= 8 && len(ext) <= 3 && strings.Trim(base+ext, shortLetters) == ""
	clean := func(s string, most int) string {
		s = strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '.':
				return -1
			case strings.ContainsRune(shortLetters, r):
				return r
			}
			return '_'
		}, s)
		return s[:min(len(s), most)]
	}
	return clean(base, 8), clean(ext, 3), exact
}

// entries counts the entries of what is in the folder.
func (n *node) entries() (sum int64) {
	for _, k := range n.kids {
		sum++
		if k.long {
			sum += int64((len(k.name) + longUnits - 1) / longUnits)
		}
	}
	return sum
}

// longEntries appends the pieces of the long name, the last one first.
func (n *node) longEntries(list []byte) []byte {
	if !n.long {
		return list
	}
	sum := byte(0)
	for _, c := range n.short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	units := make([]uint16, 0, longMost+longUnits)
	for _, c := range []byte(n.name) {
		units = append(units, uint16(c))
	}
	if len(units)%longUnits != 0 {
		units = append(units, 0)
	}
	for len(units)%longUnits != 0 {
		units = append(units, 0xffff)
	}
	pieces := slices.Collect(slices.Chunk(units, longUnits))
	for i, piece := range slices.Backward(pieces) {
		var e [entrySize]byte
		e[0] = byte(i + 1)
		if i == len(pieces)-1 {
			e[0] |= longLast
		}
		e[11], e[13] = attrLong, sum
		for j, u := range piece {
			at := 1 + 2*j // five letters, six, two
			switch {
			case j >= 11:
				at = 28 + 2*(j-11)
			case j >= 5:
				at = 14 + 2*(j-5)
			}
			binary.LittleEndian.PutUint16(e[at:], u)
		}
		list = append(list, e[:]...)
	}
	return list
}

// stamp is the time of all entries.
type stamp struct{ date, clock uint16 }

func newStamp(t time.Time) stamp {
	return stamp{
		date:  uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()),
		clock: uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2),
	}
}

// entry appends an entry.
func (s stamp) entry(list []byte, name [11]byte, attr byte, cluster, size int64) []byte {
	var e [entrySize]byte
	copy(e[:], name[:])
	e[11] = attr
	if attr != attrLabel {
		binary.LittleEndian.PutUint16(e[14:], s.clock) // made
		binary.LittleEndian.PutUint16(e[16:], s.date)
		binary.LittleEndian.PutUint16(e[18:], s.date) // read
	}
	binary.LittleEndian.PutUint16(e[20:], uint16(cluster>>16))
	binary.LittleEndian.PutUint16(e[22:], s.clock) // written
	binary.LittleEndian.PutUint16(e[24:], s.date)
	binary.LittleEndian.PutUint16(e[26:], uint16(cluster))
	binary.LittleEndian.PutUint32(e[28:], uint32(size))
	return append(list, e[:]...)
}
