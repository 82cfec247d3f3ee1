// Package qmp is a small client for the QEMU Machine Protocol: JSON objects,
// one to a line, over a unix socket. It negotiates capabilities, runs one
// command after another and hands events on.
//
// It follows QEMU's docs/interop/qmp-spec.rst. It does not do out-of-band
// commands, file descriptor passing or schema introspection, and it knows
// nothing of machines: which commands make sense when is the caller's affair.
package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Version is QEMU's own version, from the greeting.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Micro int `json:"micro"`
}

// Event is something that QEMU tells unasked, such as SHUTDOWN or RESET.
type Event struct {
	Name string          // the event's name in QEMU's schema
	Time time.Time       // the host's clock at the moment of the event
	Data json.RawMessage // the event's own fields; may be nil
}

// Error is a command that QEMU refused.
type Error struct {
	Command string // the command's name
	Class   string // QEMU's error class: "GenericError", "CommandNotFound", …
	Desc    string // QEMU's words for a person
}

// Error gives QEMU's words with the command's name.
func (e *Error) Error() string { return fmt.Sprintf("QMP %s: %s", e.Command, e.Desc) }

// ErrClosed is given once the connection is gone, as it is when QEMU exits.
var ErrClosed = errors.New("the QMP connection is closed")

// Client is a connection to one QMP monitor. A monitor serves one client at
// a time: the next one waits in the socket's queue. It is safe for use by
// several goroutines.
type Client struct {
	conn    net.Conn
	version Version
	events  func(Event)

	calls   sync.Mutex // one command at a time
	replies chan reply
	gone    chan struct{}
	err     error // why the reader ended; set before gone is closed
}

// reply is any line from QEMU: a greeting, an answer or an event.
type reply struct {
	QMP *struct {
		Version struct {
			QEMU Version `json:"qemu"`
		} `json:"version"`
	} `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp struct {
		Seconds      int64 `json:"seconds"`
		Microseconds int64 `json:"microseconds"`
	} `json:"timestamp"`
}

// Dial connects to the monitor at a unix socket's path. See New.
func Dial(ctx context.Context, path string, events func(Event)) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return New(ctx, conn, events)
}

// New waits for the greeting on a fresh connection and negotiates
// capabilities. Each event is given to the function events, one after
// another and in QEMU's order; it may be nil, and it must not call back into
// the Client. New closes conn when it fails.
func New(ctx context.Context, conn net.Conn, events func(Event)) (*Client, error) {
	c := &Client{conn: conn, events: events, replies: make(chan reply, 1), gone: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r := bufio.NewReader(conn)
	hello, err := read(r)
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && hello.QMP == nil:
		err = errors.New("QMP: no greeting; this is not a QMP socket")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.version = hello.QMP.Version.QEMU
	go c.listen(r)
	if err := c.Run(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// read takes one line. A bare newline, which QEMU may send, is passed over.
func read(r *bufio.Reader) (reply, error) {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return reply{}, err
		}
		var m reply
		if len(line) <= 2 {
			continue
		}
		if err := json.Unmarshal(line, &m); err != nil {
			return reply{}, fmt.Errorf("QMP: %w in %q", err, line)
		}
		return m, nil
	}
}

func (c *Client) listen(r *bufio.Reader) {
	defer close(c.gone)
	defer c.conn.Close()
	for {
		m, err := read(r)
		if err != nil {
			c.err = ErrClosed
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				c.err = fmt.Errorf("%w: %w", ErrClosed, err)
			}
			return
		}
		if m.Event == "" {
			select {
			case c.replies <- m:
			default: // an answer that nobody asked for
			}
			continue
		}
		if c.events != nil {
			at := time.Unix(m.Timestamp.Seconds, m.Timestamp.Microseconds*1000)
			c.events(Event{Name: m.Event, Time: at, Data: m.Data})
		}
	}
}

// Version is the version of the QEMU at the other end.
func (c *Client) Version() Version { return c.version }

// Gone is closed when the connection has ended, for whatever reason.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Close ends the connection. QEMU goes on running.
func (c *Client) Close() error { return c.conn.Close() }
