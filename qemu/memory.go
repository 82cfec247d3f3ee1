package qemu

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"floe/internal/fault"
)

// qemuOverhead is what QEMU itself takes besides the guest's memory, in MiB:
// its heap, the firmware and, under emulation, translated code.
const qemuOverhead = 128

// CheckMemory compares what a machine needs with the memory that the host has
// available, by the kernel's own estimate (MemAvailable in the file meminfo,
// "" for /proc/meminfo). More than there is is a fault.Missing; if little
// would be left for the host, the warning says so.
func CheckMemory(m Machine, meminfo string) (warning string, err error) {
	if meminfo == "" {
		meminfo = "/proc/meminfo"
	}
	available, err := memAvailable(meminfo)
	if err != nil {
		return "cannot see how much memory this host has available: " + err.Error(), nil
	}
	need := m.Memory + qemuOverhead
	switch {
	case need > available:
		return "", fault.New(fault.Missing, "start machine", m.Name,
			fmt.Errorf("it wants %d MiB of memory and QEMU about %d more, but this host has %d MiB available", m.Memory, qemuOverhead, available),
			"give the machine less memory, or close something else")
	case available-need < available/10:
		return fmt.Sprintf("the machine's %d MiB leave this host %d MiB of memory", m.Memory, available-need), nil
	}
	return "", nil
}

// memAvailable reads MemAvailable in MiB.
func memAvailable(meminfo string) (int, error) {
	f, err := os.Open(meminfo)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "MemAvailable:")
		if !ok {
			continue
		}
		kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		if err != nil {
			return 0, fmt.Errorf("%s: %w", meminfo, err)
		}
		return kib / 1024, nil
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%s has no line MemAvailable", meminfo)
}
