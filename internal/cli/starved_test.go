package cli

import (
	"context"
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

// TestStarved boots docker with so little memory that it only reads its programs
// again and again, or its kernel has to end them. Whoever waits for it is told that.
func TestStarved(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image and boots it")
	}
	p := newPerson(t)
	image := filepath.Join(p.home, "docker.iso")
	p.must("build", "--runtime", steps.Docker, "--output", image)
	archivetest.Seat(t)
	m, err := qemu.New("starved", arch.AMD64, qemu.Memory(steps.MinMemory), qemu.Boot(qemu.CDROM, image))
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
		ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
		if _, err = r.Reached(ctx, qemu.Runtime); err != nil {
			err = context.Cause(ctx)
		}
	}
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "64 MiB of memory are too little") || !strings.Contains(fault.Hint(err), "--memory 224") {
		t.Errorf("%v; %s\n%s", err, fault.Hint(err), strings.Join(r.Console().Tail(30), "\n"))
	}
}
