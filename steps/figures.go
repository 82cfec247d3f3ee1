package steps

// leftMeasured is what the base system leaves of a machine's memory, in MiB:
// MemAvailable in /proc/meminfo, amd64 in QEMU, ssh ready and one session open.
var leftMeasured = [...]struct{ memory, left int }{{64, 13}, {128, 74}, {512, 445}, {2048, 1918}}

// LeftForContainers tells how much of a machine's memory is left once the
// system runs; both in MiB. Between and beyond the measured sizes it goes on in
// a straight line.
func LeftForContainers(memory int) int {
	low, high := leftMeasured[0], leftMeasured[1]
	for i := 1; i < len(leftMeasured)-1 && memory > leftMeasured[i].memory; i++ {
		low, high = leftMeasured[i], leftMeasured[i+1]
	}
	return max(0, low.left+(memory-low.memory)*(high.left-low.left)/(high.memory-low.memory))
}

// runtimeMemory is what a runtime takes of the memory, in MiB, when it has
// started and runs no container: as above, without and with it.
var runtimeMemory = map[string]int{Docker: 80, Podman: 30}
