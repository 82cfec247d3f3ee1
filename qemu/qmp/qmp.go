// Package qmp is a small client for the QEMU Machine Protocol: JSON objects,
// one to a line. It negotiates capabilities over a unix socket and runs one
// command after another; it reads events from a monitor that writes to a file.
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
)

// Version is QEMU's own version, from the greeting.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Micro int `json:"micro"`
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
	Timestamp timestamp       `json:"timestamp"`
}

// Dial connects to the monitor at a unix socket's path. See New.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return New(ctx, conn)
}

// New waits for the greeting on a fresh connection and negotiates
// capabilities. Events are passed over. New closes conn when it fails.
func New(ctx context.Context, conn net.Conn) (*Client, error) {
	c := &Client{conn: conn, replies: make(chan reply, 1), gone: make(chan struct{})}
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
	if err := c.Run(ctx, negotiation, nil, nil); err != nil {
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
		if m.Event != "" {
			continue
		}
		select {
		case c.replies <- m:
		default: // an answer that nobody asked for
		}
	}
}

// Version is the version of the QEMU at the other end.
func (c *Client) Version() Version { return c.version }

// Close ends the connection. QEMU goes on running.
func (c *Client) Close() error { return c.conn.Close() }
