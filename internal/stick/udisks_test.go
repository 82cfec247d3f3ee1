package stick

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/report"
)

// TestUDisksWords: what the service answers, as its clients get it, and what the
// person is told of it.
func TestUDisksWords(t *testing.T) {
	const open = "Error opening /dev/sdb: "
	for _, tt := range []struct {
		kind, said string
		class      fault.Class
		says, hint string
	}{
		{"NotAuthorized", "Not authorized to perform operation", fault.Missing, "Not authorized", "Whoever administers"},
		{"NotAuthorizedCanObtain", "Not authorized to perform operation", fault.Missing, "Not authorized", "Nothing was changed"},
		{"NotAuthorizedDismissed", "The authentication dialog was dismissed", fault.Cancelled, "", "Nothing was changed"},
		{"Cancelled", "The operation was cancelled", fault.Cancelled, "", "Nothing was changed"},
		{"DeviceBusy", "Device is in use", fault.Disk, "something else has it open", "eject it in the file manager"},
		{"Failed", open + "Device or resource busy", fault.Disk, "something else has it open", "Nothing was changed"},
		{"Failed", open + "No medium found", fault.Disk, "no medium is in it", "Nothing was changed"},
		{"Failed", open + "Read-only file system", fault.Disk, "it is write-protected", "switch"},
		{"Failed", open + "No such device or address", fault.Disk, "it was pulled out", "Nothing was changed"},
		{"Failed", open + "No such file or directory", fault.Disk, "it was pulled out", "Nothing was changed"},
		{"Failed", open + "Input/output error", fault.Disk, "Input/output error", "Nothing was changed"},
	} {
		err := opening(disks.Disk{Path: "/dev/sdb"}, udisksWords(dbus.Error{Name: udisksError + tt.kind, Body: []any{tt.said}}))
		if fault.Code(err) != int(tt.class) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(fault.Hint(err), tt.hint) {
			t.Errorf("%s, %q: exit code %d: %v; %s", tt.kind, tt.said, fault.Code(err), err, fault.Hint(err))
		}
	}
	// The same is told of an unmount.
	mounted := disks.Disk{Path: "/dev/sdb", Uses: []disks.Use{{Kind: disks.Mount, What: "/media/a", At: "/media/a"}}}
	for kind, class := range map[string]fault.Class{"NotAuthorized": fault.Missing, "NotAuthorizedDismissed": fault.Cancelled, "DeviceBusy": fault.Disk} {
		err := unmount(t.Context(), mounted, []string{"/media/a"}, answering{dbus.Error{Name: udisksError + kind, Body: []any{"no"}}}, report.Start(report.Discard, "x", "x"))
		if fault.Code(err) != int(class) || !strings.Contains(fault.Hint(err), "Nothing was") {
			t.Errorf("%s: exit code %d: %v; %s", kind, fault.Code(err), err, fault.Hint(err))
		}
	}
	if other := errors.New("the bus is gone"); udisksWords(other) != other || udisksWords(nil) != nil {
		t.Error("what is no error of the service's is changed")
	}
}

// TestSilentBus: a bus that does not answer is given up.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path) // somebody connects, and nobody takes it
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+path)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := FindUDisks(ctx)
		ended <- err
	}()
	select {
	case err := <-ended:
		if fault.Code(err) != int(fault.Missing) && fault.Code(err) != int(fault.Cancelled) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("exit code %d: %v", fault.Code(err), err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it still waits")
	}
}

// answering is an access by the service, of which an answer is known.
type answering struct{ err error }

func (a answering) open(context.Context, disks.Disk) (*os.File, error) {
	return nil, udisksWords(a.err)
}
func (a answering) unmount(context.Context, string) error { return udisksWords(a.err) }
func (a answering) reread(*block) error                   { return nil }
