package tcz

import (
	"archive/tar"
	"cmp"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"floe/internal/debian/deb"
)

// chores is what installing Debian packages would do besides laying out their
// files: make the links of alternatives, and the users and groups of services, as
// is read from what dpkg would run, and keep the setuid bits, which the sandbox
// drops.
type chores struct {
	links  map[string]link     // by path
	groups map[string][]string // members, by name
	users  map[string]User
	modes  map[string]string // octal, by path
	suid   map[string]bool   // paths that "chmod u+s" was said of
	theirs map[string]bool   // paths that were given to another user
}

func newChores() *chores {
	return &chores{links: map[string]link{}, groups: map[string][]string{}, users: map[string]User{}, modes: map[string]string{},
		suid: map[string]bool{}, theirs: map[string]bool{}}
}

// link is an alternative: the one of the highest priority is made.
type link struct {
	target   string
	priority int
}

// chores gathers those of all Debian packages that something was taken from.
func (c *choice) chores(debs []Deb) (*chores, error) {
	ch := newChores()
	used := c.debs()
	for _, d := range debs {
		if !slices.Contains(used, d.Name) {
			continue
		}
		if err := ch.deb(d.Path); err != nil {
			return nil, err
		}
	}
	for _, name := range c.index.match("usr/lib/sysusers.d/*.conf") {
		text, err := os.ReadFile(c.index.entries[name].host)
		if err != nil {
			return nil, err
		}
		if slices.Contains(used, c.index.entries[name].deb) {
			ch.sysusers(string(text))
		}
	}
	return ch, nil
}

// deb reads a Debian package.
func (ch *chores) deb(file string) error {
	r, err := deb.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, words := range commands(r.PostInst) {
		ch.command(words)
	}
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name, mode := installed(path.Clean(h.Name)), h.Mode
		if h.Uid != 0 {
			ch.theirs[name] = true
			continue
		}
		if ch.suid[name] {
			mode |= setuid
		}
		if _, said := ch.modes[name]; !said && h.Typeflag == tar.TypeReg && mode&setuid != 0 {
			ch.modes[name] = strconv.FormatInt(mode&0o7777&^setgid, 8)
		}
	}
}

// The bits of chmod(2). Of programs that change to a group nothing is taken: in a
// package all files are root's, and so that group would be another than meant.
const (
	setuid = 0o4000
	setgid = 0o2000
)

// installed is where a path of a Debian package goes in the booted system.
func installed(name string) string { return place(merged(strings.TrimPrefix(name, "/"))) }

// command takes what a command of a maintainer script would do.
func (ch *chores) command(words []string) {
	switch path.Base(words[0]) {
	case "update-alternatives":
		ch.alternatives(words[1:])
	case "addgroup", "groupadd":
		ch.group(newAccount(words[1:], groupValues).name)
	case "adduser":
		ch.adduser(newAccount(words[1:], userValues), false)
	case "useradd": // with a group of its own (USERGROUPS_ENAB of login.defs(5))
		ch.adduser(newAccount(words[1:], userValues), true)
	case "chown":
		if len(words) == 3 {
			ch.chown(words[1], words[2])
		}
	case "chmod":
		if len(words) == 3 {
			ch.chmod(words[1], words[2])
		}
	}
}

// chown takes what is setuid to another than root, if it is.
func (ch *chores) chown(to, file string) {
	if owner, _, _ := strings.Cut(to, ":"); !slices.Contains([]string{"", "0", "root"}, owner) {
		ch.theirs[installed(file)] = true
	}
}

// chmod takes what lets programs act for somebody else.
func (ch *chores) chmod(mode, file string) {
	if mode == "u+s" {
		ch.suid[installed(file)] = true
	}
	if n, err := strconv.ParseInt(mode, 8, 32); err == nil && n&setuid != 0 {
		ch.modes[installed(file)] = strconv.FormatInt(n&0o7777&^setgid, 8)
	}
}

// alternatives reads the arguments of update-alternatives(1):
// --install LINK NAME PATH PRIORITY, then --slave LINK NAME PATH for each link
// that goes along.
func (ch *chores) alternatives(args []string) {
	priority := 0
	for i, a := range args {
		switch {
		case a == "--install" && i+4 < len(args):
			priority, _ = strconv.Atoi(args[i+4])
		case a != "--slave" || i+3 >= len(args):
			continue
		}
		name, target := installed(args[i+1]), installed(args[i+3])
		if old, ok := ch.links[name]; !ok || priority > old.priority {
			ch.links[name] = link{target, priority}
		}
	}
}

// Options that a word follows, besides those of account: of adduser(8) and
// useradd(8), and of addgroup(8) and groupadd(8).
var (
	userValues = strings.Fields("--gecos --comment -c --shell -s --uid -u --firstuid --lastuid --firstgid --lastgid --conf -K --key " +
		"-G --groups -b --base-dir -k --skel -e --expiredate -f --inactive -p --password -R --root -P --prefix")
	groupValues = strings.Fields("--firstgid --lastgid --conf -K --key -p --password -R --root -P --prefix -U --users")
)

// account is what the arguments of these programs say.
type account struct {
	name, home, group   string // "" is what was not said
	system, own, shared bool   // of a service; with a group of its name; without one
}

func newAccount(args, withValue []string) (a account) {
	for i := 0; i < len(args); i++ {
		option, value, attached := strings.Cut(args[i], "=")
		next := func() string {
			if !attached && i+1 < len(args) {
				i++
				value = args[i]
			}
			return value
		}
		switch {
		case option == "--system" || option == "-r":
			a.system = true
		case option == "--group" || option == "--user-group" || option == "-U":
			a.own = true
		case option == "--no-user-group" || option == "-N":
			a.shared = true
		case option == "--ingroup" || option == "--gid" || option == "-g":
			a.group = next()
		case option == "--home" || option == "-d" || option == "--home-dir":
			a.home = next()
		case slices.Contains(withValue, option):
			next()
		case !strings.HasPrefix(option, "-") && a.name == "":
			a.name = option
		}
	}
	return a
}

// adduser adds a user of a service; people's are not looked at.
func (ch *chores) adduser(a account, own bool) {
	group := "nogroup"
	switch {
	case validUser.MatchString(a.group):
		group = a.group
	case a.group != "": // a number: none that is known here
		group = a.name
	case a.own || own && !a.shared:
		group = a.name
	}
	if a.system {
		ch.user(User{Name: a.name, Home: cmp.Or(a.home, nowhere)}, group)
	}
}

// sysusers reads a file of sysusers.d(5): a type, a name, an id, a description,
// a home and a shell in each line. Ids are chosen when the package is loaded,
// as in Debian when it is installed.
func (ch *chores) sysusers(text string) {
	for line := range strings.Lines(text) {
		list := commands(line)
		if len(list) != 1 || len(list[0]) < 2 {
			continue
		}
		words := list[0]
		switch strings.TrimRight(words[0], "!+-") {
		case "g":
			ch.group(words[1])
		case "u":
			u, group := User{Name: words[1], Home: nowhere}, words[1]
			if len(words) > 2 {
				if _, named, _ := strings.Cut(words[2], ":"); validUser.MatchString(named) {
					group = named
				}
			}
			if len(words) > 4 && path.IsAbs(words[4]) {
				u.Home = words[4]
			}
			ch.user(u, group)
		case "m":
			if len(words) > 2 {
				ch.member(words[1], words[2])
			}
		}
	}
}

// nowhere is the home of users that have none.
const nowhere = "/nonexistent"

func (ch *chores) group(name string) {
	if _, known := ch.groups[name]; !known && validUser.MatchString(name) {
		ch.groups[name] = nil
	}
}

// member puts a user into a group.
func (ch *chores) member(user, group string) {
	if ch.group(group); validUser.MatchString(user) && validUser.MatchString(group) && !slices.Contains(ch.groups[group], user) {
		ch.groups[group] = append(ch.groups[group], user)
	}
}

// user adds a user with a group, which is made as well unless all have it.
func (ch *chores) user(u User, group string) {
	if !validUser.MatchString(u.Name) || !validUser.MatchString(group) || !path.IsAbs(u.Home) || strings.ContainsAny(u.Home, ": \n") {
		return
	}
	if group != "nogroup" {
		ch.group(group)
	}
	u.GroupName = group
	ch.users[u.Name] = u
}

// with adds chores to a definition. A link is made where what it leads to is in
// the package and nothing else is at its place.
func (c *choice) with(d *Definition, ch *chores) {
	d.Links, d.Modes = clone(d.Links), clone(d.Modes)
	packed := map[string]bool{}
	for name := range c.taken {
		packed[place(name)] = true
	}
	for name, l := range ch.links {
		if _, own := d.Links[name]; !own && placeable(name) && packed[l.target] && !packed[name] && !c.provided[name] {
			d.Links[name] = "/" + l.target
		}
	}
	for name, mode := range ch.modes {
		if packed[name] && !ch.theirs[name] {
			d.Modes[name] = mode
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ch.groups)) {
		d.Groups = append(d.Groups, Group{Name: name, Members: ch.groups[name]})
	}
	d.Users = slices.AppendSeq(d.Users, maps.Values(ch.users))
	slices.SortFunc(d.Users, func(a, b User) int { return cmp.Compare(a.Name, b.Name) })
}

// clone is maps.Clone that gives no nil.
func clone(m map[string]string) map[string]string {
	c := make(map[string]string, len(m))
	maps.Copy(c, m)
	return c
}
