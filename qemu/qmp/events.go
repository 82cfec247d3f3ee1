package qmp

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// negotiation is the command that ends the capabilities negotiation. A monitor
// tells no events before.
const negotiation = "qmp_capabilities"

// Negotiation is what a monitor reads that writes to a file: it tells events
// from then on, to nobody in particular.
const Negotiation = `{"execute": "` + negotiation + `"}` + "\n"

// Event is something that QEMU tells unasked, such as SHUTDOWN or RESET.
type Event struct {
	Name string          // the event's name in QEMU's schema; "" for the answer to Negotiation
	Time time.Time       // the host's clock at the moment of the event
	Data json.RawMessage // the event's own fields; may be nil
}

type timestamp struct {
	Seconds      int64 `json:"seconds"`
	Microseconds int64 `json:"microseconds"`
}

// Events reads what such a monitor wrote, to its end, and gives each event to
// the function each, in QEMU's order. A line that QEMU did not come to the end
// of is left out.
func Events(from io.Reader, each func(Event)) error {
	for r := bufio.NewReader(from); ; {
		m, err := read(r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Event != "" || m.Return != nil:
			each(Event{m.Event, time.Unix(m.Timestamp.Seconds, m.Timestamp.Microseconds*1000), m.Data})
		}
	}
}
