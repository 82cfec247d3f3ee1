package qemu

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"floe/qemu/qmp"
)

// Ending is how a machine ended.
type Ending string

// The endings. "" means that it has not ended, or never ran.
const (
	PoweredOff Ending = "powered off" // by the guest, asked or not
	Rebooted   Ending = "rebooted"    // with NoReboot
	Panicked   Ending = "panicked"    // the guest's kernel
	Quit       Ending = "quit"        // QEMU was told to, as if the plug were pulled
	Terminated Ending = "terminated"  // QEMU got SIGTERM or SIGINT
	Killed     Ending = "killed"      // QEMU got SIGKILL from this floe, or SIGTERM before it listened
	Died       Ending = "died"        // QEMU ended with an error, or was killed by another
)

// endings are QEMU's ShutdownCause values.
func endings() map[string]Ending {
	return map[string]Ending{
		"guest-shutdown": PoweredOff, "guest-reset": Rebooted, "guest-panic": Panicked,
		"host-qmp-quit": Quit, "host-signal": Terminated, "host-qmp-system-reset": Rebooted,
	}
}

// ends gives how an event ends the machine; "" for one that does not.
func ends(e qmp.Event) Ending {
	switch e.Name {
	case "GUEST_PANICKED":
		return Panicked
	case "SHUTDOWN":
		var data struct {
			Reason string `json:"reason"`
		}
		if json.Unmarshal(e.Data, &data) == nil {
			return endings()[data.Reason]
		}
	}
	return ""
}

// ending gives how QEMU told that the machine ended, and when; "" if it did
// not come to that.
func (f Files) ending() (how Ending, at time.Time) {
	in, err := os.Open(f.Events)
	if err != nil {
		return "", time.Time{}
	}
	defer in.Close()
	// A file that breaks off told what it told.
	_ = qmp.Events(in, func(e qmp.Event) {
		if how == "" { // a panic comes before the shutdown for it
			how, at = ends(e), e.Time
		}
	})
	return how, at
}

// LastEnding is how a machine that does not run ended, and when: a fact that
// outlives QEMU and every floe. Died means that QEMU told nothing, as when it was
// killed or this host went down; there is no time then.
func (h Home) LastEnding(name string) (Ending, time.Time) {
	files := h.Files(name)
	if st, err := os.Stat(files.Events); err != nil || st.Size() == 0 {
		return "", time.Time{}
	}
	how, at := files.ending()
	if how == "" {
		return Died, time.Time{}
	}
	return how, at
}

// events is what QEMU tells of the machine, to be followed.
func (r *Running) events() *Console { return &Console{path: r.files.Events, ended: r.ended} }

// takeEvents takes in what QEMU tells while the machine runs.
func (r *Running) takeEvents(in io.Reader) {
	_ = qmp.Events(in, func(e qmp.Event) {
		switch e.Name {
		case "": // the first line, once
			close(r.negotiated)
		case "RESET":
			r.scribe.restart(e.Time)
		}
	})
}
