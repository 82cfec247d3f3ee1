package qemu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A state file without a process is an intent: it is written before QEMU is
// started, so that no QEMU ever runs of which nothing is known. The floe that
// starts it holds the machine's lock, and writes down which process it came to be.
// Whoever finds an intent and gets that lock knows that this floe is gone, and looks
// for the process itself.

// intended says whether a state is an intent.
func (s State) intended() bool { return s.Process == Process{} }

// adopt finds the process of an intent, and writes it down. The caller holds the
// machine's lock.
func (s *State) adopt() bool {
	p, ok := s.find()
	if !ok {
		return false
	}
	s.Process = p
	_ = s.write() // otherwise the next floe finds it again
	return true
}

// adoptPatience is how long a process that has the machine's log may take to become
// the QEMU that was meant: it is about to, between fork(2) and the end of execve(2).
const adoptPatience = 2 * time.Second

// find looks for the process of an intent: its arguments are those that were written
// down. Its program may be another: a script that has become QEMU.
func (s State) find() (Process, bool) {
	if len(s.Argv) == 0 {
		return Process{}, false
	}
	want := s.Argv[1:]
	p, _, ok := s.Files.writer(func(has []string) bool {
		return len(has) > len(want) && slices.Equal(has[len(has)-len(want):], want)
	})
	return p, ok
}

// orphan is the state of a machine that runs and whose state file is damaged, as far as
// its QEMU tells it. The caller holds the machine's lock.
func (h Home) orphan(name string) (State, bool) {
	files := h.Files(name)
	control := "path=" + escape(files.Control)
	p, argv, ok := files.writer(func(has []string) bool {
		return slices.ContainsFunc(has, func(word string) bool { return strings.HasSuffix(word, control) })
	})
	if !ok {
		return State{}, false
	}
	s := State{Machine: Machine{Name: name}, Process: p, Argv: argv, Detached: true, Files: files, Started: time.Now()}
	if made, err := os.Stat(files.Orders); err == nil {
		s.Started = made.ModTime() // it was given its first order then
	}
	_ = s.write() // otherwise the next floe finds it again
	return s, true
}

// writer looks through the processes of this host for a machine's QEMU: what its program
// is called does not matter, but that it writes to the machine's log, as it does from its
// first moment on, and that its arguments are right.
func (f Files) writer(right func(argv []string) bool) (p Process, argv []string, ok bool) {
	log, err := os.Stat(f.Log)
	if err != nil {
		return Process{}, nil, false
	}
	for deadline := time.Now().Add(adoptPatience); ; time.Sleep(5 * time.Millisecond) {
		becoming := false
		for _, path := range glob("/proc/[0-9]*/fd/1") {
			out, err := os.Stat(path)
			if err != nil || !os.SameFile(out, log) {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			if err != nil {
				continue
			}
			p, err := Identify(pid)
			if argv := argumentsOf(pid); err == nil && right(argv) && p.Alive() {
				return p, argv, true
			}
			becoming = becoming || err == nil
		}
		if !becoming || time.Now().After(deadline) {
			return Process{}, nil, false
		}
	}
}

// argumentsOf are the words by which a process was started.
func argumentsOf(pid int) (argv []string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	for _, word := range bytes.Split(bytes.TrimSuffix(text, []byte{0}), []byte{0}) {
		argv = append(argv, string(word))
	}
	return argv
}

// askPorts learns which ports QEMU took, of a machine whose floe was killed before it
// knew, and writes them down. The caller holds the machine's lock. A QEMU that does
// not answer is asked again by the next floe.
func (s *State) askPorts() {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := connect(ctx, s.Files.Control, nil, nil)
	if err != nil {
		return
	}
	defer client.Close()
	if table, err := client.Monitor(ctx, "info usernet"); err == nil {
		s.Ports = parseUsernet(table)
		_ = s.write()
	}
}
