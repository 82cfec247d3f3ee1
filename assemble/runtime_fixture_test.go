package assemble_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/qcow2"
	"floe/internal/sshclient"
	"floe/qemu"
)

// long is how long a runtime may take for anything, for the same reason as
// patience; docker has much more to do than ssh.
const long = 10 * time.Minute

// host is where a guest's network of QEMU reaches this machine's loopback.
const host = "10.0.2.2"

// box is a machine with a container runtime and a data disk, and what it finds
// around it: a registry and a mirror of packages.
type box struct {
	top       *testing.T // of the whole test: what is started lives as long
	t         *testing.T // of the part that runs
	arch      arch.Arch
	image     *assemble.Image
	options   []qemu.Option // all but the medium that it boots
	disk      string
	whole     bool         // the disk has no partitions
	registry  string       // its port on this machine, and on host
	secure    string       // the same registry by TLS, as the guest names it
	authority []byte       // whose certificate it has, in PEM
	mirror    string       // folder that is served as tce.mirror
	proxied   atomic.Int64 // requests that went through proxy=
	r         *qemu.Running
	c         *sshclient.Client
	tools     string // folder with the real clients
}

// newBox makes an image with a runtime and boots it from a medium. In the boot
// codes REGISTRY stands for the registry without TLS.
func newBox(t *testing.T, a arch.Arch, medium qemu.MediumKind, runtime string, codes ...string) *box {
	t.Helper()
	b := boxThatIsOff(t, a, runtime, codes...)
	archivetest.Seat(t)
	b.boot(medium)
	return b
}

// boxThatIsOff makes all that, and does not boot it. It has one processor, so that of
// two machines each has one of the host's: with two each, a third of what both take is
// spinning for locks whose holder the host has stopped. Two processors have the
// machines of the demo and of 'floe up' in tests, and arm64's where a test says so.
func boxThatIsOff(t *testing.T, a arch.Arch, runtime string, codes ...string) *box {
	t.Helper()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	b := &box{top: t, t: t, arch: a, mirror: t.TempDir()}
	images := registry.New()
	hub := httptest.NewServer(images)
	t.Cleanup(hub.Close)
	b.registry = port(t, hub.URL)
	b.secure, b.authority = withCertificate(t, images)
	b.secure = net.JoinHostPort(host, b.secure)
	packages := httptest.NewServer(http.FileServer(http.Dir(b.mirror)))
	t.Cleanup(packages.Close)
	proxy := httptest.NewServer(b.proxy())
	t.Cleanup(proxy.Close)
	spec := f.spec(filepath.Join(t.TempDir(), runtime+".iso"))
	spec.Arch, spec.Runtimes = a, strings.Split(runtime, ",")
	at := func(url string) string { return "http://" + net.JoinHostPort(host, port(t, url)) }
	for i, c := range codes {
		codes[i] = strings.ReplaceAll(c, "REGISTRY", net.JoinHostPort(host, b.registry))
	}
	spec.BootCodes = append(codes, "tce.mirror="+at(packages.URL), "registry-mirror="+at(hub.URL), "proxy="+at(proxy.URL))
	var err error
	if b.image, err = f.builder.Image(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(codes, "format=vda") {
		b.disk, b.whole = blankDisk(t, 2<<30), true
	} else {
		b.disk = dataDisk(t, 2<<30)
	}
	b.options = []qemu.Option{
		qemu.Memory(512), qemu.CPUs(1), qemu.Port(0, 8080), qemu.Port(0, 8081), drives["virtio"](b.disk),
	}
	return b
}

// part is a part of a test. The parts of one build on each other.
type part struct {
	name string
	do   func(*box)
}

func (b *box) parts(list []part) {
	for _, p := range list {
		b.top.Run(p.name, func(t *testing.T) { b.t = t; p.do(b) })
		b.t = b.top
	}
}

// proxy leads to the registry, whatever is asked for, and counts. It makes no
// tunnels but to the registry's TLS, so that the world cannot be reached.
func (b *box) proxy() http.Handler {
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", "127.0.0.1:"+b.registry
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			if r.Host != b.secure {
				http.Error(w, "no tunnels", http.StatusMethodNotAllowed)
				return
			}
			tunnel(w, strings.Replace(r.Host, host, "127.0.0.1", 1))
			return
		}
		b.proxied.Add(1)
		forward.ServeHTTP(w, r)
	})
}

func port(t *testing.T, url string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(url[strings.Index(url, "//")+2:])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dataDisk makes a disk with an empty partition named floe-data.
func dataDisk(t *testing.T, size int64) string {
	t.Helper()
	extents, err := qcow2.DataDisk(size)
	if err != nil {
		t.Fatal(err)
	}
	return blankDisk(t, size, extents...)
}

// blankDisk makes a disk with nothing on it but some extents.
func blankDisk(t *testing.T, size int64, extents ...qcow2.Extent) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.qcow2")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := qcow2.Write(f, size, extents...); err != nil {
		t.Fatal(err)
	}
	return path
}

// start starts the machine from a medium.
func (b *box) start(medium qemu.MediumKind) {
	b.t.Helper()
	b.r = startOn(b.top, b.arch, append([]qemu.Option{qemu.Boot(medium, b.image.Path)}, b.options...)...)
	go choosesAtOnce(b.top.Context(), b.r)
}

// boot starts the machine, waits for its runtime and logs in after that, as
// somebody who is in the runtime's group.
func (b *box) boot(medium qemu.MediumKind) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), long)
	defer cancel()
	b.r = reaches(ctx, b.t, qemu.Runtime, func() *qemu.Running { b.start(medium); return b.r })
	var err error
	if b.c, err = login(b.t, b.r, shared().key); err != nil {
		b.t.Fatal(err)
	}
}

// run runs a command that may take a while and must succeed.
func (b *box) run(command string) string {
	b.t.Helper()
	return b.feed(nil, command)
}

// feed is run with something on standard input.
func (b *box) feed(in io.Reader, command string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), long)
	defer cancel()
	var out, errs bytes.Buffer
	code, err := b.c.Stream(ctx, command, sshclient.Streams{In: in, Out: &out, Err: &errs})
	if err != nil || code != 0 {
		b.t.Fatalf("%s: status %d, %v\n%s%s", command, code, err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// expect wants commands to print something.
func (b *box) expect(what, want, command string) {
	b.t.Helper()
	if got := b.run(command); got != want {
		b.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// push puts an image of the container's root into the registry.
func (b *box) push(repository string) {
	b.t.Helper()
	var root bytes.Buffer
	if err := shared().builder.ContainerRoot(b.t.Context(), b.arch, &root); err != nil {
		b.t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(root.Bytes())), nil })
	if err != nil {
		b.t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		b.t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		b.t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Architecture, config.OS = string(b.arch), "linux"
	config.Config = v1.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"/bin/sh"}}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		b.t.Fatal(err)
	}
	ref, err := name.ParseReference("127.0.0.1:" + b.registry + "/" + repository)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		b.t.Fatal(err)
	}
}

// serve puts packages, and all that they depend on, on the mirror, signed.
func (b *box) serve(names ...string) {
	b.t.Helper()
	list, err := shared().builder.Packages(b.t.Context(), b.arch, names...)
	if err != nil {
		b.t.Fatal(err)
	}
	addPackages(b.t, b.mirror, list)
}

// throughProxy wants images to have come by the proxy.
func (b *box) throughProxy() {
	b.t.Helper()
	if b.proxied.Swap(0) == 0 {
		b.t.Error("nothing came through the proxy")
	}
}

// published is the address on this host of a port of the guest.
func (b *box) published(guest int) string {
	b.t.Helper()
	for _, p := range b.r.State().Ports {
		if p.Guest == guest {
			return fmt.Sprintf("127.0.0.1:%d", p.Host)
		}
	}
	b.t.Fatalf("port %d is not forwarded", guest)
	return ""
}

// answers wants a text from a TCP port, which may need a moment to open.
func answers(t *testing.T, address, want string) {
	t.Helper()
	var got []byte
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(200 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			continue
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		got, _ = io.ReadAll(conn)
		conn.Close()
		if strings.Contains(string(got), want) {
			return
		}
	}
	t.Errorf("%s answers %q, not %q", address, got, want)
}
