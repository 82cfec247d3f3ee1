package tcz

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"floe/assets"
)

// Who logs in before a package is loaded has its groups: the image knows them.
func TestPersonsGroups(t *testing.T) {
	table, err := ReadTable(assets.Packages())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range assets.Rootfs() {
		if e.Path == "etc/group" {
			lines = strings.Split(string(e.Data), "\n")
		}
	}
	n := 0
	for _, name := range table.Names() {
		for _, g := range table[name].Groups {
			if !slices.Contains(g.Members, PersonsUser) {
				continue
			}
			n++
			if want := fmt.Sprintf("%s:*:%d:floe", g.Name, g.ID); !slices.Contains(lines, want) {
				t.Errorf("%s: /etc/group of the image lacks %s", name, want)
			}
		}
	}
	if n == 0 {
		t.Error("no package has a group for the person")
	}
}
