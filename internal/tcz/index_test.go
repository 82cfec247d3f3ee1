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

// Of two packages the one with the newer Debian package is the newer, and of two of the
// same that of the newer Floe.
func TestMade(t *testing.T) {
	day := time.Date(2026, 11, 1, 15, 0, 0, 0, time.UTC)
	order := []time.Time{
		made(time.Time{}, day), made(day, day), made(day, day.AddDate(0, 0, 1)), made(day, day.AddDate(9, 0, 0)), made(day.AddDate(0, 0, 1), day),
	}
	for i := 1; i < len(order); i++ {
		if !order[i].After(order[i-1]) {
			t.Errorf("%d: %s is not after %s", i, order[i], order[i-1])
		}
	}
}
