package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"floe/internal/fault"
)

// reset undoes what a display does to a terminal, whatever of it was done:
// colours, keyboard modes, the alternate screen, the hidden cursor, bracketed
// paste, held back drawing, the title.
const reset = "\x1b[m\x1b[>4m\x1b[<1u\r\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?2026l\x1b]2;\x07"

// KeepTerminal is the keeper's process. It waits for the end of the one that
// started it. If that comes without a word, or with what Go says of a panic,
// it gives the terminal back and says what there is to say.
func KeepTerminal(terminal, from *os.File, env []string) {
	// Whatever ends the display must not end what tidies up after it.
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP, unix.SIGTTOU, unix.SIGTTIN, unix.SIGPIPE)
	in := bufio.NewReaderSize(from, 1) // what is read ahead lets the other end go on
	var told keeping
	header, err := in.ReadBytes('\n')
	if err != nil || json.Unmarshal(header, &told) != nil {
		return
	}
	first, err := in.ReadByte()
	if err == nil && first == bye {
		return
	}
	told.giveBack(terminal)
	styles := NewStyles(Detect(terminal, env))
	if err != nil { // not a word
		if !background(terminal) { // or else a shell has said so
			Error(terminal, styles, fault.New(fault.Build, "go on", "", errors.New("floe was killed"), keptAnswers), "")
		}
		return
	}
	_ = in.UnreadByte()
	report, path := told.report()
	defer report.Close()
	Error(terminal, styles, broken(errors.New(headOf(in, report))), path)
	_, _ = io.Copy(report, in)
}

// giveBack makes the terminal what it was. Where a shell has it again already,
// its modes are the shell's.
func (k keeping) giveBack(terminal *os.File) {
	if !background(terminal) {
		_ = unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, &k.Before)
	}
	_, _ = io.WriteString(terminal, reset)
}

// report opens the file for what is said. Where there can be none, it goes
// nowhere.
func (k keeping) report() (to io.WriteCloser, path string) {
	if k.Report != "" && os.MkdirAll(filepath.Dir(k.Report), 0o700) == nil {
		if f, err := os.OpenFile(k.Report, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err == nil {
			return f, k.Report
		}
	}
	return nowhere{io.Discard}, ""
}

// nowhere is a report that is not kept.
type nowhere struct{ io.Writer }

// Close does nothing.
func (nowhere) Close() error { return nil }

// headOf reads, and copies, what stands above the first goroutine's stack: why
// the program ended.
func headOf(in *bufio.Reader, to io.Writer) string {
	var head bytes.Buffer
	for {
		line, err := in.ReadString('\n')
		_, _ = io.WriteString(to, line)
		if err != nil || strings.HasPrefix(line, "goroutine ") {
			return strings.TrimSpace(head.String())
		}
		head.WriteString(line)
	}
}

// keptAnswers is the comfort in an error of floe's own.
const keptAnswers = "Finished stages and your answers are kept; starting floe again goes on from there."

// broken is the error for a panic.
func broken(why error) error {
	return fault.New(fault.Build, "go on", "", why, "This is an error in floe itself. "+keptAnswers)
}
