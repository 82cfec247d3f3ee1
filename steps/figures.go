package steps

import (
	"fmt"
	"strings"
)

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

// Need is how much memory a machine needs for its runtimes, in MiB.
type Need struct {
	Least  int // with less a runtime does not come to answer, however long one waits
	Enough int // with less a first container hardly comes to its end
}

// needs are by the plan's runtime, measured as 'go run ./bench -least' does: amd64
// emulated, two processors. Docker ran a container with 224 MiB and none with 192, and
// did not answer with 160; podman ran one with 160 and none with 128; of both each ran
// one with 384, not with 320, and the first of them answered with 256.
var needs = map[string]Need{
	NoRuntime:             {64, 64},
	Docker:                {160, 224},
	Podman:                {128, 160},
	Docker + "," + Podman: {256, 384},
}

// NeedOf is how much memory a machine needs that loads these runtimes.
func NeedOf(runtimes []string) Need {
	if len(runtimes) == 0 {
		return needs[NoRuntime]
	}
	return needs[strings.Join(runtimes, ",")]
}

// Hopeless says that a machine with so much memory, in MiB, does not come up with
// these runtimes, what it would need, and why; nil where it does.
func Hopeless(memory int, runtimes []string) error {
	n := NeedOf(runtimes)
	if memory >= n.Least {
		return nil
	}
	return fmt.Errorf("%d MiB of memory are too little for %s: with less than %d it does not come up, and a first container needs %d",
		memory, strings.Join(runtimes, " and "), n.Least, n.Enough)
}

// Tight says that so much memory, in MiB, is little for what a machine loads, though
// it comes up; "" where it is enough.
func Tight(memory int, runtimes []string) string {
	n := NeedOf(runtimes)
	if memory < n.Least || memory >= n.Enough {
		return ""
	}
	return fmt.Sprintf("%d MiB of memory are tight for %s: a first container needs %d, and with less all is slow or runs out of room.",
		memory, strings.Join(runtimes, " and "), n.Enough)
}

// scarce is how little memory is left for containers, in MiB, when hardly one
// finds room.
const scarce = 48

// Scarce says that the plan's memory is too little to be of use, and what else
// to choose; "" where it is enough.
func (p *Plan) Scarce() string {
	loads := p.Loads()
	if err := Hopeless(p.Memory, loads); err != nil {
		return err.Error() + "."
	}
	if text := Tight(p.Memory, loads); text != "" {
		return text
	}
	if p.Left() >= scarce {
		return ""
	}
	return "Hardly a container finds room in that: take more, or another runtime."
}
