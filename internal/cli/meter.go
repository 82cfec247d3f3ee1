package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/qemu"
)

// meter reads, over ssh, how much memory is in use in a machine. It logs in
// with floe's own key only: an agent might ask the person for every use of
// theirs. Where that key may not log in, there is nothing to be read.
//
// Since it is there anyway, it sees for itself that ssh and the runtimes answer, of which
// the console only says that they are about to.
type meter struct {
	r        *qemu.Running
	since    func() time.Time // when it was started or last reset
	runtimes []string         // that are on the image

	mu       sync.Mutex
	used     int                      // MiB; 0: not known
	answered map[qemu.Stage]time.Time // what was asked, and when it answered first
	drop     context.CancelFunc
}

// gauge prints MemTotal and MemAvailable, in KiB, every second. It starts no
// program but sleep.
const gauge = `while :; do
	while read -r key value _; do
		case $key in
			MemTotal:) total=$value ;;
			MemAvailable:) echo "$total $value"; break ;;
		esac
	done </proc/meminfo
	sleep 1 || exit
done`

// meterPause is between attempts.
const meterPause = 2 * time.Second

func newMeter(ctx context.Context, r *qemu.Running, runtimes []string) *meter {
	m := &meter{r: r, since: r.Since, runtimes: runtimes, answered: map[qemu.Stage]time.Time{}, drop: func() {}}
	go func() {
		for ctx.Err() == nil {
			m.follow(ctx)
			m.set(0)
			select {
			case <-ctx.Done():
			case <-r.Ended():
				return
			case <-time.After(meterPause):
			}
		}
	}()
	return m
}

// follow reads until the connection ends.
func (m *meter) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.mu.Lock()
	m.drop = cancel
	m.mu.Unlock()
	if _, err := m.r.Reached(ctx, qemu.SSHReady); err != nil {
		return
	}
	client, err := dial(ctx, m.r)
	if errors.Is(err, sshclient.ErrAuth) { // it answers, and what it will not let in cannot ask more
		m.answers(qemu.SSHReady)
		m.answers(qemu.Runtime)
	}
	if err != nil {
		return
	}
	defer client.Close()
	m.answers(qemu.SSHReady)
	go m.ask(ctx)
	in, out := io.Pipe()
	go func() {
		_, err := client.Stream(ctx, gauge, sshclient.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard})
		out.CloseWithError(err)
	}()
	defer in.Close()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		total, available, _ := strings.Cut(lines.Text(), " ")
		t, err1 := strconv.Atoi(total)
		a, err2 := strconv.Atoi(available)
		if err1 == nil && err2 == nil {
			m.set((t - a) / 1024)
		}
	}
}

// ask waits until all runtimes answer.
func (m *meter) ask(ctx context.Context) {
	if _, err := m.r.Reached(ctx, qemu.Runtime); err != nil {
		return
	}
	quiet := report.Start(report.Func(func(report.Event) {}), "", "")
	client, _, err := ready(ctx, m.r, m.runtimes, quiet)
	if err != nil {
		return
	}
	client.Close()
	m.answers(qemu.Runtime)
}

// answers notes that something answers, the first time since the machine was reset.
func (m *meter) answers(stage qemu.Stage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answered[stage].Before(m.since()) {
		m.answered[stage] = time.Now()
	}
}

// confirms tells when a milestone of which the console told was seen to be true, if it
// was. Those before ssh are the console's alone.
func (m *meter) confirms(told qemu.Milestone) (at time.Duration, ok bool) {
	if told.Stage != qemu.SSHReady && told.Stage != qemu.Runtime {
		return told.At, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at = m.answered[told.Stage].Sub(m.since())
	return max(at, told.At), at > 0
}

func (m *meter) set(used int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used = used
}

// read gives the MiB in use; 0 if that is not known.
func (m *meter) read() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// forget drops the connection: the machine at its end starts anew.
func (m *meter) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used = 0
	m.drop()
}
