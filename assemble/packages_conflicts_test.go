package assemble_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// origin says which package had a path first, and what it was there.
type origin struct{ pkg, is string }

// origins, by path, want what several packages have to be the same thing in all of
// them: which of them is loaded first does not matter then.
type origins map[string]origin

// add takes in the files of an unpacked package.
func (o origins) add(t *testing.T, dir, pkg string, files map[string]bool) {
	t.Helper()
	for name := range files {
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
		if old, ok := o[name]; ok && old.is != is {
			t.Errorf("%s is not that of %s", name, old.pkg)
		}
		o[name] = origin{pkg, is}
	}
}
