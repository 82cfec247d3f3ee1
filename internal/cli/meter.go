package cli

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"floe/internal/sshclient"
	"floe/qemu"
)

// meter reads, over ssh, how much memory is in use in a machine. It logs in
// with floe's own key only: an agent might ask the person for every use of
// theirs. Where that key may not log in, there is nothing to be read.
type meter struct {
	r *qemu.Running

	mu   sync.Mutex
	used int // MiB; 0: not known
	drop context.CancelFunc
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

func newMeter(ctx context.Context, r *qemu.Running) *meter {
	m := &meter{r: r, drop: func() {}}
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
	if err != nil {
		return
	}
	defer client.Close()
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
