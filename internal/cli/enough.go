package cli

import (
	"fmt"
	"slices"

	"floe/assemble"
	"floe/internal/arch"
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
func enough(name string, a arch.Arch, memory int, runtimes []string) error {
	err := steps.Hopeless(a, memory, runtimes)
	if err == nil {
		return nil
	}
	hint := fmt.Sprintf("--memory %d", steps.NeedOf(a, runtimes).Enough)
	if len(runtimes) > 0 {
		hint += ", or another --runtime; the boot code " + steps.NoPackages + " loads none"
	}
	return fault.New(fault.Usage, "give memory to machine", name, err, hint)
}

// starved is the error of a machine that ran out of memory on its way.
func starved(r *qemu.Running, signs string) error {
	m, more := r.State().Machine, 0
	for _, medium := range m.Media {
		more = max(more, steps.NeedOf(m.Arch, loads(medium.Path, nil)).Enough)
	}
	return fault.New(fault.Missing, "boot machine", m.Name,
		fmt.Errorf("its %d MiB of memory are too little: %s", m.Memory, signs),
		fmt.Sprintf("'floe stop %s', then start it with more: --memory %d", m.Name, max(2*m.Memory, more)))
}
