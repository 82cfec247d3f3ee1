package kernel

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"floe/assets"
	"floe/internal/arch"
)

// Request is one line of a fragment: the value that a symbol must have.
type Request struct {
	Symbol string // without CONFIG_
	Value  string // "y", "n", a number, or a text without its quotes

	Fragment string // name of the fragment, for messages
	Line     int    // line in the fragment, from 1

	line string // as written
}

// String gives the request as "CONFIG_X=value", also for the value n.
func (r Request) String() string { return "CONFIG_" + r.Symbol + "=" + r.Value }

// Fragment is a part of the configuration with one purpose.
type Fragment struct {
	Name     string // "containers"
	Text     []byte // as in assets
	Requests []Request
}

// common are the fragments of every architecture, in the order of merging.
// The architecture's own fragment, named like it, comes last.
var common = []string{"base", "containers", "storage", "network", "guests", "pc", "security"}

// Fragments gives the fragments of an architecture in the order of merging.
func Fragments(a arch.Arch) ([]Fragment, error) {
	return readFragments(assets.Kernel, "kernel", append(append([]string(nil), common...), a.String()))
}

func readFragments(fsys fs.FS, dir string, names []string) ([]Fragment, error) {
	var out []Fragment
	for _, name := range names {
		text, err := fs.ReadFile(fsys, dir+"/"+name+".config")
		if err != nil {
			return nil, err
		}
		reqs, err := ParseFragment(name, text)
		if err != nil {
			return nil, err
		}
		out = append(out, Fragment{Name: name, Text: text, Requests: reqs})
	}
	return out, nil
}

var (
	setLine   = regexp.MustCompile(`^CONFIG_([A-Za-z0-9_]+)=(.+)$`)
	unsetLine = regexp.MustCompile(`^# CONFIG_([A-Za-z0-9_]+) is not set$`)
)

// ParseFragment reads a fragment: lines "CONFIG_X=value", lines
// "# CONFIG_X is not set", comments and empty lines. Anything else is an
// error, so that a slip of the hand is not taken for a comment.
func ParseFragment(name string, text []byte) ([]Request, error) {
	var out []Request
	sc := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		req := Request{Fragment: name, Line: n, line: line}
		if m := setLine.FindStringSubmatch(line); m != nil {
			req.Symbol, req.Value = m[1], unquote(m[2])
		} else if m := unsetLine.FindStringSubmatch(line); m != nil {
			req.Symbol, req.Value = m[1], "n"
		} else if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# CONFIG_") || line == "" {
			continue
		} else {
			return nil, fmt.Errorf("kernel fragment %s.config, line %d: neither a setting nor a comment: %q", name, n, line)
		}
		out = append(out, req)
	}
	return out, sc.Err()
}

// Merge gives all requests of the fragments in order. A symbol that is asked
// for twice is an error even if both ask for the same: one of the two would be
// forgotten when the other is changed.
func Merge(frags []Fragment) ([]Request, error) {
	var out []Request
	first := map[string]Request{}
	for _, f := range frags {
		for _, r := range f.Requests {
			if p, dup := first[r.Symbol]; dup {
				return nil, fmt.Errorf("CONFIG_%s is asked for twice: %s.config, line %d (%s) and %s.config, line %d (%s)",
					r.Symbol, p.Fragment, p.Line, p.Value, r.Fragment, r.Line, r.Value)
			}
			first[r.Symbol] = r
			out = append(out, r)
		}
	}
	return out, nil
}

// settings gives what is asked for as the file that the kernel's own
// configuration program reads: one line for each request, sorted, without
// comments. So a change of a comment, or a move from one fragment to another,
// changes nothing.
func settings(reqs []Request) []byte {
	lines := make([]string, len(reqs))
	for i, r := range reqs {
		lines[i] = r.line + "\n"
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

// unquote takes the quotes off a value of a string symbol. Kconfig escapes
// only the quote and the backslash.
func unquote(v string) string {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return v
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(v[1 : len(v)-1])
}
