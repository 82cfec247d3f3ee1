package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"floe/ui"
)

// hands take the signals that end floe while the wizard runs. Keys make none
// then, except while a machine is being started on the lent terminal: ctrl+c
// there means that, not the wizard.
type hands struct {
	signals chan os.Signal
	cancel  context.CancelFunc

	mu     sync.Mutex
	trying context.CancelFunc // of what has the terminal; nil: the wizard has it
}

// takeHands gives a context that outlives the interruption of what has the
// terminal lent, and is cancelled by every other signal.
func takeHands(parent context.Context) (context.Context, *hands) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	h := &hands{signals: make(chan os.Signal, 4), cancel: cancel}
	signal.Notify(h.signals, ui.Heeded(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)...)
	go func() {
		for s := range h.signals {
			h.take(s)
		}
	}()
	return ctx, h
}

func (h *hands) take(s os.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s == syscall.SIGINT && h.trying != nil {
		h.trying()
		return
	}
	h.cancel()
}

// lend gives a context for what has the terminal until the function is called.
func (h *hands) lend(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trying = cancel
	return ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.trying = nil
		cancel()
	}
}

// Close gives the signals back.
func (h *hands) Close() {
	signal.Stop(h.signals)
	close(h.signals)
	h.cancel()
}
