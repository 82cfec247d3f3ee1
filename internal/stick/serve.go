package stick

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/report"
)

// longestOrder is how long an order may be, in bytes.
const longestOrder = 64 << 10

// reply is one line that the elevated child says. Exactly one field is set,
// and the last line is a Result or a Failure.
type reply struct {
	Ready   bool          `json:"ready,omitempty"`
	Event   *report.Event `json:"event,omitempty"`
	Result  *Result       `json:"result,omitempty"`
	Failure *failure      `json:"failure,omitempty"`
}

// failure is an error on its way to the person's process.
type failure struct {
	Code int    `json:"code"`
	Op   string `json:"op"`
	On   string `json:"on,omitempty"`
	Why  string `json:"why,omitempty"`
	Hint string `json:"hint,omitempty"`
}

func fail(err error) *failure {
	f := &failure{Code: fault.Code(err), Op: err.Error(), Hint: fault.Hint(err)}
	if e, ok := errors.AsType[*fault.Error](err); ok && error(e) == err {
		f.Op, f.On, f.Why = e.Op, e.On, ""
		if e.Err != nil {
			f.Why = e.Err.Error()
		}
	}
	return f
}

func (f failure) error() error {
	why := errors.New(f.Why)
	switch {
	case f.Code == int(fault.Cancelled):
		why = context.Canceled
	case f.Why == "":
		why = nil
	}
	return fault.New(fault.Class(f.Code), f.Op, f.On, why, f.Hint)
}

// Serve is the elevated child: it says that it is ready, takes one order as a
// line of JSON, checks everything again, writes, and tells what happens as
// lines of JSON. The end of the input cancels. It gives the exit code.
//
// Nothing of the order is trusted: it says what to write where, and every rule
// holds for it as for the person. What the system needs is found here; the order
// may add to that and take nothing away. The image is read with the rights of whoever
// had the child elevated: who gives the order may have been let through for this
// command alone, and gets no file of somebody else's onto a disk by it.
func Serve(ctx context.Context, in io.Reader, out io.Writer, s disks.System) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	enc := json.NewEncoder(out)
	say := func(r reply) {
		mu.Lock()
		defer mu.Unlock()
		if enc.Encode(r) != nil {
			cancel() // nobody listens any more
		}
	}
	say(reply{Ready: true})
	lines := bufio.NewReaderSize(in, longestOrder)
	o, err := takeOrder(lines)
	if err == nil {
		go func() {
			_, _ = io.Copy(io.Discard, lines)
			cancel()
		}()
		var result Result
		result, err = write(ctx, o, s, root{}, caller(), report.Func(func(e report.Event) { say(reply{Event: &e}) }), func() error { return dropTo(caller()) })
		if err == nil {
			say(reply{Result: &result})
			return 0
		}
	}
	say(reply{Failure: fail(err)})
	return fault.Code(err)
}

// takeOrder reads one line that is an order and nothing else.
func takeOrder(in *bufio.Reader) (o Order, err error) {
	bad := func(err error) error {
		return fault.New(fault.Usage, "understand the order to write", "", err, "This command is floe's own; 'floe write' is yours.")
	}
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return o, bad(fmt.Errorf("it is longer than %d bytes", longestOrder))
	case err != nil:
		return o, bad(errors.New("none came"))
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return o, bad(err)
	}
	if dec.More() {
		return o, bad(errors.New("there is more than one"))
	}
	return o, o.check()
}

// IsRoot tells whether this process may write to disks by itself.
func IsRoot() bool { return os.Geteuid() == 0 }
