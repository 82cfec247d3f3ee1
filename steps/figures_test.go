package steps

import (
	"testing"

	"floe/internal/arch"
)

func TestLeft(t *testing.T) {
	for a, f := range measured {
		plan := &Plan{Arch: a, Runtime: NoRuntime}
		last := -1
		for _, m := range []int{1, 64, 100, 128, 256, 512, 1024, 2048, 4096, 1 << 20} {
			left, known := plan.LeftOf(m)
			if known != (len(f.left) > 0) || known && (left < last || left >= m) {
				t.Errorf("%s: %d MiB of %d are left (%t)", a, left, m, known)
			}
			last = left
		}
		for _, m := range f.left {
			if got, _ := plan.LeftOf(m.memory); got != m.left {
				t.Errorf("%s: %d MiB of %d are left, not the %d that were measured", a, got, m.memory, m.left)
			}
		}
	}
	docker := &Plan{Arch: arch.AMD64, Runtime: Docker, Memory: 512}
	if left, known := docker.Left(); !known || left != 451-38 {
		t.Errorf("docker leaves %d MiB of 512 (%t)", left, known)
	}
}

func TestScarce(t *testing.T) {
	for _, tt := range []struct {
		memory  int
		runtime string
		scarce  bool
	}{{64, NoRuntime, true}, {128, NoRuntime, false}, {128, Docker, true}, {512, both, false}} {
		if got := (&Plan{Arch: arch.AMD64, Memory: tt.memory, Runtime: tt.runtime}).Scarce(); (got != "") != tt.scarce {
			t.Errorf("%d MiB with %s: %q", tt.memory, tt.runtime, got)
		}
	}
}

// TestMeasured: every architecture and every runtime is in the table under the name that
// the questions know, and what adds something to another image is larger than that.
func TestMeasured(t *testing.T) {
	flow := newFlow(t, nil)
	known := map[string]bool{}
	for _, s := range All() {
		if s.Key == runtimeKey {
			for _, c := range s.Choices {
				known[c.Value] = true
			}
		}
		for _, c := range flow.Choices(s) {
			if s.Key == "arch" && c.Image == 0 {
				t.Errorf("%s has no figure", c.Value)
			}
		}
	}
	for a, f := range measured {
		if !a.Known() {
			t.Errorf("no architecture is called %s", a)
		}
		for r, size := range f.image {
			if !known[r] || r != NoRuntime && size <= f.image[NoRuntime] {
				t.Errorf("%s: an image with %s has %d bytes", a, r, size)
			}
		}
		for r, mib := range f.runtime {
			if !known[r] || mib <= 0 {
				t.Errorf("%s: %s takes %d MiB", a, r, mib)
			}
		}
	}
}

// TestFiguresFollowTheArchitecture: what a choice adds, and what the plan comes to, are
// those of the architecture that was chosen, and absent where nobody has measured them.
func TestFiguresFollowTheArchitecture(t *testing.T) {
	for a, f := range measured {
		flow := newFlow(t, map[string][]string{"arch": {a.String()}})
		for _, s := range All() {
			for _, c := range flow.Choices(s) {
				plan, err := flow.With(s.Key, []string{c.Value})
				if err != nil || s.Key != runtimeKey {
					continue
				}
				want := Cost{}
				if f.image[c.Value] > 0 {
					want.Image = f.image[c.Value] - f.image[NoRuntime]
				}
				want.Memory, _ = f.takes(plan.Runtimes())
				if c.Cost != want || plan.ImageSize() != f.image[c.Value] {
					t.Errorf("%s with %s: %+v of %d bytes", a, c.Value, c.Cost, plan.ImageSize())
				}
			}
		}
	}
	flow := newFlow(t, map[string][]string{"board": {"rpi"}})
	if got := flow.Plan().ImageSize(); got != 0 {
		t.Errorf("a board's image has %d bytes, which nobody has measured", got)
	}
}
