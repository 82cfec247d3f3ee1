package debian

import (
	"context"
	"fmt"
	"slices"

	"floe/internal/arch"
)

// Option changes how Resolve follows dependencies.
type Option func(*request)

// Exclude names packages, real or virtual, that count as being there without
// being taken: dependencies on them are not followed.
func Exclude(names ...string) Option {
	return func(r *request) { r.exclude = append(r.exclude, names...) }
}

// Shallow names further packages to take without their dependencies. They are
// written as for Resolve.
func Shallow(names ...string) Option {
	return func(r *request) { r.shallow = append(r.shallow, names...) }
}

// Essential takes the packages that are marked Essential as well. Packages may
// rely on these without a dependency (Debian Policy, section 3.8).
func Essential() Option { return func(r *request) { r.essential = true } }

// request is what Resolve is asked for.
type request struct {
	arch      arch.Arch
	names     []string
	exclude   []string
	shallow   []string
	essential bool
}

// canonical gives the request in a form in which equal requests are equal.
func (r *request) canonical() []string {
	sorted := func(kind string, names []string) []string {
		names = slices.Clone(names)
		slices.Sort(names)
		out := []string{kind}
		return append(out, slices.Compact(names)...)
	}
	out := []string{"resolve", r.arch.Debian(), fmt.Sprint("essential:", r.essential)}
	out = append(out, sorted("names:", r.names)...)
	out = append(out, sorted("exclude:", r.exclude)...)
	return append(out, sorted("shallow:", r.shallow)...)
}

// Resolve finds the packages of the given names and all that they depend on or
// pre-depend on, for a root folder of an architecture. A name is written
// "name", "name:arch" for a package of another architecture, and either with
// "=version" for another version than the newest.
//
// The closure depends on the archive's contents and the request only, not on
// the order of the names. Of alternatives, one that is taken anyway is
// preferred, then the first that the archive has; of several providers of a
// virtual package, the one of the higher priority, then the first by name.
// Recommends and Suggests are not followed. Names that the archive does not
// have are an error that tells who wants them.
//
// Answers are kept on disk: the same request to an unchanged archive reads no
// index.
func (a *Archive) Resolve(ctx context.Context, ar arch.Arch, names []string, opts ...Option) (Selection, error) {
	r := &request{arch: ar, names: names}
	for _, o := range opts {
		o(r)
	}
	return ask(ctx, a, r.canonical(), func(v *view) (Selection, error) {
		return a.closure(ctx, v, r)
	})
}
