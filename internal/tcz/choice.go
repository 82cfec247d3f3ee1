package tcz

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"floe/internal/arch"
)

// choice collects what goes into a package.
type choice struct {
	arch     arch.Arch
	index    *index
	provided map[string]bool // files of the packages that this one depends on
	taken    map[string]bool // paths in the index
	leave    []string        // patterns that stay out
	left     []string        // links to nothing, for the log
	queue    []string
}

func newChoice(a arch.Arch, x *index, provided map[string]bool) *choice {
	return &choice{arch: a, index: x, provided: provided, taken: map[string]bool{}}
}

// definition takes what a definition lists, and what that needs.
func (c *choice) definition(d *Definition) error {
	c.leave = d.Leave
	var missing []string
	for _, pattern := range d.Paths {
		if !c.pattern(pattern) {
			missing = append(missing, pattern)
		}
	}
	if missing != nil {
		return fmt.Errorf("nothing in %s is at %s", strings.Join(d.Debian, ", "), strings.Join(missing, ", "))
	}
	for _, pattern := range d.Optional {
		c.pattern(pattern)
	}
	if d.Whole {
		c.whole(d.Debian)
	}
	return c.settle()
}

func (c *choice) pattern(pattern string) bool {
	found := c.index.match(strings.ReplaceAll(pattern, "TRIPLET", c.arch.Triplet()))
	for _, name := range found {
		if !slices.ContainsFunc(c.leave, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
			c.take(name)
		}
	}
	return len(found) > 0
}

// take chooses a path, unless a package that is loaded first has it.
func (c *choice) take(name string) {
	if !c.taken[name] && !c.provided[place(name)] {
		c.taken[name] = true
		c.queue = append(c.queue, name)
	}
}

// useless are folders that nothing in the booted system reads: there is no
// compiler, no desktop and no systemd.
var useless = []string{
	"usr/include/", "usr/share/doc/", "usr/share/bash-completion/", "usr/share/zsh/", "usr/share/fish/", "usr/share/applications/",
	"usr/share/icons/", "usr/share/pixmaps/", "usr/share/metainfo/", "usr/share/lintian/", "usr/share/apport/", "usr/lib/systemd/",
	"usr/lib/pkgconfig/", "etc/init.d/", "etc/logrotate.d/", "etc/apparmor.d/",
}

func isUseless(name string) bool {
	return path.Ext(name) == ".a" || slices.ContainsFunc(useless, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// whole takes all files of the named Debian packages, and of the others too,
// but for libraries: of these only what is needed.
func (c *choice) whole(named []string) {
	libraries := map[string]bool{}
	for _, name := range c.index.names {
		it := c.index.entries[name]
		if !it.dir && strings.HasPrefix(it.deb, "lib") && strings.Contains(path.Base(name), ".so.") && !slices.Contains(named, it.deb) {
			libraries[it.deb] = true
		}
	}
	for _, name := range c.index.names {
		it := c.index.entries[name]
		if !it.dir && !libraries[it.deb] && !isUseless(name) && placeable(name) {
			c.take(name)
		}
	}
}

// placeable says whether a path has a place in a package.
func placeable(name string) bool {
	return strings.HasPrefix(name, "usr/") || strings.HasPrefix(name, "etc/")
}

// settle takes what is needed by what was taken, until nothing is missing.
func (c *choice) settle() error {
	var errs []error
	for len(c.queue) > 0 {
		name := c.queue[0]
		c.queue = c.queue[1:]
		if err := c.need(name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *choice) need(name string) error {
	it := c.index.entries[name]
	if it.target != "" {
		end, links, err := c.index.resolve(name)
		if err != nil {
			if delete(c.taken, name); errors.Is(err, fs.ErrNotExist) {
				c.left = append(c.left, name)
				return nil
			}
			return err
		}
		for _, l := range links {
			if placeable(l) {
				c.take(l)
			}
		}
		if !c.index.entries[end].dir {
			c.take(end)
		}
		return nil
	}
	n, err := readNeeds(it.host, c.arch)
	if errors.Is(err, errNotELF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("/%s of %s: %w", name, it.deb, err)
	}
	return c.libraries(name, n)
}

// libraries takes the libraries of an ELF file, and its loader.
func (c *choice) libraries(name string, n needs) error {
	var missing []string
	if n.interpreter != "" && !c.file(strings.TrimPrefix(n.interpreter, "/")) {
		missing = append(missing, n.interpreter)
	}
	for _, lib := range n.libraries {
		if strings.Contains(lib, "/") {
			if !c.file(strings.TrimPrefix(lib, "/")) {
				missing = append(missing, lib)
			}
			continue
		}
		found := slices.ContainsFunc(n.folders(name, c.arch), func(dir string) bool { return c.file(path.Join(dir, lib)) })
		if !found {
			missing = append(missing, lib)
		}
	}
	if missing != nil {
		return fmt.Errorf("/%s of %s needs %s, which none of its Debian packages has", name, c.index.entries[name].deb, strings.Join(missing, ", "))
	}
	return nil
}

// file takes a file with the links to it, if it is there.
func (c *choice) file(name string) bool {
	name = merged(name)
	if c.provided[place(name)] {
		return true
	}
	end, links, err := c.index.resolve(name)
	if err != nil || c.index.entries[end].dir {
		return false
	}
	for _, l := range append(links, end) {
		if placeable(l) {
			c.take(l)
		}
	}
	return true
}

// merged is a path with /lib and the like as the links into /usr that they
// are; see https://wiki.debian.org/UsrMerge.
func merged(name string) string {
	first, _, below := strings.Cut(name, "/")
	if below && slices.Contains([]string{"bin", "lib", "lib64", "sbin"}, first) {
		return "usr/" + name
	}
	return name
}

// place is where a path goes in the booted system, which has one folder for
// programs.
func place(name string) string {
	if rest, ok := strings.CutPrefix(name, "usr/sbin/"); ok {
		return "usr/bin/" + rest
	}
	return name
}

// debs lists the Debian packages that something was taken from.
func (c *choice) debs() []string {
	seen := map[string]bool{}
	for name := range c.taken {
		seen[c.index.entries[name].deb] = true
	}
	var list []string
	for deb := range seen {
		list = append(list, deb)
	}
	slices.Sort(list)
	return list
}

// licences takes the copyright file of each of those.
func (c *choice) licences() error {
	for _, deb := range c.debs() {
		name := "usr/share/doc/" + deb + "/copyright"
		if c.provided[name] {
			continue
		}
		if !c.file(name) {
			return fmt.Errorf("%s has no copyright file", deb)
		}
	}
	return nil
}
