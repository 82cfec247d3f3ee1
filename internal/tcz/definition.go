package tcz

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"floe/internal/arch"
)

// Definition says what a package holds and what loading it means.
type Definition struct {
	Name  string `toml:"-"`     // the file's name: "docker" of docker.toml
	Title string `toml:"title"` // a line, for .info
	Site  string `toml:"site"`  // where the program comes from, for .info

	Debian  []string `toml:"debian"`  // packages of the archive that Paths are taken from
	Without []string `toml:"without"` // packages that those depend on and that are not needed
	Depends []string `toml:"depends"` // packages of the table that are loaded first

	// Serves names Debian packages that need this package without saying so:
	// whatever is made of any Debian package and has one of these depends on it.
	Serves []string `toml:"serves"`

	// Paths are what is packed: files, or path.Match patterns, or folders with
	// all that is below, all without a slash at the start. TRIPLET stands for
	// the multiarch folder, such as x86_64-linux-gnu. Each must match something.
	Paths []string `toml:"paths"`
	// Optional are paths that need not be there, for there are
	// architectures without them.
	Optional []string `toml:"optional"`
	// Leave are patterns of what stays out of Paths.
	Leave []string `toml:"leave"`
	// Whole packs all files of the Debian packages and of those that they
	// depend on, but for libraries that nothing needs, instead of Paths.
	Whole bool `toml:"-"`

	Links map[string]string `toml:"links"` // made after all: path to target
	Modes map[string]string `toml:"modes"` // path to octal mode, where it is not that of Debian's file
	// Trim are Go programs whose symbols for plugins are taken out; see trim.
	Trim []string `toml:"trim"`
	// Prelink are programs that are linked to a fixed address; see prelink.
	Prelink []string `toml:"prelink"`
	// Ahead are programs that are read as soon as the package is mounted, for its
	// services will start them.
	Ahead  []string `toml:"ahead" json:",omitempty"`
	Concat []Concat `toml:"concat"` // files made of others

	Groups   []Group  `toml:"group"`
	Users    []User   `toml:"user"`
	SubIDs   bool     `toml:"subids"`   // the person's user gets subordinate ids (subuid(5))
	Services []string `toml:"services"` // folders of etc/sv that are started

	Files []File `toml:"-"` // Floe's own: from assets/packages/NAME
}

// Concat is a file made of others, in the order of their names.
type Concat struct {
	Path string `toml:"path"`
	Of   string `toml:"of"` // pattern
}

// Group is a group of the booted system.
type Group struct {
	Name    string   `toml:"name"`
	ID      int      `toml:"id"`      // 0, where no definition says it, is one that is free when it is loaded
	Members []string `toml:"members"` // PersonsUser is the person's, whatever the name
}

// User is a user of the booted system that a service runs as.
type User struct {
	Name  string `toml:"name"`
	ID    int    `toml:"id"`
	Group int    `toml:"group"`
	Home  string `toml:"home"`

	GroupName string `toml:"-" json:",omitempty"` // instead of Group
}

// PersonsUser is the name that stands for the person's user in Members.
const PersonsUser = "@user"

// File is a file of Floe's own in a package.
type File struct {
	Path string
	Mode fs.FileMode
	Data []byte
}

// Parse reads a definition in TOML. files is the folder of the package's own
// files, laid out as in the package; nil is none.
func Parse(name string, text []byte, files fs.FS) (Definition, error) {
	d := Definition{Name: name}
	dec := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return d, fmt.Errorf("package %s: %w", name, err)
	}
	if files != nil {
		var err error
		if d.Files, err = ownFiles(files); err != nil {
			return d, fmt.Errorf("package %s: %w", name, err)
		}
	}
	if err := d.Check(); err != nil {
		return d, fmt.Errorf("package %s: %w", name, err)
	}
	return d, nil
}

// ownFiles reads the files below a folder. A script is executable.
func ownFiles(files fs.FS) ([]File, error) {
	var list []File
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		f := File{Path: name, Mode: 0o644, Data: data}
		if bytes.HasPrefix(data, []byte("#!")) {
			f.Mode = 0o755
		}
		list = append(list, f)
		return nil
	})
	return list, err
}

var (
	validName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*$`) // as Debian Policy, section 5.6.7
	validUser = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
)

// Check finds what is wrong with a definition by itself.
func (d *Definition) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validName.MatchString(d.Name) {
		bad("%q is no package name", d.Name)
	}
	if d.Title == "" || strings.ContainsAny(d.Title, "\n\t") {
		bad("the title must be one line")
	}
	if len(d.Debian) > 0 && len(d.Paths) == 0 && !d.Whole {
		bad("no paths to pack")
	}
	if slices.Contains(d.Depends, d.Name) {
		bad("it depends on itself")
	}
	for _, p := range d.allPaths() {
		if !fs.ValidPath(p) || !strings.HasPrefix(p, "usr/") && !strings.HasPrefix(p, "etc/") {
			bad("path %q is not below usr or etc", p)
		}
		if _, err := path.Match(p, ""); err != nil {
			bad("path %q: %w", p, err)
		}
	}
	for p, mode := range d.Modes {
		if _, err := strconv.ParseUint(mode, 8, 12); err != nil {
			bad("mode of %s: %w", p, err)
		}
	}
	d.checkAccounts(bad)
	for _, s := range d.Services {
		if !slices.ContainsFunc(d.Files, func(f File) bool { return f.Path == "etc/sv/"+s+"/run" && f.Mode == 0o755 }) {
			bad("service %s has no script etc/sv/%s/run", s, s)
		}
	}
	return errors.Join(errs...)
}

// change is what is done to a program of a Debian package.
type change struct {
	key, path string // of the definition
	do        func([]byte) error
	told      string // in the .info file
}

// errNeedless says that a program is already as a change would make it.
var errNeedless = errors.New("there is nothing to change")

// changes lists what is done to programs.
func (d *Definition) changes() (list []change) {
	for _, name := range d.Trim {
		list = append(list, change{"trim", name, trim, "symbols for Go plugins taken out"})
	}
	for _, name := range d.Prelink {
		list = append(list, change{"prelink", name, prelink, "linked to a fixed address"})
	}
	return list
}

// allPaths lists every path that the definition names.
func (d *Definition) allPaths() []string {
	list := slices.Concat(d.Paths, d.Optional, d.Leave, d.Trim, d.Prelink, d.Ahead)
	for p := range d.Links {
		list = append(list, p)
	}
	for p := range d.Modes {
		list = append(list, p)
	}
	for _, c := range d.Concat {
		list = append(list, c.Path, c.Of)
	}
	for _, f := range d.Files {
		list = append(list, f.Path)
	}
	slices.Sort(list)
	return list
}

// Ids of groups and users that packages bring: above those of people's
// systems' daemons, below those of people.
const (
	minID = 900
	maxID = 999
)

func (d *Definition) checkAccounts(bad func(string, ...any)) {
	id := func(what, name string, n int) {
		if !validUser.MatchString(name) {
			bad("%q is no name of a %s", name, what)
		}
		if n < minID || n > maxID {
			bad("%s %s: id %d is not in %d..%d", what, name, n, minID, maxID)
		}
	}
	for _, g := range d.Groups {
		id("group", g.Name, g.ID)
		for _, m := range g.Members {
			if m != PersonsUser && !validUser.MatchString(m) {
				bad("group %s: %q is no user", g.Name, m)
			}
		}
	}
	for _, u := range d.Users {
		id("user", u.Name, u.ID)
		if !path.IsAbs(u.Home) || strings.ContainsAny(u.Home, ": \n") {
			bad("user %s: home %q", u.Name, u.Home)
		}
	}
}

// manifestDir is where a package says what loading it means.
const manifestDir = "usr/share/floe"

// manifest is what tce-load reads: a word, then its values, in each line. The
// architecture is first, for a machine refuses those that are not its own.
func (d *Definition) manifest(a arch.Arch) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "arch %s\n", a.Debian())
	for _, n := range d.Ahead { // early, for what follows takes time
		fmt.Fprintf(&b, "ahead %s\n", n)
	}
	for _, n := range d.Depends {
		fmt.Fprintf(&b, "depends %s\n", n)
	}
	for _, g := range d.Groups {
		fmt.Fprintf(&b, "group %s %s%s\n", g.Name, number(g.ID), prefixed(" ", g.Members))
	}
	for _, u := range d.Users {
		fmt.Fprintf(&b, "user %s %s %s %s\n", u.Name, number(u.ID), cmp.Or(u.GroupName, number(u.Group)), u.Home)
	}
	if d.SubIDs {
		fmt.Fprintf(&b, "subids %s\n", PersonsUser)
	}
	for _, s := range d.Services {
		fmt.Fprintf(&b, "service %s\n", s)
	}
	return b.Bytes()
}

// number writes an id; "-" is one that is yet to be chosen.
func number(id int) string {
	if id == 0 {
		return "-"
	}
	return strconv.Itoa(id)
}

func prefixed(with string, words []string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(with + w)
	}
	return b.String()
}

// Digest is a hash, in hexadecimal, of all that the definition says: an input
// to keys.
func (d *Definition) Digest() string {
	text, err := json.Marshal(d) // maps come in the order of their keys
	if err != nil {
		panic(err) // there is nothing in it that JSON could not hold
	}
	sum := sha256.Sum256(append([]byte(d.Name+"\n"), text...))
	return hex.EncodeToString(sum[:])
}
