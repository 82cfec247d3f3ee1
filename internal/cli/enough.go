package cli

import (
	"fmt"
	"slices"

	"floe/assemble"
	"floe/internal/fault"
	"floe/qemu"
	"floe/steps"
)

// loads are the runtimes that a machine has which boots an image with boot codes
// added to the image's own.
func loads(image string, codes []string) []string {
	if slices.Contains(append(assemble.ArgsOf(image), codes...), steps.NoPackages) {
		return nil
	}
	return assemble.RuntimesOf(image)
}

// enough refuses a machine with so little memory that nothing would come up in it.
func enough(name string, memory int, runtimes []string) error {
	err := steps.Hopeless(memory, runtimes)
	if err == nil {
		return nil
	}
	return fault.New(fault.Usage, "give memory to machine", name, err,
		fmt.Sprintf("--memory %d, or another --runtime; the boot code %s loads none", steps.NeedOf(runtimes).Enough, steps.NoPackages))
}

// starved is the error of a machine that ran out of memory on its way.
func starved(r *qemu.Running, signs string) error {
	m, more := r.State().Machine, 0
	for _, medium := range m.Media {
		more = max(more, steps.NeedOf(loads(medium.Path, nil)).Enough)
	}
	return fault.New(fault.Missing, "boot machine", m.Name,
		fmt.Errorf("its %d MiB of memory are too little: %s", m.Memory, signs),
		fmt.Sprintf("'floe stop %s', then start it with more: --memory %d", m.Name, max(2*m.Memory, more)))
}
