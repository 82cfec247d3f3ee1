package assemble_test

import (
	"net"
	"strings"
	"testing"
	"time"
)

// logServer hears what a machine logs to this host. It listens all the time: the
// kernel keeps a few hundred messages for somebody who does not, and drops the rest.
type logServer struct {
	t     *testing.T
	port  string
	heard chan string // closed when it hears no more
}

func listen(t *testing.T) *logServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	l := &logServer{t, port, make(chan string, 10000)}
	go func() {
		defer close(l.heard)
		buf := make([]byte, 4096)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			l.heard <- string(buf[:n])
		}
	}()
	return l
}

// hear waits for a text.
func (l *logServer) hear(text string) {
	l.t.Helper()
	late := time.After(20 * time.Second)
	for count := 0; ; count++ {
		select {
		case message, more := <-l.heard:
			if strings.Contains(message, text) {
				return
			}
			if !more {
				l.t.Errorf("%q was not sent before the end", text)
				return
			}
		case <-late:
			l.t.Errorf("%q was not among the %d messages that were sent", text, count)
			return
		}
	}
}
