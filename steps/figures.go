package steps

import (
	"fmt"
	"strings"

	"floe/internal/arch"
)

// figures are what was measured of an architecture's images and machines. What has
// not been measured is left out, and no figure is shown for it.
type figures struct {
	image   map[string]int64 // size of an image with one key, in bytes, by runtime
	left    []sample         // what the base system leaves
	runtime map[string]int   // what one takes of the memory, in MiB, when it has started and runs no container
}

// sample is how much of a machine's memory is left once the system runs, both in MiB:
// MemAvailable in /proc/meminfo, in QEMU, ssh ready and one session open.
type sample struct{ memory, left int }

// both is the value of the answer with two runtimes.
const both = Docker + "," + Podman

// measured are the figures by architecture, as 'go run ./bench -memory' gives them.
var measured = map[arch.Arch]figures{
	arch.AMD64: {
		image:   map[string]int64{NoRuntime: 8_779_776, Docker: 68_497_408, Podman: 40_056_832, both: 95_940_608},
		left:    []sample{{64, 18}, {128, 80}, {512, 451}, {2048, 1918}},
		runtime: map[string]int{Docker: 38, Podman: 40},
	},
	arch.ARM64: {
		image:   map[string]int64{NoRuntime: 7_507_968, Docker: 58_738_688, Podman: 36_274_176, both: 83_998_720},
		left:    []sample{{128, 77}, {512, 447}, {2048, 1910}},
		runtime: map[string]int{Docker: 36, Podman: 35},
	},
}

// base tells how much of a machine's memory the system leaves, both in MiB. Between and
// beyond the measured sizes it goes on in a straight line.
func (f figures) base(memory int) (left int, known bool) {
	if len(f.left) < 2 {
		return 0, false
	}
	low, high := f.left[0], f.left[1]
	for i := 1; i < len(f.left)-1 && memory > f.left[i].memory; i++ {
		low, high = f.left[i], f.left[i+1]
	}
	return max(0, low.left+(memory-low.memory)*(high.left-low.left)/(high.memory-low.memory)), true
}

// takes tells how much memory runtimes take together, in MiB.
func (f figures) takes(runtimes []string) (sum int, known bool) {
	for _, r := range runtimes {
		one, ok := f.runtime[r]
		if !ok {
			return 0, false
		}
		sum += one
	}
	return sum, true
}

// ImageSize tells about how large the plan's image is going to be, in bytes; 0 where
// that is not known. The images of boards are others than those that were measured.
func (p *Plan) ImageSize() int64 {
	if p.Board.Chosen() {
		return 0
	}
	return measured[p.Arch].image[p.Runtime]
}

// Left tells how much of the try-out's memory is left for containers once the
// system and the plan's runtimes run, in MiB, as far as that is known.
func (p *Plan) Left() (left int, known bool) { return p.LeftOf(p.Memory) }

// LeftOf is Left for a machine with another amount of memory, in MiB.
func (p *Plan) LeftOf(memory int) (left int, known bool) {
	base, ok := measured[p.Arch].base(memory)
	taken, all := measured[p.Arch].takes(p.Runtimes())
	return max(0, base-taken), ok && all
}

// Cost is what an answer adds, as far as that was measured.
type Cost struct {
	Image  int64 // bytes of the image; 0: none, or not known
	Memory int   // MiB of the memory; 0: none, or not known
}

// costOfArch is what the system itself comes to.
func costOfArch(p *Plan) (c Cost) {
	f := measured[p.Arch]
	if !p.Board.Chosen() {
		c.Image = f.image[NoRuntime]
	}
	if left, ok := f.base(p.Memory); ok {
		c.Memory = p.Memory - left
	}
	return c
}

// costOfRuntime is what the plan's runtimes add to the system itself.
func costOfRuntime(p *Plan) (c Cost) {
	f := measured[p.Arch]
	if size := p.ImageSize(); size > 0 {
		c.Image = size - f.image[NoRuntime]
	}
	c.Memory, _ = f.takes(p.Runtimes())
	return c
}

// Need is how much memory a machine needs for its runtimes, in MiB.
type Need struct {
	Least  int // with less no container comes to its end, or only after minutes
	Enough int // with less a first container takes long
}

// needs are by the plan's runtime, measured as 'go run ./bench -least' does: amd64
// emulated, two processors, two minutes for boot and container. Docker ran a container
// with 128 MiB, in 45 s, and none with 96; podman ran one with 128, in 11 s, and none with
// 96; of both each ran one with 192, and not with 160. With what is enough docker's takes
// 15 s, podman's 4 s, and both of them 11 s.
var needs = map[string]Need{
	NoRuntime: {64, 64},
	Docker:    {128, 224},
	Podman:    {128, 160},
	both:      {192, 384},
}

// firmwareNeeds is what a machine needs to get to its boot loader, in MiB, where that is
// more than the system needs: UEFI for arm64 stands still with 112.
var firmwareNeeds = map[arch.Arch]int{arch.ARM64: 128}

// NeedOf is how much memory a machine needs that loads these runtimes.
func NeedOf(a arch.Arch, runtimes []string) Need {
	n := needs[NoRuntime]
	if len(runtimes) > 0 {
		n = needs[strings.Join(runtimes, ",")]
	}
	return Need{max(n.Least, firmwareNeeds[a]), max(n.Enough, firmwareNeeds[a])}
}

// Hopeless says that a machine with so much memory, in MiB, is of no use with
// these runtimes, what it would need, and why; nil where it is.
func Hopeless(a arch.Arch, memory int, runtimes []string) error {
	n := NeedOf(a, runtimes)
	if memory >= n.Least {
		return nil
	}
	if memory < firmwareNeeds[a] {
		return fmt.Errorf("%d MiB of memory are too little for an %s machine: its firmware wants %d", memory, a, firmwareNeeds[a])
	}
	return fmt.Errorf("%d MiB of memory are too little for %s: with less than %d no container runs in it, and %d are enough",
		memory, strings.Join(runtimes, " and "), n.Least, n.Enough)
}

// Tight says that so much memory, in MiB, is little for what a machine loads, though
// it comes up; "" where it is enough.
func Tight(a arch.Arch, memory int, runtimes []string) string {
	n := NeedOf(a, runtimes)
	if memory < n.Least || memory >= n.Enough {
		return ""
	}
	return fmt.Sprintf("%d MiB of memory are tight for %s: %d are enough, and with less containers start slowly or run out of room.",
		memory, strings.Join(runtimes, " and "), n.Enough)
}

// scarce is how little memory is left for containers, in MiB, when hardly one
// finds room.
const scarce = 48

// Scarce says that the plan's memory is too little to be of use, and what else
// to choose; "" where it is enough.
func (p *Plan) Scarce() string {
	loads := p.Loads()
	if err := Hopeless(p.Arch, p.Memory, loads); err != nil {
		return err.Error() + "."
	}
	if text := Tight(p.Arch, p.Memory, loads); text != "" {
		return text
	}
	if left, known := p.Left(); !known || left >= scarce {
		return ""
	}
	return "Hardly a container finds room in that: take more, or another runtime."
}
