package disks_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
)

// TestHotPlug hears of a disk when it comes, and not only by looking every two
// seconds.
func TestHotPlug(t *testing.T) {
	changes := disks.Changes(t.Context())
	<-changes // at once
	<-changes // by the clock: the next one is two seconds away
	f, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err == nil {
		err = f.Truncate(1 << 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, detach, err := disktest.Attach(f)
	if err != nil {
		t.Skip(err) // it takes root
	}
	defer detach()
	select {
	case <-changes:
	case <-time.After(1500 * time.Millisecond):
		t.Error("a disk came, and nothing was heard of it")
	}
}
