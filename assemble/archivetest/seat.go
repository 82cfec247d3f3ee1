package archivetest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// seats is how many tests of one user have machines at a time, whatever packages
// they are of: an emulated machine takes a processor or two, and what a test waits
// for comes late where there are more of them than processors.
const seats = 2

// Seat waits until fewer tests than that have machines, and holds until the test
// ends. A test takes one seat, before it waits for anything with a limit, and may
// boot two machines with it; parts of a test that has one take none.
func Seat(t testing.TB) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("floe-test-seats-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for {
		for i := range seats {
			seat := flock.New(filepath.Join(dir, fmt.Sprint(i)), flock.SetPermissions(0o600))
			free, err := seat.TryLock()
			if err != nil {
				t.Fatal(err)
			}
			if free {
				t.Cleanup(func() { seat.Close() })
				return
			}
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
