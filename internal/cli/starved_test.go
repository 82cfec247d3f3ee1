package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/qemu"
	"floe/steps"
)

// TestStarved boots docker with so little memory that its kernel has to end
// programs. Whoever waits for it is told that at once.
func TestStarved(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image and boots it")
	}
	p := newPerson(t)
	image := filepath.Join(p.home, "docker.iso")
	// Without swap in memory, so that it does not starve slowly.
	p.must("build", "--runtime", steps.Docker, "--boot-codes", "nozswap", "--output", image)
	m, err := qemu.New("starved", arch.AMD64, qemu.Memory(steps.MinMemory), qemu.CPUs(2), qemu.Boot(qemu.CDROM, image))
	if err != nil {
		t.Fatal(err)
	}
	home := qemu.Home{State: filepath.Join(p.home, "machines"), Runtime: p.run("sh", "-c", "printf %s \"$XDG_RUNTIME_DIR\"")}
	r, err := home.Start(t.Context(), archivetest.QEMU(t, m.Arch), m, qemu.Launch{Accel: qemu.Emulate("a test")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	if err = follow(t.Context(), r, report.Discard); err == nil {
		ctx, enough := fed(t.Context(), r, 0)
		defer enough()
		ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
		defer cancel()
		if _, err = r.Reached(ctx, qemu.Runtime); err != nil {
			err = context.Cause(ctx)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Skip("the kernel ended no program in three minutes: it gives back pages of programs, which come from the medium again")
		}
	}
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "64 MiB of memory are too little") || !strings.Contains(fault.Hint(err), "--memory 224") {
		t.Errorf("%v; %s\n%s", err, fault.Hint(err), strings.Join(r.Console().Tail(30), "\n"))
	}
}
