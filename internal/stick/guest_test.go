package stick_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/disks"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/sshclient"
	"floe/internal/store"
	"floe/qemu"
	"floe/qemu/qmp"
)

// How long things may take on a busy host: far more than they need. Nothing is
// measured here.
const (
	patience   = 8 * time.Minute // from power-on to ssh
	oneCommand = 6 * time.Minute
	appearing  = 3 * time.Minute // of a disk, or of what a program says
	oneOrder   = 2 * time.Minute // of QEMU's own commands
	making     = 8 * time.Minute // of an image, from what the store has
)

// processors of a machine: emulated ones on threads of their own now and then
// make QEMU abort on a busy host (iotlb_to_section: Assertion ... failed).
const processors = 1

const mib = 1 << 20

// workshop is what the tests of this file share.
type workshop struct {
	builder *assemble.Builder
	key     ssh.Signer
	line    string        // of the key, for authorized_keys
	heard   *atomic.Value // the last thing that making images told, such as that it waits for another floe
	err     error
}

var shop = sync.OnceValue(func() (w workshop) {
	dir, err := store.DefaultDir()
	if err != nil {
		return workshop{err: err}
	}
	s, err := store.Open(dir)
	if err != nil {
		return workshop{err: err}
	}
	keys, err := os.MkdirTemp("", "floe-key-*")
	if err != nil {
		return workshop{err: err}
	}
	defer os.RemoveAll(keys)
	w.key, w.line, w.err = sshclient.Identity(keys)
	w.heard = &atomic.Value{}
	w.builder = assemble.New(assemble.Options{Store: s, Report: report.Func(func(e report.Event) {
		if e.Kind != report.Progress {
			w.heard.Store(fmt.Sprint(e.Stage, " ", e.Kind, " ", e.Text))
		}
	})})
	return w
})

// image builds a real image, of the host's architecture: the guest runs tools of the host.
func image(t *testing.T, name string, runtimes ...string) string {
	t.Helper()
	w := shop()
	if w.err != nil {
		t.Fatal(w.err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), making)
	defer cancel()
	i, err := w.builder.Image(ctx, assemble.Spec{
		Arch: arch.Host(), Hostname: name, AuthorizedKeys: []string{w.line}, Runtimes: runtimes, Output: filepath.Join(t.TempDir(), name+".iso"),
	})
	if err != nil {
		t.Fatalf("%v; the last that was heard of it: %s", err, w.heard.Load())
	}
	return i.Path
}

// guest is a booted Floe.
type guest struct {
	t       *testing.T
	machine *qemu.Running
	ssh     *sshclient.Client
	qmp     *qmp.Client
	dir     string

	fragile bool // what is being done has ended QEMU itself by an error of its own, and is done again then
	ended   bool // that has happened

	mute error // it did not answer, and is not asked again
}

// boot boots a machine and logs in.
func boot(t *testing.T, options ...qemu.Option) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := qemu.New("stick", arch.Host(), options...)
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := os.MkdirTemp("", "floe") // short: a socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	home := qemu.Home{State: t.TempDir(), Runtime: runtime}
	r, err := home.Start(t.Context(), archivetest.QEMU(t, arch.Host()), m, qemu.Launch{Accel: qemu.DetectAccel(arch.Host(), qemu.Host{})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console:\n%s", strings.Join(r.Console().Tail(60), "\n"))
		}
		r.Kill()
	})
	if _, err := r.Reached(ctx, qemu.SSHReady); err != nil {
		t.Fatalf("ssh is not ready: %v", err)
	}
	g := &guest{t: t, machine: r, dir: t.TempDir()}
	g.ssh, err = sshclient.Dial(ctx, sshclient.Options{Addr: r.SSHAddr(), User: "floe", Signers: []ssh.Signer{shop().key}, HostKeys: r.Guest().HostKeys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.ssh.Close() })
	if g.qmp, err = qmp.Dial(ctx, home.Files("stick").Control); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.qmp.Close() })
	return g
}

// try runs a command, and gives what it printed and its exit code.
func (g *guest) try(command string) (string, int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), oneCommand)
	defer cancel()
	result, err := g.ssh.Run(ctx, command)
	if err != nil {
		g.broken(fmt.Errorf("%s: %w", command, err))
	}
	return string(result.Stdout) + string(result.Stderr), result.Code
}

// say runs a command that must succeed.
func (g *guest) say(command string) string {
	g.t.Helper()
	out, code := g.try(command)
	if code != 0 {
		g.t.Fatalf("%s: exit code %d\n%s", command, code, out)
	}
	return strings.TrimSpace(out)
}

// do runs a command of QEMU's.
func (g *guest) do(command string, args any) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), oneOrder)
	defer cancel()
	if err := g.qmp.Run(ctx, command, args, nil); err != nil {
		g.broken(fmt.Errorf("%s %v: %w", command, args, err))
	}
}

// broken ends a test whose guest does not answer.
func (g *guest) broken(err error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	var died *qemu.DiedError
	if _, end := g.machine.Wait(ctx); !errors.As(end, &died) {
		g.mute = err
		g.t.Fatal(err)
	}
	if !g.fragile {
		g.t.Fatalf("%v: QEMU itself ended (%s): %v", err, died.How, died.Log)
	}
	g.ended = true
	g.t.Skipf("QEMU itself ended (%s), so that this is done again: %v", died.How, died.Log)
}

// object is an argument of QEMU's.
type object = map[string]any

// off powers the machine off, so that its disks are whole.
func (g *guest) off() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	g.qmp.Close()
	if _, err := g.machine.Stop(ctx, qemu.Patience{PowerOff: 100 * time.Second, Quit: time.Second, Term: time.Second}); err != nil {
		g.t.Fatal(err)
	}
}

// stickDevice is a stick that QEMU makes.
type stickDevice struct {
	id, serial, file string
	size             int64
	uas              bool   // USB Attached SCSI, instead of bulk-only transport
	base             object // what it is made of, instead of the file
}

// newStick makes a file for a stick, with old data at both ends.
func (g *guest) newStick(id, serial string) stickDevice {
	g.t.Helper()
	s := stickDevice{id: id, serial: serial, file: filepath.Join(g.dir, id+".img"), size: 128 * mib}
	f, err := os.Create(s.file)
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{0, s.size - 8} {
		if _, err := f.WriteAt([]byte("old data"), at); err != nil {
			g.t.Fatal(err)
		}
	}
	s.base = object{"driver": "file", "filename": s.file}
	return s
}

// plug plugs a stick in: its file, below what a test puts in between.
func (g *guest) plug(s stickDevice, between ...object) {
	g.t.Helper()
	s.base["node-name"] = s.id + "-file"
	g.do("blockdev-add", s.base)
	top := s.id + "-file"
	for i, b := range append([]object{{"driver": "raw"}}, between...) {
		name := fmt.Sprintf("%s-%d", s.id, i)
		b["node-name"] = name
		if b["driver"] == "blkdebug" {
			b["image"] = top
		} else {
			b["file"] = top
		}
		g.do("blockdev-add", b)
		top = name
	}
	if s.uas { // attached once its disk is in it, or the guest finds it empty
		g.do("device_add", object{"driver": "usb-uas", "id": s.id, "bus": "usb.0", "serial": s.serial})
		g.do("device_add", object{"driver": "scsi-hd", "id": s.id + "-disk", "bus": s.id + ".0", "drive": top, "werror": "report"})
		g.do("qom-set", object{"path": "/machine/peripheral/" + s.id, "property": "attached", "value": true})
		return
	}
	g.do("device_add", object{"driver": "usb-storage", "id": s.id, "bus": "usb.0", "drive": top, "serial": s.serial, "removable": true, "werror": "report"})
}

// brake lets so many bytes a second through to a stick; 0 lets go.
func (g *guest) brake(s stickDevice, bytesPerSecond int) {
	g.t.Helper()
	disk := "/machine/peripheral/" + s.id + "/" + s.id + ".0/legacy[0]"
	if s.uas {
		disk = s.id + "-disk"
	}
	g.do("block_set_io_throttle", object{"id": disk, "bps": 0, "bps_rd": 0, "bps_wr": bytesPerSecond, "iops": 0, "iops_rd": 0, "iops_wr": 0})
}

// pull pulls a stick out, and waits until the guest has noticed. One on UAS is
// detached first: QEMU aborts where it goes away with packets under way
// (usb_uas_cancel_io: Assertion ... failed).
func (g *guest) pull(s stickDevice) {
	g.t.Helper()
	if s.uas {
		g.do("qom-set", object{"path": "/machine/peripheral/" + s.id, "property": "attached", "value": false})
		g.misses(s.serial)
	}
	g.do("device_del", object{"id": s.id})
	g.misses(s.serial)
}

type listed struct {
	disks.Disk
	Refused string
}

// list is 'floe disks' in the guest.
func (g *guest) list() []listed {
	g.t.Helper()
	var list []listed
	out := g.say(program + " disks --json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		g.t.Fatalf("%v\n%s", err, out)
	}
	return list
}

// sees waits until a disk with that serial number is there.
func (g *guest) sees(serial string) listed {
	g.t.Helper()
	for late := time.Now().Add(appearing); time.Now().Before(late); time.Sleep(300 * time.Millisecond) {
		for _, d := range g.list() {
			if d.Serial == serial {
				return d
			}
		}
	}
	g.t.Fatalf("%s is not seen: %+v", serial, g.list())
	return listed{}
}

// misses waits until no disk has that serial number.
func (g *guest) misses(serial string) {
	g.t.Helper()
	for late := time.Now().Add(appearing); time.Now().Before(late); time.Sleep(300 * time.Millisecond) {
		there := false
		for _, d := range g.list() {
			there = there || d.Serial == serial
		}
		if !there {
			return
		}
	}
	g.t.Fatalf("%s is still seen", serial)
}

// program is floe in the guest; tools are Debian's, in a root folder.
const (
	tools   = "/run/tools"
	program = tools + "/build/floe"
	inside  = tools + "/build/floe.iso"
)

// equipped boots an image with what toolbox made, and with room for sticks.
func equipped(t *testing.T, img, box string, options ...qemu.Option) *guest {
	t.Helper()
	g := boot(t, append([]qemu.Option{qemu.Memory(512), qemu.CPUs(processors), qemu.Boot(qemu.CDROM, img),
		qemu.Plug(qemu.Medium{Kind: qemu.VirtDisk, Path: box, Serial: "toolbox"}), qemu.Extra("-device", "qemu-xhci,id=usb")}, options...)...)
	g.say("sudo mkdir -p " + tools + " /run/toolbox /run/upper && sudo mount -t squashfs -o ro /dev/$(basename $(dirname $(grep -l toolbox /sys/block/*/serial))) /run/toolbox")
	g.say("sudo mount -t tmpfs none /run/upper && sudo mkdir /run/upper/up /run/upper/work && " +
		"sudo mount -t overlay -o lowerdir=/run/toolbox,upperdir=/run/upper/up,workdir=/run/upper/work none " + tools)
	for _, dir := range []string{"dev", "proc", "sys"} {
		g.say("sudo mkdir -p " + tools + "/" + dir + " " + tools + "/run " + tools + "/tmp && sudo mount --rbind /" + dir + " " + tools + "/" + dir)
	}
	return g
}

// toolbox makes a squashfs of the tools for LUKS, LVM and RAID, with floe and
// an image in it.
func toolbox(t *testing.T, image string) string {
	t.Helper()
	dir := t.TempDir()
	buildFloe(t, filepath.Join(dir, "floe"))
	for _, suffix := range []string{"", ".sha256"} {
		b, err := os.ReadFile(image + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "floe.iso"+suffix), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root := archivetest.Tools(t, "checks-disks", "base-files", "dash", "coreutils", "cryptsetup-bin", "lvm2", "mdadm", "squashfs-tools")
	args := []string{"mksquashfs", "/", "tools.sqfs", "-quiet", "-no-progress", "-noI", "-noD", "-noF", "-noX", "-noappend",
		"-wildcards", "-e", "proc/*", "sys/*", "dev/*", "build/tools.sqfs", "tmp/*", "run/*"}
	if err := root.Run(t.Context(), sandbox.Command{Args: args, Work: dir, Stderr: os.Stderr, Stdout: io.Discard}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "tools.sqfs")
}
