package steps

// What the base system takes, measured in a machine of 128 MiB: the kernel
// with its tables, the unpacked system, and what runs once ssh answers.
const (
	baseMemory  = 50 // MiB
	perThousand = 20 // of all memory, for the kernel's tables
)

// LeftForContainers tells how much of a machine's memory is left once the
// system runs; both in MiB.
func LeftForContainers(memory int) int {
	return max(0, memory-baseMemory-memory*perThousand/1000)
}
