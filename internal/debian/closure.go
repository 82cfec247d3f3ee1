package debian

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"floe/internal/arch"
	"floe/internal/fault"
)

// closure works a request out.
func (a *Archive) closure(ctx context.Context, v *view, r *request) (Selection, error) {
	s := &resolver{
		archive: a, ctx: ctx, view: v, request: r,
		index: map[string]*packageIndex{}, taken: map[string]*entry{}, why: map[string]string{}, given: map[string][]*entry{},
	}
	if err := s.run(); err != nil {
		return Selection{}, err
	}
	sel := Selection{Arch: r.arch}
	for _, e := range s.taken {
		sel.Packages = append(sel.Packages, e.Package)
	}
	sel.sort()
	return sel, nil
}

// resolver works one request out.
type resolver struct {
	archive *Archive
	ctx     context.Context
	view    *view
	request *request

	index  map[string]*packageIndex // by architecture
	taken  map[string]*entry        // by name:arch
	why    map[string]string        // name:arch of who wanted it first
	given  map[string][]*entry      // virtual names that taken packages provide
	queue  []*entry                 // taken, dependencies not yet followed
	choose []choice                 // dependencies with a choice, put off
}

// choice is a dependency that leaves a choice, and whose it is.
type choice struct {
	of  *entry
	dep dependency
}

// run takes what was asked for, then follows dependencies. Those that leave a
// choice come after all that do not, so that a choice falls on what is there
// anyway.
func (s *resolver) run() error {
	if err := s.seed(); err != nil {
		return err
	}
	for len(s.queue) > 0 || len(s.choose) > 0 {
		if err := s.ctx.Err(); err != nil {
			return context.Cause(s.ctx)
		}
		if len(s.queue) == 0 {
			c := s.choose[0]
			s.choose = s.choose[1:]
			if err := s.follow(c.of, c.dep); err != nil {
				return err
			}
			continue
		}
		e := s.queue[0]
		s.queue = s.queue[1:]
		if err := s.expand(e); err != nil {
			return err
		}
	}
	return nil
}

// seed takes the packages that were named.
func (s *resolver) seed() error {
	named := func(names []string, deep bool) error {
		names = slices.Clone(names)
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			e, err := s.named(n)
			if err != nil {
				return err
			}
			s.take(e, "", deep)
		}
		return nil
	}
	if err := named(s.request.names, true); err != nil {
		return err
	}
	if err := named(s.request.shallow, false); err != nil {
		return err
	}
	if !s.request.essential {
		return nil
	}
	x, err := s.indexOf(s.native())
	if err != nil {
		return err
	}
	var names []string
	for name, refs := range x.byName {
		if slices.ContainsFunc(refs, func(r rowRef) bool { return strings.Split(r.row, "\t")[colEssential] == "yes" }) && !slices.Contains(s.request.exclude, name) {
			names = append(names, name)
		}
	}
	return named(names, true)
}

func (s *resolver) native() string { return s.request.arch.Debian() }

// named finds a package that the request names.
func (s *resolver) named(text string) (*entry, error) {
	name, version, exact := strings.Cut(text, "=")
	name, ar, foreign := strings.Cut(name, ":")
	if !foreign {
		ar = s.native()
	}
	rel := relation{name: name}
	if exact {
		rel.op, rel.version = "=", version
	}
	e, err := s.real(rel, ar)
	if err != nil || e != nil {
		return e, err
	}
	why := "the archive has no such package"
	providers, err := s.providers(rel, ar)
	if err != nil {
		return nil, err
	}
	if len(providers) > 0 {
		why = "it is a virtual package; name one that provides it: " + nameList(providers)
	}
	if have, _ := s.real(relation{name: name}, ar); have != nil {
		why = "the archive has version " + have.Version
	}
	return nil, fault.New(fault.Network, "find the package", text, errors.New(why), "")
}

func nameList(entries []*entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}

func (s *resolver) indexOf(ar string) (*packageIndex, error) {
	if x := s.index[ar]; x != nil {
		return x, nil
	}
	x, err := s.archive.packages(s.ctx, s.view, arch.Arch(ar))
	if err == nil {
		s.index[ar] = x
	}
	return x, err
}

// key is the place of a package in a root folder: packages for all
// architectures exist once.
func key(e *entry) string { return e.Name + ":" + e.Arch }

func (s *resolver) take(e *entry, by string, deep bool) {
	if _, ok := s.taken[key(e)]; ok {
		return
	}
	s.taken[key(e)] = e
	s.why[key(e)] = by
	for _, p := range e.provides {
		s.given[p.name] = append(s.given[p.name], e)
	}
	if deep {
		s.queue = append(s.queue, e)
	}
}

// expand follows the dependencies of e that leave no choice, and puts the
// others off.
func (s *resolver) expand(e *entry) error {
	for _, field := range []string{e.preDepends, e.depends} {
		deps, err := parseDependencies(field)
		if err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		for _, d := range deps {
			simple := len(d) == 1
			if simple {
				found, err := s.real(d[0], s.archFor(e, d[0]))
				if err != nil {
					return err
				}
				simple = found != nil
			}
			if !simple {
				s.choose = append(s.choose, choice{e, d})
				continue
			}
			if err := s.follow(e, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// archFor is the architecture in which a dependency of e is looked for first.
// Packages for all architectures count as native.
func (s *resolver) archFor(e *entry, r relation) string {
	switch {
	case r.qualifier == "native" || r.qualifier == "any":
		return s.native()
	case r.qualifier != "":
		return r.qualifier
	case e.Arch == "all":
		return s.native()
	}
	return e.Arch
}

// follow sees to it that one dependency of e is fulfilled.
func (s *resolver) follow(e *entry, d dependency) error {
	var usable dependency
	for _, r := range d {
		if r.appliesTo(s.native()) {
			usable = append(usable, r)
		}
	}
	if len(usable) == 0 && len(d) > 0 {
		return nil // counts on other architectures only
	}
	for _, r := range usable {
		if slices.Contains(s.request.exclude, r.name) || s.fulfilled(r, s.archFor(e, r)) {
			return nil
		}
	}
	for _, r := range usable {
		found, err := s.candidate(r, s.archFor(e, r), e)
		if err != nil {
			return err
		}
		if found != nil {
			s.take(found, key(e), true)
			return nil
		}
	}
	return fault.New(fault.Network, "resolve the dependencies of", s.chain(e),
		fmt.Errorf("nothing in the archive fulfils %q%s", d, s.hint(usable)), "the mirror may be in the middle of an update: try again later, or another with --mirror")
}

// fulfilled says whether a taken package fulfils the relation.
func (s *resolver) fulfilled(r relation, ar string) bool {
	fits := func(e *entry) bool {
		return e.Arch == ar || e.Arch == "all" || e.multiArch == "foreign" || r.qualifier == "any" && e.multiArch == "allowed"
	}
	for _, a := range append([]string{ar, "all"}, archNames()...) {
		if e := s.taken[r.name+":"+a]; e != nil && fits(e) && satisfies(e.Version, r.op, r.version) {
			return true
		}
	}
	return slices.ContainsFunc(s.given[r.name], func(e *entry) bool { return fits(e) && e.gives(r) })
}

func archNames() []string {
	var names []string
	for _, a := range arch.All() {
		names = append(names, a.Debian())
	}
	return names
}

// gives says whether the package provides what the relation asks for. A
// relation with a version is fulfilled by a versioned Provides only (Debian
// Policy, section 7.5).
func (e *entry) gives(r relation) bool {
	return slices.ContainsFunc(e.provides, func(p relation) bool {
		return p.name == r.name && (r.op == "" || p.op == "=" && satisfies(p.version, r.op, r.version))
	})
}

// candidate chooses a package that would fulfil the relation and can be taken
// beside what is taken already, or gives nil.
func (s *resolver) candidate(r relation, ar string, of *entry) (*entry, error) {
	if ar != s.native() && r.qualifier == "" { // a tool for every architecture runs best natively
		e, err := s.real(r, s.native())
		if err != nil {
			return nil, err
		}
		if e != nil && e.multiArch == "foreign" && s.free(e) {
			return e, nil
		}
	}
	e, err := s.real(r, ar)
	if err != nil {
		return nil, err
	}
	if e != nil && s.free(e) {
		return e, nil
	}
	providers, err := s.providers(r, ar)
	if err != nil {
		return nil, err
	}
	for _, p := range providers {
		if s.free(p) && p.Name != of.Name {
			return p, nil
		}
	}
	return nil, nil
}

// free says that no other version of the package is taken.
func (s *resolver) free(e *entry) bool { return s.taken[key(e)] == nil }

// real finds the newest package of the relation's own name that fulfils it.
func (s *resolver) real(r relation, ar string) (*entry, error) {
	x, err := s.indexOf(ar)
	if err != nil {
		return nil, err
	}
	var best *entry
	for _, ref := range x.byName[r.name] {
		e, err := ref.read()
		if err != nil {
			return nil, err
		}
		if satisfies(e.Version, r.op, r.version) && (best == nil || CompareVersions(e.Version, best.Version) > 0) {
			best = e
		}
	}
	return best, nil
}

// providers lists the packages that provide what the relation asks for, in
// their newest versions, the one to prefer first.
func (s *resolver) providers(r relation, ar string) ([]*entry, error) {
	x, err := s.indexOf(ar)
	if err != nil {
		return nil, err
	}
	var all []*entry
	for _, ref := range x.provides[r.name] {
		name, _, _ := strings.Cut(ref.row, "\t")
		e, err := s.real(relation{name: name}, ar)
		if err != nil {
			return nil, err
		}
		if e.gives(r) && !slices.ContainsFunc(all, func(o *entry) bool { return o.Name == name }) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		if c := rank(a.priority) - rank(b.priority); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

// rank orders the priorities of Debian Policy, section 2.5.
func rank(priority string) int {
	order := []string{"required", "important", "standard", "optional", "extra"}
	if i := slices.Index(order, priority); i >= 0 {
		return i
	}
	return len(order)
}

// chain tells how a package came to be wanted: "a, wanted by b, wanted by c".
func (s *resolver) chain(e *entry) string {
	text := e.String()
	for by := s.why[key(e)]; by != ""; by = s.why[by] {
		text += ", wanted by " + s.taken[by].Name
	}
	return text
}

// hint says which versions there are of what was not fulfilled.
func (s *resolver) hint(d dependency) string {
	var have []string
	for _, r := range d {
		if e := s.taken[r.name+":"+s.native()]; e != nil {
			have = append(have, "chosen is "+e.String())
		} else if e, err := s.real(relation{name: r.name}, s.native()); err == nil && e != nil {
			have = append(have, "it has "+e.String())
		}
	}
	if len(have) == 0 {
		return ""
	}
	return " (" + strings.Join(have, "; ") + ")"
}
