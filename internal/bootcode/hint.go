package bootcode

import (
	"fmt"
	"slices"
	"strings"

	"floe/internal/nearest"
)

// Hints tells of words of a line that are no boot codes but look like one, and
// of codes that cancel each other out. Nothing of that is an error: the kernel
// has many more words than this table. Of a line that is none there are no hints.
func Hints(line string) []string {
	words, err := Parse(line)
	if err != nil {
		return nil
	}
	var hints []string
	seen := map[string]bool{}
	for _, w := range words {
		if near := Nearest(w.Key); near != "" {
			hints = append(hints, fmt.Sprintf("%s is no boot code; did you mean %s?", w.Key, near))
		}
		if code, known := Find(w.Key); known && seen[w.Key] && !code.Repeat {
			hints = append(hints, fmt.Sprintf("%s is there twice; the last one counts", w.Key))
		}
		seen[w.Key] = true
	}
	for _, p := range quarrels {
		if seen[p[0]] && seen[p[1]] {
			hints = append(hints, fmt.Sprintf("%s wins over %s", p[0], p[1]))
		}
	}
	return hints
}

// quarrels are pairs of codes of which the first makes the second idle.
var quarrels = [...][2]string{
	{"secure", "superuser"}, {"secure", "pause"}, {"noautologin", "superuser"}, {"base", "cde"}, {"base", "toram"},
	{"nozswap", "zram"}, {"nontp", "ntpserver"},
}

// Nearest gives the code that a word was probably meant to be, or "" where it
// is one, is the kernel's, or is like none.
func Nearest(key string) string {
	if _, known := Find(key); known || slices.Contains(strings.Fields(kernelWords), key) {
		return ""
	}
	var keys []string
	for _, c := range All() {
		if len(c.Key) > 2 {
			keys = append(keys, c.Key)
		}
	}
	return nearest.Word(key, keys)
}

// kernelWords are words of the kernel that are close to a boot code, and some
// that people use often; see Documentation/admin-guide/kernel-parameters.txt.
const kernelWords = `acpi apic audit boot_delay crashkernel debug earlycon earlyprintk edd efi fbcon hostname hpet ima init
	initcall_debug initrd iommu isolcpus kgdboc lapic lockdown lsm max_loop mem memtest mitigations module nmi_watchdog nodelayacct
	nohz nokaslr nomodeset nomodule noresume nosmp nosmt noswap panic pci pcie_aspm printk.time quota rdinit reboot ro root
	rootdelay rootflags rootfstype rootwait rw selinux single slub_debug swapaccount sysrq_always_enabled threadirqs tsc
	usbcore.autosuspend vga video watchdog zswap.enabled`
