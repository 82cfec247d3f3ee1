package qemu

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Since is when the machine was started, or was last reset: what the times of
// its milestones count from.
func (r *Running) Since() time.Time {
	r.scribe.mu.Lock()
	defer r.scribe.mu.Unlock()
	return r.scribe.since
}

// HostMemory is how much of the host's memory QEMU takes, in MiB: VmRSS of
// proc_pid_status(5). It is 0 where that cannot be known.
func (r *Running) HostMemory() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.State().Process.PID))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			return 0
		}
		return kib / 1024
	}
	return 0
}

// Size is how much the machine has said so far, in bytes.
func (c *Console) Size() int64 {
	st, err := os.Stat(c.path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// Beginning gives an offset for Follow or Attach: where the last n lines begin
// of what the machine has said so far. It looks back 64 KiB at most.
func (c *Console) Beginning(n int) int64 {
	const reach = 64 << 10
	f, err := os.Open(c.path)
	if err != nil {
		return 0
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0
	}
	from := max(0, st.Size()-reach)
	text := make([]byte, st.Size()-from)
	if _, err := f.ReadAt(text, from); err != nil {
		return st.Size()
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] != '\n' {
			continue
		}
		if n--; n < 0 {
			return from + int64(i) + 1
		}
	}
	return from
}
