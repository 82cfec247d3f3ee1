package sshclient

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// newKey makes a key that nobody has.
func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// server is an ssh server on the loopback that lets one key in. It knows a
// few commands.
type server struct {
	host, user ssh.Signer
	addr       string

	mu    sync.Mutex
	sizes []string // of terminals, in order
	mute  bool     // answers no global requests
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{host: newKey(t), user: newKey(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.serve(t, l)
	return s
}

func (s *server) serve(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.conn(conn)
		}
	}()
}

func (s *server) options() Options {
	return Options{Addr: s.addr, User: "floe", Signers: []ssh.Signer{s.user}, HostKeys: []string{ssh.FingerprintSHA256(s.host.PublicKey())}}
}

func (s *server) conn(raw net.Conn) {
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(s.user.PublicKey().Marshal()) {
				return nil, fmt.Errorf("unknown key")
			}
			return nil, nil
		},
	}
	config.AddHostKey(s.host)
	_, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		raw.Close()
		return
	}
	go func() {
		for r := range requests {
			s.mu.Lock()
			mute := s.mute
			s.mu.Unlock()
			if r.WantReply && !mute {
				r.Reply(false, nil)
			}
		}
	}()
	for c := range channels {
		switch c.ChannelType() {
		case "session":
			channel, requests, err := c.Accept()
			if err == nil {
				go s.session(raw, channel, requests)
			}
		case "direct-streamlocal@openssh.com":
			go forward(c)
		default:
			c.Reject(ssh.UnknownChannelType, "no")
		}
	}
}

// forward connects a channel to a unix socket.
func forward(c ssh.NewChannel) {
	var ask struct {
		Path     string
		Reserved string
		Zero     uint32
	}
	if err := ssh.Unmarshal(c.ExtraData(), &ask); err != nil {
		c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	to, err := net.Dial("unix", ask.Path)
	if err != nil {
		c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { io.Copy(channel, to); channel.CloseWrite() }()
	io.Copy(to, channel)
	to.Close()
}

func (s *server) session(raw net.Conn, c ssh.Channel, requests <-chan *ssh.Request) {
	for r := range requests {
		switch r.Type {
		case "pty-req":
			n := binary.BigEndian.Uint32(r.Payload)
			dims := r.Payload[4+n:]
			s.size(dims)
			r.Reply(true, nil)
		case "window-change":
			s.size(r.Payload)
		case "shell":
			r.Reply(true, nil)
			go s.command(raw, c, "cat")
		case "exec":
			r.Reply(true, nil)
			go s.command(raw, c, string(r.Payload[4:]))
		default:
			if r.WantReply {
				r.Reply(false, nil)
			}
		}
	}
}

func (s *server) size(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, fmt.Sprintf("%dx%d", binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])))
}

// command is what the server's machine can do: "exit N", "echo WORDS", "cat",
// "sleep", "signal NAME", and "crash", which ends the connection.
func (s *server) command(raw net.Conn, c ssh.Channel, line string) {
	defer c.Close()
	name, rest, _ := strings.Cut(line, " ")
	var code uint32
	switch name {
	case "exit":
		fmt.Sscan(rest, &code)
		fmt.Fprint(c.Stderr(), "leaving")
	case "echo":
		fmt.Fprint(c, rest)
	case "cat":
		io.Copy(c, c)
	case "sleep":
		time.Sleep(time.Minute)
	case "signal":
		c.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name string
			Core bool
			Text string
			Lang string
		}{Name: rest}))
		return
	case "crash":
		raw.Close()
		return
	}
	c.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
}
