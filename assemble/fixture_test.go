package assemble_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/internal/store"
)

// fixture is what the tests of this package share: the person's store, since
// a kernel takes a quarter of an hour, and one image in a temporary folder.
type fixture struct {
	builder *assemble.Builder
	image   *assemble.Image
	key     ssh.Signer
	line    string // of the key, for authorized_keys
	err     error
}

var folder string // for what the tests share; removed by TestMain

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "floe-assemble-*"); err != nil {
		panic(err)
	}
	flag.Parse()
	if at := flag.Lookup("test.parallel"); at.Value.String() == at.DefValue {
		// One more than there are processors: beside tests that wait for their machines,
		// one that only builds and compares goes on.
		if err := at.Value.Set(strconv.Itoa(runtime.GOMAXPROCS(0) + 1)); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

var shared = sync.OnceValue(func() (f fixture) {
	var dir string
	if dir, f.err = store.DefaultDir(); f.err != nil {
		return f
	}
	var s *store.Store
	if s, f.err = store.Open(dir); f.err != nil {
		return f
	}
	if f.key, f.line, f.err = sshclient.Identity(filepath.Join(folder, "key")); f.err != nil {
		return f
	}
	f.builder = assemble.New(assemble.Options{Store: s, Report: report.Func(tell)})
	f.image, f.err = f.builder.Image(context.Background(), f.spec(filepath.Join(folder, "floe.iso")))
	return f
})

// spec is the image that the tests boot.
func (f fixture) spec(output string) assemble.Spec {
	return assemble.Spec{Arch: arch.AMD64, Hostname: "testbox", AuthorizedKeys: []string{f.line}, Output: output}
}

// tell shows what takes long, for whoever watches the tests.
func tell(e report.Event) {
	if e.Kind == report.Started || e.Kind == report.Failed {
		os.Stderr.WriteString(e.Stage + ": " + e.Text + "\n")
	}
}

// programsHere gives the folder with the booted system's busybox and sigcheck, of an
// architecture that runs here.
func programsHere(t *testing.T, b *assemble.Builder) string {
	t.Helper()
	if size := os.Getpagesize(); size > 4096 {
		t.Skipf("the booted system's programs are laid out for pages of 4096 bytes, and this kernel's have %d", size)
	}
	entry, err := b.Userland(t.Context(), arch.Host())
	if err != nil {
		t.Fatal(err)
	}
	return entry.Path
}

// testImage gives the shared image and the key that enters it.
func testImage(t testing.TB) (*assemble.Image, ssh.Signer) {
	t.Helper()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	return f.image, f.key
}
