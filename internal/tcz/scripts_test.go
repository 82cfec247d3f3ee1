package tcz

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"floe/internal/arch"
)

func TestCommands(t *testing.T) {
	for script, want := range map[string][][]string{
		"a 'b c' \"d\"  e\n":                 {{"a", "b c", "d", "e"}},
		"a \\\n  b\\\n\tc\nd":                {{"a", "b", "c"}, {"d"}},
		"# a\n\na b # c\n":                   {{"a", "b"}},
		"if ! a x >/dev/null 2>&1; then\n":   {{"a", "x"}},
		"a 2>/dev/null || b x || true":       {{"a"}, {"b", "x"}, {"true"}},
		"a $b; c \"$d\"; e '$f'":             {{"e", "$f"}},
		"a ''":                               {{"a", ""}},
		"a 'b\nc' d\n":                       {{"a", "b\nc", "d"}},
		"a <<EOF\nit's text\nEOF\nb\n":       {{"a"}, {"b"}},
		"a <<-'E' >f\n\tadduser x\n\tE\nb\n": {{"a"}, {"b"}},
		"a \"b\\\"c\" don\\'t\nd\n":          {{"a", `b"c`, "don't"}, {"d"}},
		"a $((1 << n))\nb\n":                 {{"1"}, {"b"}},
		"# a <<EOF\nb\n":                     {{"b"}},
		"":                                   nil,
	} {
		if got := commands(script); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", script, got, want)
		}
	}
}

// What scripts of Debian's packages do, in the shapes that they have it in.
func TestChores(t *testing.T) {
	ch := newChores()
	const script = `#!/bin/sh
set -e
if [ "$1" = "configure" ]; then
    update-alternatives \
        --install /bin/nc nc /bin/nc.openbsd 50 \
        --slave /bin/netcat netcat /bin/nc.openbsd \
        --slave /usr/share/man/man1/nc.1.gz nc.1.gz \
                /usr/share/man/man1/nc_openbsd.1.gz
    update-alternatives --quiet --install /usr/bin/editor editor /bin/nano 40
    update-alternatives --install /usr/bin/editor editor /usr/bin/vim.tiny 15
    update-alternatives --install $LINK x /usr/bin/x 10
fi
if ! getent group tcpdump >/dev/null 2>&1; then
    addgroup --system --quiet tcpdump
fi
getent passwd tcpdump >/dev/null || adduser --system --quiet --ingroup tcpdump	\
	--no-create-home --home /nonexistent	\
	tcpdump 2>/dev/null
adduser --system --group --home /var/lib/broker --gecos "The broker" --shell=/bin/false broker
useradd -r -G audio -d /run/x -s /usr/sbin/nologin xd
useradd -r -N xe
addgroup lonely --system
chmod 4755 /usr/bin/theirs
chown daemon:daemon /usr/bin/theirs
chmod 2755 /usr/bin/shadowy
adduser somebody
	chmod 4755 /bin/fusermount3
chmod u+s /usr/bin/fping
chown daemon:daemon /usr/bin/ours
chown root:adm /usr/bin/roots
chown :adm /usr/bin/roots
chown rootless /usr/bin/rootless
chmod 4755 /usr/bin/ours
groupadd -r -f forced
useradd -r -g 33 numbered
chmod 0755 /usr/bin/plain
adduser --system --home relative odd
adduser --system "$USER"
`
	for _, words := range commands(script) {
		ch.command(words)
	}
	ch.sysusers("# comment\nu! daemond - \"A daemon\" /var/lib/d /bin/false\nu plain 77\nu guest -:pals - /\ng pals -\nm plain pals\nm plain pals\n")
	links := map[string]link{
		"usr/bin/nc": {"usr/bin/nc.openbsd", 50}, "usr/bin/netcat": {"usr/bin/nc.openbsd", 50},
		"usr/share/man/man1/nc.1.gz": {"usr/share/man/man1/nc_openbsd.1.gz", 50}, "usr/bin/editor": {"usr/bin/nano", 40},
	}
	if !maps.Equal(ch.links, links) {
		t.Errorf("links %v", ch.links)
	}
	if got, want := slices.Sorted(maps.Keys(ch.groups)), []string{"broker", "daemond", "forced", "lonely", "numbered", "pals", "plain", "tcpdump", "xd"}; !slices.Equal(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
	if got := ch.groups["pals"]; !slices.Equal(got, []string{"plain"}) {
		t.Errorf("members %q", got)
	}
	users := map[string]User{
		"numbered": {Name: "numbered", GroupName: "numbered", Home: nowhere},
		"xe":       {Name: "xe", GroupName: "nogroup", Home: nowhere}, "guest": {Name: "guest", GroupName: "pals", Home: "/"},
		"tcpdump": {Name: "tcpdump", GroupName: "tcpdump", Home: nowhere}, "broker": {Name: "broker", GroupName: "broker", Home: "/var/lib/broker"},
		"xd": {Name: "xd", GroupName: "xd", Home: "/run/x"}, "daemond": {Name: "daemond", GroupName: "daemond", Home: "/var/lib/d"},
		"plain": {Name: "plain", GroupName: "plain", Home: nowhere},
	}
	if want := map[string]string{"usr/bin/fusermount3": "4755", "usr/bin/theirs": "4755", "usr/bin/ours": "4755"}; !maps.Equal(ch.modes, want) {
		t.Errorf("modes %v", ch.modes)
	}
	if !ch.suid["usr/bin/fping"] || !ch.theirs["usr/bin/theirs"] || !ch.theirs["usr/bin/ours"] || !ch.theirs["usr/bin/rootless"] || len(ch.theirs) != 3 {
		t.Errorf("setuid %v, of others %v", ch.suid, ch.theirs)
	}
	if !maps.Equal(ch.users, users) {
		t.Errorf("users %v", ch.users)
	}
}

// A link is made where its program is in the package, and nothing is in its way.
func TestChoresLinks(t *testing.T) {
	c := newChoice("amd64", tree(map[string]string{"usr/bin/vim.basic": "", "usr/bin/view": "", "usr/sbin/tool.one": ""}), map[string]bool{"usr/bin/ex": true})
	for _, name := range []string{"usr/bin/vim.basic", "usr/bin/view", "usr/sbin/tool.one"} {
		c.take(name)
	}
	d := &Definition{Name: "vim"}
	c.with(d, &chores{links: map[string]link{
		"usr/bin/vi": {"usr/bin/vim.basic", 30}, "usr/bin/view": {"usr/bin/vim.basic", 30}, "usr/bin/ex": {"usr/bin/vim.basic", 30},
		"usr/bin/other": {"usr/bin/not.here", 30}, "usr/bin/tool": {"usr/bin/tool.one", 1}, "var/lib/x": {"usr/bin/vim.basic", 1},
	}, modes: map[string]string{"usr/bin/tool.one": "4755", "usr/bin/not.here": "4755", "usr/bin/view": "4755"},
		theirs: map[string]bool{"usr/bin/view": true},
		groups: map[string][]string{"b": nil, "a": {"u"}}, users: map[string]User{"u": {Name: "u", GroupName: "a", Home: nowhere}}})
	if want := map[string]string{"usr/bin/vi": "/usr/bin/vim.basic", "usr/bin/tool": "/usr/bin/tool.one"}; !maps.Equal(d.Links, want) {
		t.Errorf("links %v, want %v", d.Links, want)
	}
	if want := map[string]string{"usr/bin/tool.one": "4755"}; !maps.Equal(d.Modes, want) {
		t.Errorf("modes %v, want %v", d.Modes, want)
	}
	if got, want := string(d.manifest(arch.AMD64)), "arch amd64\ngroup a - u\ngroup b -\nuser u - a /nonexistent\n"; got != want {
		t.Errorf("manifest %q, want %q", got, want)
	}
}
