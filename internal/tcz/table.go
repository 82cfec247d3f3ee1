package tcz

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Table holds definitions by name.
type Table map[string]Definition

// ReadTable reads every NAME.toml of a folder, each with the files of the
// folder NAME beside it, and checks them against each other.
func ReadTable(dir fs.FS) (Table, error) {
	names, err := fs.Glob(dir, "*.toml")
	if err != nil {
		return nil, err
	}
	t := Table{}
	for _, file := range names {
		name := strings.TrimSuffix(file, ".toml")
		text, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, err
		}
		var files fs.FS
		if info, err := fs.Stat(dir, name); err == nil && info.IsDir() {
			if files, err = fs.Sub(dir, name); err != nil {
				return nil, err
			}
		}
		if t[name], err = Parse(name, text, files); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, name := range t.Names() {
		if _, err := t.Closure(name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Names lists the packages in the order of their names.
func (t Table) Names() []string { return slices.Sorted(maps.Keys(t)) }

// Closure lists packages and all that they depend on, each after those that it
// depends on. A circle, and a name that the table does not have, is an error.
func (t Table) Closure(names ...string) ([]string, error) {
	var order []string
	var visit func(name string, above []string) error
	visit = func(name string, above []string) error {
		if slices.Contains(above, name) {
			return fmt.Errorf("packages depend on each other in a circle: %s", strings.Join(append(above, name), " > "))
		}
		if slices.Contains(order, name) {
			return nil
		}
		d, ok := t[name]
		if !ok {
			return fmt.Errorf("there is no package %q%s", name, wanted(above))
		}
		for _, dep := range d.Depends {
			if err := visit(dep, append(above, name)); err != nil {
				return err
			}
		}
		order = append(order, name)
		return nil
	}
	for _, name := range names {
		if err := visit(name, nil); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func wanted(above []string) string {
	if len(above) == 0 {
		return ""
	}
	return ", which " + above[len(above)-1] + " depends on"
}

// Derive makes a definition of a Debian package that the table does not have:
// all its files. It depends on those of the table that hold one of the
// packages that it was resolved to, so that nothing is packed twice.
func (t Table) Derive(debian string, selection []string) Definition {
	d := Definition{Name: debian, Title: "Debian's " + debian, Debian: []string{debian}, Whole: true}
	d.Site = path.Join("packages.debian.org", debian)
	for _, name := range t.Names() {
		other := t[name]
		for _, p := range slices.Concat(other.Debian, other.Serves) {
			if p != debian && slices.Contains(selection, p) && !slices.Contains(d.Depends, name) {
				d.Depends = append(d.Depends, name)
			}
		}
	}
	return d
}

// Unneeded names Debian packages that others depend on for the sake of their
// maintainer scripts, or of an init system that Floe does not have.
func Unneeded() []string {
	return []string{
		"adduser", "base-files", "base-passwd", "cdebconf", "debconf", "debconf-2.0", "debianutils", "dbus",
		"default-dbus-session-bus", "dpkg", "init-system-helpers", "lsb-base", "passwd", "procps", "runit-helper",
		"sensible-utils", "systemd", "sysvinit-utils", "tzdata", "ucf",
	}
}
