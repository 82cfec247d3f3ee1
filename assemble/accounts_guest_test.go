package assemble_test

import (
	"os"
	"strings"
	"testing"

	"floe/assets"
)

// Accounts of packages that no definition tells of get ids that are free.
func TestLoadAccounts(t *testing.T) {
	g := newGuest(t)
	g.add(optional, "fixed", "group fixed 900\n", nil)
	g.add(optional, "tool", "group tool -\ngroup pals - @user\nuser tool - tool /nonexistent\nuser other - nogroup /run/o\n", nil)
	for range 2 {
		g.succeeds("tce-load", "-i", "fixed", "tool")
		g.must(os.RemoveAll(g.path("usr/local/tce.installed")))
	}
	// After another boot, with one package more before them.
	groups, users := g.read("etc/group"), g.read("etc/passwd")
	for _, e := range assets.Rootfs() {
		if e.Path == "etc/group" || e.Path == "etc/passwd" {
			g.write(e.Path, string(e.Data))
		}
	}
	g.must(os.RemoveAll(g.path("usr/local/tcz")))
	g.add(optional, "before", "group before -\n", nil)
	g.succeeds("tce-load", "-i", "fixed", "before", "tool")
	if got, want := g.read("etc/group"), strings.Replace(groups, "fixed:*:900:\n", "fixed:*:900:\nbefore:*:905:\n", 1); got != want {
		t.Errorf("after another boot the groups are %q, want %q", got, want)
	}
	if got := g.read("etc/passwd"); got != users {
		t.Errorf("after another boot the users are %q, want %q", got, users)
	}
	g.write("etc/group", groups)
	if got, want := strings.SplitAfter(g.read("etc/group"), "nogroup:*:65534:\n")[1], "fixed:*:900:\ntool:*:901:\npals:*:902:floe\n"; got != want {
		t.Errorf("groups %q, want %q", got, want)
	}
	if got, want := g.read("etc/passwd"), "tool:*:903:901:tool:/nonexistent:/usr/bin/false\nother:*:904:65534:other:/run/o:/usr/bin/false\n"; !strings.HasSuffix(got, want) {
		t.Errorf("users %q, want them to end with %q", got, want)
	}
}
