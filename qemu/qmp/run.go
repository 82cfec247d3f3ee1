package qmp

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Run executes a command. args is anything that encoding/json makes an
// object of, or nil; the answer goes to result unless that is nil. A refused
// command is an *Error; a vanished QEMU is ErrClosed.
//
// A context that ends while the answer is awaited closes the connection: the
// answer, arriving later, would be taken for the next command's.
func (c *Client) Run(ctx context.Context, command string, args, result any) error {
	c.calls.Lock()
	defer c.calls.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.conn.SetWriteDeadline(deadline)
		defer c.conn.SetWriteDeadline(time.Time{})
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		c.conn.Close()
		<-c.gone
		return c.err
	}
	select {
	case m := <-c.replies:
		return m.into(command, result)
	case <-c.gone:
		select {
		case m := <-c.replies: // the last words before the end
			return m.into(command, result)
		default:
			return c.err
		}
	case <-ctx.Done():
		c.conn.Close()
		return ctx.Err()
	}
}

func (m reply) into(command string, result any) error {
	if m.Error != nil {
		return &Error{Command: command, Class: m.Error.Class, Desc: m.Error.Desc}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Return, result); err != nil {
		return fmt.Errorf("QMP %s: its answer: %w", command, err)
	}
	return nil
}

// Status is the run state of the machine: "running", "paused", "shutdown",
// "guest-panicked", … (RunState in QEMU's schema).
func (c *Client) Status(ctx context.Context) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	err := c.Run(ctx, "query-status", nil, &s)
	return s.Status, err
}

// Powerdown presses the machine's power button. What comes of it is up to
// the system that runs in it.
func (c *Client) Powerdown(ctx context.Context) error {
	return c.Run(ctx, "system_powerdown", nil, nil)
}

// Reset presses the machine's reset button.
func (c *Client) Reset(ctx context.Context) error {
	return c.Run(ctx, "system_reset", nil, nil)
}

// Quit ends QEMU at once, as if the plug were pulled. That QEMU closes the
// connection before it answers counts as done.
func (c *Client) Quit(ctx context.Context) error {
	err := c.Run(ctx, "quit", nil, nil)
	select {
	case <-c.gone:
		return nil
	default:
		return err
	}
}

// Monitor runs a command of the human monitor and gives what it prints. It
// serves what has no QMP command of its own, such as "info usernet".
func (c *Client) Monitor(ctx context.Context, line string) (string, error) {
	var out string
	err := c.Run(ctx, "human-monitor-command", map[string]string{"command-line": line}, &out)
	return out, err
}
