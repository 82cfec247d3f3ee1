package sshclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/internal/fault"
)

// Client is a connection to a machine on which commands run. It is safe for
// use by several goroutines.
type Client struct {
	ssh       *ssh.Client
	user      string
	addr      string
	hostKey   string
	publicKey string // the same, whole
	parting   time.Duration
	done      chan struct{}
	once      sync.Once
}

// HostKey is the fingerprint of the key that the machine showed.
func (c *Client) HostKey() string { return c.hostKey }

// PublicHostKey is that key, as a line of authorized_keys(5) has it; what
// known_hosts wants behind the machine's name.
func (c *Client) PublicHostKey() string { return c.publicKey }

// SSH is the connection itself, for what this package has no word for.
func (c *Client) SSH() *ssh.Client { return c.ssh }

// Close ends the connection and every command on it.
func (c *Client) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.ssh.Close()
}

// Wait waits until the connection has ended, as it does when the machine is
// powered off.
func (c *Client) Wait() { c.ssh.Wait() } // how it ended makes no difference

// missedAnswers is after how many signs of life without an answer a
// connection is taken for dead.
const missedAnswers = 3

// watch asks for signs of life.
func (c *Client) watch(every time.Duration) {
	if every <= 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	answers := make(chan error, missedAnswers)
	asked := 0
	for {
		select {
		case <-c.done:
			return
		case err := <-answers:
			if err != nil {
				return
			}
			asked = 0
		case <-tick.C:
			if asked == missedAnswers {
				c.ssh.Close()
				return
			}
			asked++
			// Any answer will do: a server that does not know the
			// request says so.
			go func() {
				_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
				answers <- err
			}()
		}
	}
}

// Result is what came of a command.
type Result struct {
	Stdout, Stderr []byte
	Code           int // the exit status; 128 and the signal's number for a command that a signal ended
}

// Run runs a command, given to the far side's shell as one line, and waits
// for it. A status other than 0 is no error.
func (c *Client) Run(ctx context.Context, command string) (Result, error) {
	var out, errs bytes.Buffer
	code, err := c.Stream(ctx, command, Streams{Out: &out, Err: &errs})
	return Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Code: code}, err
}

// Streams are a command's input and outputs; each may be nil.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Stream runs a command with the person's own streams, and gives its exit
// status. A connection that is lost before there is one is a fault.Network
// and the status -1. When ctx ends, so does the command, if the far side
// heeds that its channel is closed. One that does not answer to that, as a
// machine that hangs, loses the connection.
//
// It returns without waiting for a Read of In that is under way.
func (c *Client) Stream(ctx context.Context, command string, s Streams) (int, error) {
	return c.session(ctx, s, func(session *ssh.Session) error { return session.Start(command) })
}

// parting is how long the far side may take to say that a command which was
// given up has ended.
const parting = 10 * time.Second

// giveUp closes the connection if ctx ends and the far side is silent for the
// time of parting after that: each of a session's steps waits for its answer,
// with no limit of its own. It does so until settled is called.
func (c *Client) giveUp(ctx context.Context) (settled func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-ended:
		case <-time.After(c.parting):
			c.ssh.Close()
		}
	})
	return func() {
		stop()
		close(ended)
	}
}

// session runs what start starts to its end.
func (c *Client) session(ctx context.Context, s Streams, start func(*ssh.Session) error) (int, error) {
	if err := ctx.Err(); err != nil {
		return -1, err
	}
	defer c.giveUp(ctx)()
	session, err := c.ssh.NewSession()
	if err != nil {
		return -1, c.lost(ctx, err)
	}
	defer session.Close()
	stop := context.AfterFunc(ctx, func() {
		session.Signal(ssh.SIGKILL) // not every server knows signals
		session.Close()
	})
	defer stop()
	session.Stdout, session.Stderr = s.Out, s.Err
	// With session.Stdin the end would wait for In's end, which for a
	// terminal never comes.
	in, err := session.StdinPipe()
	if err != nil {
		return -1, err
	}
	if err := start(session); err != nil {
		return -1, c.lost(ctx, err)
	}
	go func() {
		if s.In != nil {
			io.Copy(in, s.In)
		}
		in.Close()
	}()
	return c.status(ctx, session.Wait())
}

// status makes an exit status of what Wait says.
func (c *Client) status(ctx context.Context, err error) (int, error) {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil:
		return -1, ctx.Err()
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	}
	return -1, c.lost(ctx, err)
}

func (c *Client) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var missing *ssh.ExitMissingError
	if errors.As(err, &missing) || errors.Is(err, io.EOF) {
		err = errors.New("the connection was lost")
	}
	return fault.New(fault.Network, "run a command on", c.addr, err, "")
}

// DialUnix connects to a unix socket of the machine, by its path there
// (direct-streamlocal@openssh.com in OpenSSH's PROTOCOL file).
func (c *Client) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	conn, err := c.ssh.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fault.New(fault.Network, "connect through ssh to", path, err, "")
	}
	return conn, nil
}

// DialTCP connects to a TCP address as the machine sees it.
func (c *Client) DialTCP(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := c.ssh.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fault.New(fault.Network, "connect through ssh to", addr, err, "")
	}
	return conn, nil
}
