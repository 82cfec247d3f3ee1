// Package deb822 reads the format of Debian's control files: Release,
// Packages, Sources, .dsc, a package's control file, and apt's *.sources. It
// follows deb822(5) and Debian Policy, section 5.1.
//
// It does not write the format and does not know what any field means.
package deb822

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// MaxLine is the longest line that is read, in bytes. The longest of Debian 13
// are the Package-List and Provides lines of some thousand bytes.
const MaxLine = 4 << 20

// Field is one field of a paragraph.
type Field struct {
	Name string // as written
	// Value is the text after the colon without surrounding blanks. A folded or
	// multi-line value keeps its line ends; each continuation line has lost its
	// first blank, and a line that holds only a full stop is empty.
	Value string
}

// Paragraph is a group of fields in the order of the file.
type Paragraph []Field

// Get gives the value of a field, whose name is compared without regard to
// case, or "".
func (p Paragraph) Get(name string) string {
	for _, f := range p {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Has says whether the paragraph has the field, be it empty.
func (p Paragraph) Has(name string) bool {
	for _, f := range p {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// Lines gives the lines of a field's value that are not blank, trimmed.
func (p Paragraph) Lines(name string) []string {
	var lines []string
	for line := range strings.Lines(p.Get(name)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Reader reads paragraphs one after another.
type Reader struct {
	lines *bufio.Scanner
	line  int
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLine)
	return &Reader{lines: lines}
}

// Next gives the next paragraph, or io.EOF after the last. Lines that start
// with "#" are comments. An error names the line.
func (r *Reader) Next() (Paragraph, error) {
	var p Paragraph
	var value []byte // of the last field, while it goes on
	end := func() {
		if len(p) > 0 {
			p[len(p)-1].Value = string(value)
		}
	}
	for r.lines.Scan() {
		r.line++
		line := bytes.TrimRight(r.lines.Bytes(), " \t\r")
		switch {
		case len(line) == 0:
			if len(p) > 0 {
				end()
				return p, nil
			}
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if len(p) == 0 {
				return nil, fmt.Errorf("line %d continues no field", r.line)
			}
			value = append(value, '\n')
			if rest := line[1:]; string(rest) != "." {
				value = append(value, rest...)
			}
		default:
			f, err := parseField(string(line))
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", r.line, err)
			}
			if p.Has(f.Name) {
				return nil, fmt.Errorf("line %d: field %q is there twice", r.line, f.Name)
			}
			end()
			p, value = append(p, f), append(value[:0], f.Value...)
		}
	}
	if err := r.lines.Err(); err != nil {
		return nil, fmt.Errorf("after line %d: %w", r.line, err)
	}
	if len(p) > 0 {
		end()
		return p, nil
	}
	return nil, io.EOF
}

// parseField splits a line that starts a field. A name is made of printable
// ASCII without blanks and colon, and does not start with "-" (Debian Policy,
// section 5.1).
func parseField(line string) (Field, error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || name[0] == '-' {
		return Field{}, fmt.Errorf("%q is not of the form Name: value", shorten(line))
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c > '~' {
			return Field{}, fmt.Errorf("%q is not the name of a field", shorten(name))
		}
	}
	return Field{Name: name, Value: strings.TrimSpace(value)}, nil
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Parse reads every paragraph of a text.
func Parse(text []byte) ([]Paragraph, error) {
	r := NewReader(bytes.NewReader(text))
	var all []Paragraph
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// One reads a text that holds exactly one paragraph.
func One(text []byte) (Paragraph, error) {
	all, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("%d paragraphs, expected 1", len(all))
	}
	return all[0], nil
}
