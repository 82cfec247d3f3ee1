package tcz

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The newest file of all packages tells how new what is made of them is.
func TestNewest(t *testing.T) {
	x := &index{entries: map[string]entry{}}
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for deb, at := range map[string]time.Time{"old": day, "new": day.AddDate(0, 0, 3), "between": day.AddDate(0, 0, 1)} {
		dir := t.TempDir()
		file := filepath.Join(dir, "file-of-"+deb)
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		if err := x.add(deb, dir); err != nil {
			t.Fatal(err)
		}
	}
	if want := day.AddDate(0, 0, 3); !x.newest.Equal(want) {
		t.Errorf("the newest is of %s, want %s", x.newest, want)
	}
}
