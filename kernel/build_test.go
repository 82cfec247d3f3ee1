package kernel

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sandbox"
)

var epoch = time.Date(2025, 8, 9, 1, 2, 3, 0, time.UTC)

// makefile stands in for the kernel's: it writes what the kernel's would, in
// the kernel's words. Its configuration step takes all that is asked for,
// apart from what the file "drop" names; its compiler fails with what stands
// in the file "broken", if there is one.
const makefile = `VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 9
EXTRAVERSION =

allnoconfig:
	@grep -v -f drop $(KCONFIG_ALLCONFIG) > .config
bzImage:
	@echo '  CC      init/main.o'
	@echo '  PLAIN   init/main.o'
	@echo '  CC      init/version.o' >&2
	@if test -f broken; then cat broken >&2; echo '   1 | x'; false; fi
	@echo '  LD      vmlinux'
	@echo '  SORTTAB vmlinux'
	@mkdir -p arch/x86/boot
	@echo "$(ARCH) $(CROSS_COMPILE:%=by %gcc )$$KBUILD_BUILD_TIMESTAMP" > arch/x86/boot/bzImage
	@echo map > System.map
`

const kconfig = `config NET
	bool "Networking"
config VETH
	bool "veth"
	depends on NET && NETDEVICES
config NETDEVICES
	bool "Devices"
`

// standInTools are what packs, unpacks and builds the stand-in.
var standInTools = []string{"sh", "make", "xz", "tar", "grep", "cat", "mkdir"}

// makeSource writes a .deb that holds a source with the given further files.
func makeSource(t *testing.T, more map[string]string) string {
	t.Helper()
	for _, tool := range standInTools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this host has no %s; the pipeline's test builds the real kernel in the sandbox", tool)
		}
	}
	files := map[string]string{"Makefile": makefile, "Kconfig": kconfig, "drop": "^#\n", "Documentation/a/b": "text"}
	for name, text := range more {
		files[name] = text
	}
	var inner bytes.Buffer
	tw := tar.NewWriter(&inner)
	for name, text := range files {
		tarFile(t, tw, "linux-source-6.12/"+name, []byte(text))
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	tw = tar.NewWriter(&data)
	tarFile(t, tw, "./usr/share/doc/linux-source-6.12/copyright", []byte("text"))
	tarFile(t, tw, "./usr/src/linux-source-6.12.tar.xz", xz(t, inner.Bytes()))
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	var deb bytes.Buffer
	deb.WriteString("!<arch>\n")
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.xz", []byte("odd")}, {"data.tar.xz", xz(t, data.Bytes())}} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		deb.Write(m.data)
		if len(m.data)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, deb.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func tarFile(t *testing.T, tw *tar.Writer, name string, data []byte) {
	t.Helper()
	h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg, ModTime: epoch}
	if err := tw.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(data); err != nil {
		t.Fatal(err)
	}
}

func xz(t *testing.T, data []byte) []byte {
	t.Helper()
	cmd := exec.Command("xz", "-1", "-c")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// options are those of a build of source in fresh folders.
func options(t *testing.T, source string, events *[]report.Event) Options {
	dir := t.TempDir()
	for _, sub := range []string{"work", "out"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sink := report.Discard
	if events != nil {
		sink = report.Func(func(e report.Event) { *events = append(*events, e) })
	}
	return Options{
		Arch: arch.AMD64, Source: source, Runner: sandbox.Host{}, Jobs: 2, Time: epoch, Objects: 10,
		Work: filepath.Join(dir, "work"), Out: filepath.Join(dir, "out"), LogPath: filepath.Join(dir, "log"),
		Report: report.Start(sink, "kernel/amd64", "Kernel"),
	}
}

func TestBuild(t *testing.T) {
	var events []report.Event
	o := options(t, makeSource(t, map[string]string{"drop": "XYZ\n"}), &events)
	if err := Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(filepath.Join(o.Out, ImageName))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(image), "x86_64 Sat Aug  9 01:02:03 UTC 2025\n"; got != want {
		t.Errorf("image %q, want %q", got, want)
	}
	res, err := ReadResult(o.Out)
	// The stand-in has none of the files that the patches are for.
	if want := (Result{arch.AMD64, "6.12.9", 3, unfit(), 1}); err != nil || !reflect.DeepEqual(res, want) {
		t.Errorf("result %+v (%v), want %+v", res, err, want)
	}
	conf, err := os.ReadFile(filepath.Join(o.Out, ConfigName))
	if err != nil || !bytes.Contains(conf, []byte("CONFIG_VETH=y\n")) {
		t.Errorf("config: %v", err)
	}
	var progress []string
	for _, e := range events {
		if e.Kind == report.Progress {
			progress = append(progress, fmt.Sprintf("%d/%d", e.Done, e.Total))
		}
	}
	if got, want := strings.Join(progress, " "), "1/10 2/10 3/10 3/3"; got != want {
		t.Errorf("progress %s, want %s", got, want)
	}
	if left, _ := os.ReadDir(filepath.Join(o.Work, treeDir)); len(left) > 0 {
		t.Errorf("the source was left in the work folder")
	}
}

// TestBuildNamesTheCompiler: it is the one with the prefix, on whatever host.
func TestBuildNamesTheCompiler(t *testing.T) {
	o := options(t, makeSource(t, map[string]string{"drop": "XYZ\n"}), nil)
	o.Prefix = "x86_64-linux-gnu-"
	if err := Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(filepath.Join(o.Out, ImageName))
	if want := "x86_64 by x86_64-linux-gnu-gcc "; err != nil || !strings.HasPrefix(string(image), want) {
		t.Errorf("image %q (%v), want %q and the time", image, err, want)
	}
}

func TestBuildNamesDroppedSymbols(t *testing.T) {
	o := options(t, makeSource(t, map[string]string{"drop": "CONFIG_VETH=\nCONFIG_NETDEVICES=\n"}), nil)
	err := Build(t.Context(), o)
	var conf *ConfigError
	if !errors.As(err, &conf) || fault.Code(err) != int(fault.Build) {
		t.Fatalf("error %v", err)
	}
	if !strings.Contains(err.Error(), "CONFIG_VETH=y (network.config, line ") ||
		!strings.Contains(err.Error(), "became n: unmet dependency: NETDEVICES=n (ask for it too)") {
		t.Errorf("error: %v", err)
	}
	if len(conf.Misses) != 2 {
		t.Errorf("%d misses", len(conf.Misses))
	}
}

// TestBuildShowsFirstError: a failure tells the first error of the log, what a person can do
// about such a one, and where the log is.
func TestBuildShowsFirstError(t *testing.T) {
	for line, advice := range map[string]string{
		"a.c:1:2: error: expected ;":                                          "Try again",
		"gcc: fatal error: Killed signal terminated program cc1":              "Memory ran out",
		"a.c:1:2: fatal error: error writing to a.s: No space left on device": "The disk is full",
		"a.c:1:10: fatal error: gelf.h: No such file or directory":            "--toolchain sandbox",
	} {
		o := options(t, makeSource(t, map[string]string{"drop": "XYZ\n", "broken": line + "\n"}), nil)
		err := Build(t.Context(), o)
		var fail *LogError
		if !errors.As(err, &fail) || fault.Code(err) != int(fault.Build) {
			t.Fatalf("error %v", err)
		}
		if fail.Excerpt.Line != line || len(fail.Excerpt.After) == 0 || !strings.HasPrefix(fail.Error(), line+"\n") {
			t.Errorf("excerpt %+v", fail.Excerpt)
		}
		if hint := fault.Hint(err); !strings.Contains(hint, advice) || !strings.Contains(hint, o.LogPath) {
			t.Errorf("%s: hint %q", line, hint)
		}
		if files, _ := os.ReadDir(o.Out); len(files) > 0 {
			t.Errorf("a failed build left %v", files)
		}
	}
}

func TestBuildRefusesOtherFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no tar": "words", "deb without data": "!<arch>\n", "deb with rubbish": "!<arch>\n" + strings.Repeat("x", 60),
	} {
		path := filepath.Join(t.TempDir(), "source.deb")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Build(t.Context(), options(t, path, nil)); fault.Code(err) != int(fault.Build) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := Build(t.Context(), options(t, "/nowhere", nil)); fault.Code(err) != int(fault.Missing) {
		t.Errorf("missing file: error %v", err)
	}
}

func TestBuildStops(t *testing.T) {
	source := makeSource(t, map[string]string{
		"Makefile": strings.Replace(makefile, "allnoconfig:\n", "allnoconfig:\n\t@echo sleeping; sleep 60\n", 1),
	})
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, source, nil)
	o.Report = report.Start(report.Func(func(e report.Event) {
		if e.Text == "sleeping" {
			cancel()
		}
	}), "kernel/amd64", "Kernel")
	start := time.Now()
	if err := Build(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("stopped after %s", d)
	}
}

func TestMakeArgs(t *testing.T) {
	const every = "-ftrack-macro-expansion=0 -Wno-misleading-indentation"
	for _, tc := range []struct {
		target       arch.Arch
		prefix, want string
	}{
		{arch.AMD64, "", "ARCH=x86_64 KCFLAGS=" + every + " -mstringop-strategy=libcall"},
		{arch.ARM64, "", "ARCH=arm64 KCFLAGS=" + every},
		{arch.AMD64, "x86_64-linux-gnu-", "ARCH=x86_64 KCFLAGS=" + every + " -mstringop-strategy=libcall CROSS_COMPILE=x86_64-linux-gnu-"},
		{arch.ARM64, "aarch64-linux-gnu-", "ARCH=arm64 KCFLAGS=" + every + " CROSS_COMPILE=aarch64-linux-gnu-"},
	} {
		var others []string
		for _, arg := range makeArgs(tc.target, tc.prefix) {
			if !strings.HasPrefix(arg, "CFLAGS_") {
				others = append(others, arg)
			}
		}
		if got := strings.Join(others, " "); got != tc.want {
			t.Errorf("%s by %q: %s, want %s", tc.target, tc.prefix, got, tc.want)
		}
	}
	if args := makeArgs(arch.ARM64, ""); !slices.Contains(args, "CFLAGS_decompress/huf_decompress.o=-O2") {
		t.Errorf("what unpacks packages is not compiled for speed: %q", args)
	}
	env := strings.Join(makeEnv(epoch.In(time.FixedZone("X", 3600))), " ")
	if !strings.Contains(env, "KBUILD_BUILD_TIMESTAMP=Sat Aug  9 01:02:03 UTC 2025") {
		t.Errorf("environment %s", env)
	}
}
