package sshclient

import (
	"context"

	"golang.org/x/crypto/ssh"
)

// Size is a terminal's size in characters.
type Size struct{ Width, Height int }

// Terminal is the near end of a session with a terminal of its own on the far
// side. The near side's terminal, if there is one, is in raw mode by then.
type Terminal struct {
	Streams
	Name    string      // $TERM on the far side; "" is "vt100"
	Size    Size        // to begin with; zero is 80 by 24
	Resized <-chan Size // may be nil
}

// Shell runs the user's login shell, or the command if it is not empty, in a
// terminal of its own, and gives its exit status. See Stream for the rest.
func (c *Client) Shell(ctx context.Context, command string, t Terminal) (int, error) {
	if t.Name == "" {
		t.Name = "vt100"
	}
	if t.Size.Width <= 0 || t.Size.Height <= 0 {
		t.Size = Size{Width: 80, Height: 24}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return c.session(ctx, t.Streams, func(s *ssh.Session) error {
		if err := s.RequestPty(t.Name, t.Size.Height, t.Size.Width, ssh.TerminalModes{}); err != nil {
			return err
		}
		go resize(ctx, s, t.Resized)
		if command == "" {
			return s.Shell()
		}
		return s.Start(command)
	})
}

// resize hands on changes of the near terminal's size.
func resize(ctx context.Context, s *ssh.Session, sizes <-chan Size) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			if size.Width > 0 && size.Height > 0 && s.WindowChange(size.Height, size.Width) != nil {
				return
			}
		}
	}
}
