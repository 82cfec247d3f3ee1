package debian

import (
	"fmt"
	"strings"
)

// relation is one alternative of a dependency (Debian Policy, section 7.1), or
// one entry of Provides.
type relation struct {
	name      string
	qualifier string   // after the colon: "any", "native", an architecture, or ""
	op        string   // "<<", "<=", "=", ">=", ">>", or "" for any version
	version   string   // with op
	archs     []string // in brackets: only on these, or not on those with "!"
}

// String writes the relation as in a control file.
func (r relation) String() string {
	s := r.name
	if r.qualifier != "" {
		s += ":" + r.qualifier
	}
	if r.op != "" {
		s += " (" + r.op + " " + r.version + ")"
	}
	return s
}

// appliesTo says whether the restriction in brackets lets the relation count
// on an architecture.
func (r relation) appliesTo(arch string) bool {
	if len(r.archs) == 0 {
		return true
	}
	negated := strings.HasPrefix(r.archs[0], "!")
	for _, a := range r.archs {
		a = strings.TrimPrefix(a, "!")
		if a == arch || a == "any" || a == "linux-any" || a == "any-"+arch {
			return !negated
		}
	}
	return negated
}

// dependency is a group of alternatives, the preferred one first.
type dependency []relation

// String writes the group as in a control file.
func (d dependency) String() string {
	names := make([]string, len(d))
	for i, r := range d {
		names[i] = r.String()
	}
	return strings.Join(names, " | ")
}

// parseDependencies reads the value of Depends, Pre-Depends or Provides.
func parseDependencies(text string) ([]dependency, error) {
	var all []dependency
	for group := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(group) == "" {
			continue
		}
		var d dependency
		for alternative := range strings.SplitSeq(group, "|") {
			r, err := parseRelation(alternative)
			if err != nil {
				return nil, err
			}
			d = append(d, r)
		}
		all = append(all, d)
	}
	return all, nil
}

// parseRelation reads "name[:qualifier] [(op version)] [[archs]] [<profiles>]".
// Build profiles are read over: they have no meaning for binary packages.
func parseRelation(text string) (relation, error) {
	bad := func(why string) (relation, error) {
		return relation{}, fmt.Errorf("relation %q: %s", strings.TrimSpace(text), why)
	}
	rest := strings.TrimSpace(text)
	end := strings.IndexAny(rest, " \t\n([<")
	if end < 0 {
		end = len(rest)
	}
	var r relation
	r.name, r.qualifier, _ = strings.Cut(rest[:end], ":")
	if r.name == "" {
		return bad("no name")
	}
	for rest = strings.TrimSpace(rest[end:]); rest != ""; rest = strings.TrimSpace(rest) {
		closing := map[byte]string{'(': ")", '[': "]", '<': ">"}[rest[0]]
		end := strings.Index(rest, closing)
		if closing == "" || end < 0 {
			return bad("cannot read " + rest)
		}
		inner := strings.TrimSpace(rest[1:end])
		switch rest[0] {
		case '(':
			r.version = strings.TrimSpace(strings.TrimLeft(inner, "<>="))
			r.op = strings.TrimSpace(inner[:len(inner)-len(strings.TrimLeft(inner, "<>="))])
			if !validOp(r.op) || r.version == "" {
				return bad("cannot read the version")
			}
		case '[':
			r.archs = strings.Fields(inner)
		}
		rest = rest[end+1:]
	}
	return r, nil
}

func validOp(op string) bool {
	switch op {
	case "<<", "<=", "=", ">=", ">>":
		return true
	}
	return false
}
