package assemble_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/arch"
)

// floeFor builds floe for hosts of an architecture.
func floeFor(t *testing.T, a arch.Arch) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "floe")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, "floe")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+a.String(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// floeItself runs floe in the machine: a Linux host of its architecture, though one
// with too little of everything to build a kernel.
func floeItself(b *box, program string) {
	f, err := os.Open(program)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	b.feed(f, "cat >/tmp/floe && chmod 755 /tmp/floe")
	// It need not reach the archive; this mirror has none.
	said := b.run("cd /tmp && FLOE_MIRROR=http://127.0.0.1:9 ./floe doctor; true")
	for _, want := range []string{"linux on " + b.arch.String(), "builds without root and without this machine's tools"} {
		if !strings.Contains(said, want) {
			b.t.Errorf("floe doctor does not say %q:\n%s", want, said)
		}
	}
	if said = b.run("cd /tmp && ./floe disks"); !strings.Contains(said, "/dev/vda") || !strings.Contains(said, "never written") {
		b.t.Errorf("floe disks says\n%s", said)
	}
	b.run("rm -r /tmp/floe ~/.cache/floe 2>/dev/null; true")
}
