package cli

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/board"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
	"floe/internal/sdcard"
	"floe/steps"
)

// TestRunsNoCard: a board's image boots on the board only, and that is said
// before anything is started.
func TestRunsNoCard(t *testing.T) {
	image := filepath.Join(t.TempDir(), "card.img")
	if err := sdcard.Write(t.Context(), sdcard.Spec{Label: board.Volume, Time: time.Unix(1e9, 0)}, image); err != nil {
		t.Fatal(err)
	}
	plan, _, err := steps.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&terminal{Out: io.Discard, Err: io.Discard}).start(t.Context(), plan, trial{image: image}, report.Discard)
	if fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "floe write") {
		t.Errorf("%v", err)
	}
}

// floeImage makes an image that tells its architecture and its runtimes and has nothing else.
func floeImage(t *testing.T, a arch.Arch, runtimes ...string) (path string) {
	t.Helper()
	esp, err := iso.ESP(assemble.Label, 1, time.Unix(1e9, 0), []iso.ESPFile{{Path: "EFI/BOOT/" + a.EFI(), Content: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "box.iso")
	_, err = iso.Master(t.Context(), iso.Spec{Label: assemble.Label, ID: [16]byte{1}, Time: time.Unix(1e9, 0), ESP: esp, Files: []iso.File{
		{Path: "boot/grub/" + a.GRUB() + "/normal.mod", Mode: 0o444, Content: []byte("x")},
		{Path: "cde/onboot.lst", Mode: 0o444, Content: []byte(strings.Join(runtimes, ".tcz\n") + ".tcz\n")},
	}}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRunsWhatTheImageIs: the machine has the processor of the image and waits for
// its runtimes, whatever a plan says that lies about; not if a flag says otherwise.
func TestRunsWhatTheImageIs(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("FLOE_BOARD", "rpi") // it is of another machine
	image := floeImage(t, arch.ARM64, steps.Podman)
	cmd := runCommand(&terminal{Out: io.Discard, Err: io.Discard})
	plan, path, err := planToRun(cmd, arch.AMD64, []string{image})
	if err != nil || plan.Arch != arch.ARM64 || path != image {
		t.Fatalf("%+v, %s, %v", plan, path, err)
	}
	if err := cmd.ParseFlags([]string{"--arch", "amd64"}); err != nil {
		t.Fatal(err)
	}
	if plan, _, err = planToRun(cmd, arch.AMD64, []string{image}); err != nil || plan.Arch != arch.AMD64 {
		t.Fatalf("%+v, %v", plan, err)
	}
	_, err = (&terminal{Out: io.Discard, Err: io.Discard}).start(t.Context(), plan, trial{image: image}, report.Discard)
	if fault.Code(err) != int(fault.Usage) || !strings.Contains(fault.Hint(err), "--arch arm64") {
		t.Errorf("%v", err)
	}
	for _, tt := range []struct{ image, flags, want string }{
		{image, "", "arm64 podman"},
		{floeImage(t, arch.AMD64), "", "amd64 none"},
		{floeImage(t, arch.AMD64, steps.Docker, steps.Podman), "", "amd64 docker,podman"},
		{image, "--runtime=none", "arm64 none"},
	} {
		cmd := upCommand(&terminal{Out: io.Discard, Err: io.Discard})
		if err := cmd.ParseFlags(strings.Fields(tt.flags)); err != nil {
			t.Fatal(err)
		}
		d, err := design(cmd, wish{name: "nobody-has-this-one", image: tt.image})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.spec.Arch.String() + " " + runtimeWord(d.spec.Runtimes); got != tt.want {
			t.Errorf("%s: %s, not %s", tt.flags, got, tt.want)
		}
	}
}

// TestEnterable: an image is refused that no key opens.
func TestEnterable(t *testing.T) {
	for codes, want := range map[string]bool{"quiet": false, "quiet sshkey=ssh-ed25519:AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzdd5m7IDfu2IVZb+2wX4JfcFA4J6dQGe0vHWFJT": true} {
		plan, _, err := steps.Resolve(steps.Source{Name: "test", Given: map[string][]string{"ssh-key": {steps.NoKey}, "boot-codes": {codes}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := enterable(plan); (err == nil) != want {
			t.Errorf("%s: %v", codes, err)
		}
	}
}

func TestOpens(t *testing.T) {
	const list = "ssh-rsa AAAA them\nssh-ed25519 BBBB floe\n"
	for key, want := range map[string]bool{"ssh-ed25519 BBBB me@here": true, "ssh-ed25519 AAAA": false, "": false} {
		if opens(list, key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}

// TestWhatNext: the path is as it was given, for a shell.
func TestWhatNext(t *testing.T) {
	for path, want := range map[string]string{"out/box.iso": "floe run out/box.iso", "my box.iso": "floe run 'my box.iso'"} {
		if got := whatNext(&assemble.Image{Path: "/somewhere/" + path}, path)[0].Line; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// TestBothArchitectures makes an image for each in one run.
func TestBothArchitectures(t *testing.T) {
	if testing.Short() {
		t.Skip("makes two kernels, if there are none")
	}
	p := newPerson(t)
	if out, errs, code := p.floeWithin(time.Hour, "build", "--arch", "amd64,arm64", "--runtime", "none", "-o", "box-ARCH.iso"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, a := range arch.All() {
		path := filepath.Join(p.home, "box-"+a.String()+".iso")
		if got := assemble.ArchOf(path); got != a {
			t.Errorf("%s is for %q", path, got)
		}
	}
}
