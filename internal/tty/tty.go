// Package tty lends the person's terminal to something that wants all its
// keys, such as a shell on a machine or a machine's console, and takes it
// back as it was.
//
// It draws nothing and knows no keys.
package tty

import (
	"errors"
	"os"
	"os/signal"
	"sync"

	"github.com/muesli/cancelreader"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"floe/internal/sshclient"
)

// Lent is a terminal in raw mode: every key is a byte, Ctrl-C too.
type Lent struct {
	in      *os.File
	out     *os.File
	reader  cancelreader.CancelReader
	before  *term.State
	winch   chan os.Signal
	resized chan sshclient.Size
	quit    chan struct{}
	once    sync.Once
	err     error
	reading sync.Mutex // held while a Read is under way
}

// ErrNoTerminal is given where in or out is not a terminal.
var ErrNoTerminal = errors.New("not a terminal")

// Borrow puts a terminal into raw mode. Return gives it back; it must be
// called in every case, a panic's too.
func Borrow(in, out *os.File) (*Lent, error) {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, ErrNoTerminal
	}
	reader, err := cancelreader.NewReader(in)
	if err != nil {
		return nil, err
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		reader.Close()
		return nil, err
	}
	l := &Lent{
		in: in, out: out, reader: reader, before: before,
		winch: make(chan os.Signal, 1), resized: make(chan sshclient.Size, 1), quit: make(chan struct{}),
	}
	signal.Notify(l.winch, unix.SIGWINCH)
	go l.watch()
	return l, nil
}

// Read reads what is typed. Once the terminal is returned it fails, and what
// is typed from then on is left for the next reader.
func (l *Lent) Read(p []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	select {
	case <-l.quit:
		return 0, cancelreader.ErrCanceled
	default:
		return l.reader.Read(p)
	}
}

// Write shows bytes as they are.
func (l *Lent) Write(p []byte) (int, error) { return l.out.Write(p) }

// Size is the terminal's size now; zero if it does not tell, as on a serial
// line.
func (l *Lent) Size() sshclient.Size {
	w, h, err := term.GetSize(int(l.out.Fd()))
	if err != nil {
		return sshclient.Size{}
	}
	return sshclient.Size{Width: w, Height: h}
}

// Resized tells each new size, and is closed when the terminal is returned.
func (l *Lent) Resized() <-chan sshclient.Size { return l.resized }

// Return gives the terminal back as it was.
func (l *Lent) Return() error {
	l.once.Do(func() {
		signal.Stop(l.winch)
		close(l.quit)
		if l.reader.Cancel() {
			l.reading.Lock() // the Read that was under way has ended
			defer l.reading.Unlock()
			l.reader.Close()
		}
		l.err = term.Restore(int(l.in.Fd()), l.before)
	})
	return l.err
}

func (l *Lent) watch() {
	defer close(l.resized)
	for {
		select {
		case <-l.quit:
			return
		case <-l.winch:
		}
		select {
		case l.resized <- l.Size():
		case <-l.quit:
			return
		}
	}
}

// Terminal is the lent terminal as the near end of an ssh session.
func (l *Lent) Terminal() sshclient.Terminal {
	return sshclient.Terminal{
		Streams: sshclient.Streams{In: l, Out: l, Err: l},
		Name:    os.Getenv("TERM"),
		Size:    l.Size(),
		Resized: l.Resized(),
	}
}
