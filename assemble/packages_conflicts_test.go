package assemble_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"floe/internal/arch"
)

// TestPackageConflicts wants a path that several packages have to be the same
// thing in all of them: which of them comes first does not matter then.
func TestPackageConflicts(t *testing.T) {
	for _, a := range arch.All() {
		t.Run(a.String(), func(t *testing.T) { packageConflicts(t, a) })
	}
}

func packageConflicts(t *testing.T, a arch.Arch) {
	b := packageBuilder(t)
	names := []string{"iptables", "nftables", "e2fsprogs", "apparmor"}
	if !testing.Short() {
		names = append(names, "docker", "podman", "git", "openssh")
	}
	list, root := packed(t, b, a, names...)
	type origin struct{ pkg, is string }
	first := map[string]origin{}
	for _, p := range list {
		dir := unsquash(t, root, p)
		for name := range checkListing(t, dir, p) {
			full := filepath.Join(dir, name)
			target, err := os.Readlink(full)
			is := "link to " + target
			if err != nil {
				data, err := os.ReadFile(full)
				if err != nil {
					t.Fatal(err)
				}
				is = fmt.Sprintf("file %x", sha256.Sum256(data))
			}
			if old, ok := first[name]; ok && old.is != is {
				t.Errorf("%s of %s is not that of %s", name, p.Name, old.pkg)
			}
			first[name] = origin{p.Name, is}
		}
	}
}
