// Package sshclient is floe's own ssh client: it reaches machines that floe
// made, by key only, and trusts a machine only by a fingerprint that it
// learned elsewhere, such as from the machine's console.
//
// It does not read ~/.ssh/config or known_hosts, knows no passwords, and
// never asks a person anything. It needs no ssh program.
package sshclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/internal/fault"
)

// Options are whom to reach, as whom, and how to know them.
type Options struct {
	// Addr is "host:port".
	Addr string

	// User is the name on the far side.
	User string

	// Signers are the person's keys, tried in this order. Servers close
	// the connection after a handful of wrong ones, so the likely one
	// comes first.
	Signers []ssh.Signer

	// HostKeys are the fingerprints of the host keys that are accepted, as
	// ssh-keygen -l writes them: "SHA256:…". None at all is an error
	// unless AnyHostKey is set.
	HostKeys []string

	// AnyHostKey accepts whoever answers. It is for machines that have no
	// way to tell their key.
	AnyHostKey bool

	// KeepAlive is the time between signs of life asked of the far side;
	// after three without an answer the connection is closed. 0 asks for
	// none.
	KeepAlive time.Duration

	// Retried, if not nil, is told why an attempt failed that is followed
	// by another.
	Retried func(error)
}

// Errors in the chain of what Dial gives.
var (
	ErrHostKey = errors.New("the host key is not the machine's")
	ErrAuth    = errors.New("none of the keys is accepted")
)

// How attempts follow one another. A machine that is just starting may
// refuse connections, or take them and stay silent for as long as its network
// is not up: QEMU's user network accepts in the guest's stead. So an attempt
// is given up early when no greeting comes, a little later each time, and has
// longer once there was one, since a key exchange is slow under emulation.
const (
	firstPause, lastPause   = 50 * time.Millisecond, 500 * time.Millisecond
	firstHello, lastHello   = 300 * time.Millisecond, 8 * time.Second
	handshakeLimit          = 60 * time.Second
	growthNumer, growthDeno = 5, 4
)

// Dial connects and logs in. It tries until ctx ends, as long as the far side
// is not reached or breaks off; a wrong host key (fault.Verify) and keys that
// are not accepted (fault.Missing) end it at once. When ctx's time is over,
// the error is a fault.Network that says why the last attempt failed.
func Dial(ctx context.Context, o Options) (*Client, error) {
	if len(o.HostKeys) == 0 && !o.AnyHostKey {
		return nil, fault.New(fault.Usage, "connect by ssh to", o.Addr, errors.New("no host key to know the machine by"),
			"the machine tells its key on its console")
	}
	var last error
	pause, hello := firstPause, firstHello
	for {
		c, err := attempt(ctx, o, hello)
		if err == nil {
			return c, nil
		}
		if failed := final(o, err); failed != nil {
			return nil, failed
		}
		if !over(ctx) {
			last = err
			if o.Retried != nil {
				o.Retried(err)
			}
		}
		select {
		case <-ctx.Done():
			return nil, outOfTime(ctx, o, last)
		case <-time.After(pause):
		}
		pause = min(pause*growthNumer/growthDeno, lastPause)
		hello = min(hello*growthNumer/growthDeno, lastHello)
	}
}

// over says whether ctx's time is up, so that an attempt failed for that alone.
// The dialer reads the clock for itself, and may give up a moment before ctx
// says that it has ended.
func over(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(deadline)
}

// final makes the error of an attempt that no other can better, or nil.
func final(o Options, err error) error {
	switch {
	case errors.Is(err, ErrHostKey):
		return fault.New(fault.Verify, "connect by ssh to", o.Addr, err,
			"another machine answers there, or the machine was made anew: compare the key on its console")
	case errors.Is(err, ErrAuth):
		return fault.New(fault.Missing, "log in by ssh to "+o.Addr+" as", o.User, err,
			"build the image with the key that you log in with")
	}
	return nil
}

func outOfTime(ctx context.Context, o Options, last error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if last == nil {
		last = ctx.Err()
	}
	return fault.New(fault.Network, "connect by ssh to", o.Addr, fmt.Errorf("not reached in time; the last attempt: %w", last),
		"look at the machine's console for why its ssh server does not answer")
}

// attempt connects once. Its error has ErrHostKey or ErrAuth in its chain if
// it is that.
func attempt(ctx context.Context, o Options, hello time.Duration) (*Client, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn := &greeted{Conn: raw, in: bufio.NewReader(raw)}
	raw.SetDeadline(time.Now().Add(hello))
	if _, err := conn.in.Peek(1); err != nil {
		raw.Close()
		return nil, explain(err)
	}
	raw.SetDeadline(time.Now().Add(handshakeLimit))
	c := &Client{user: o.User, addr: o.Addr, parting: parting, done: make(chan struct{})}
	proved := false // the far side has shown that it has its host key
	config := &ssh.ClientConfig{
		User: o.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(o.Signers...)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			c.hostKey = ssh.FingerprintSHA256(key)
			c.publicKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
			if !o.AnyHostKey && !slices.Contains(o.HostKeys, c.hostKey) {
				return fmt.Errorf("%w: it shows %s, expected %s", ErrHostKey, c.hostKey, strings.Join(o.HostKeys, " or "))
			}
			proved = true
			return nil
		},
		HostKeyAlgorithms: hostKeyAlgorithms(),
		ClientVersion:     "SSH-2.0-floe",
	}
	sshConn, channels, requests, err := ssh.NewClientConn(conn, o.Addr, config)
	if err != nil {
		raw.Close()
		if proved && refused(err) {
			err = fmt.Errorf("%w: %s", ErrAuth, tried(o.Signers))
		}
		return nil, explain(err)
	}
	raw.SetDeadline(time.Time{})
	c.ssh = ssh.NewClient(sshConn, channels, requests)
	go c.watch(o.KeepAlive)
	return c, nil
}

// hostKeyAlgorithms puts Ed25519 first: where a machine has several host
// keys, it is that one whose fingerprint is told.
func hostKeyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// refused says whether a handshake ended by the far side's will rather than
// by the loss of the connection.
func refused(err error) bool {
	var network net.Error
	return !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.As(err, &network)
}

// tried lists the keys that were offered.
func tried(signers []ssh.Signer) string {
	if len(signers) == 0 {
		return "there is no key to offer"
	}
	list := make([]string, len(signers))
	for i, s := range signers {
		list[i] = ssh.FingerprintSHA256(s.PublicKey())
	}
	return "offered " + strings.Join(list, ", ")
}

// explain puts what the net package says in a person's words.
func explain(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
		return fmt.Errorf("the connection was closed before the login: %w", err)
	case errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("it was silent: %w", err)
	}
	return err
}

// greeted is a connection of which a first byte was looked at.
type greeted struct {
	net.Conn
	in *bufio.Reader
}

// Read reads what was looked at first.
func (g *greeted) Read(p []byte) (int, error) { return g.in.Read(p) }
