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
var runtimeMemory = map[string]int{Docker: 58, Podman: 49}

// baseImage is the size of an image without a runtime, in bytes: amd64, with
// one key. Other architectures differ by a few megabytes.
const baseImage = 8_454_144

// ImageSize tells about how large the plan's image is going to be, in bytes.
func (p *Plan) ImageSize() int64 {
	size := int64(baseImage)
	for _, s := range All() {
		if s.Key != runtimeKey {
			continue
		}
		for _, c := range s.Choices {
			if c.Value == p.Runtime {
				size += c.Image
			}
		}
	}
	return size
}

// Left tells how much of the try-out's memory is left for containers once the
// system and the plan's runtimes run, in MiB.
func (p *Plan) Left() int { return p.LeftOf(p.Memory) }

// LeftOf is Left for a machine with another amount of memory, in MiB.
func (p *Plan) LeftOf(memory int) int {
	left := LeftForContainers(memory)
	for _, r := range p.Runtimes() {
		left -= runtimeMemory[r]
	}
	return max(0, left)
}

// scarce is how little memory is left for containers, in MiB, when hardly one
// finds room.
const scarce = 48

// Scarce says that the plan's memory is too little to be of use, and what else
// to choose; "" where it is enough.
func (p *Plan) Scarce() string {
	if p.Left() >= scarce {
		return ""
	}
	return "Hardly a container finds room in that: take more, or another runtime."
}
