package userland

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"floe/assets"
	"floe/internal/fault"
	"floe/internal/sandbox"
)

// hardened are compiler flags for what listens to the network or is setuid:
// loaded at a random address, with checks of the stack. It costs dropbear 4 kB
// in the image.
var hardened = []string{"-Os", "-fPIE", "-fstack-protector-strong", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
	"-ffunction-sections", "-fdata-sections"}

var hardenedLink = []string{"-static-pie", "-Wl,--gc-sections", "-Wl,-z,relro,-z,now", pages, "-Wl,--build-id=none"}

// pages tells the linker that memory comes in pages of 4 KiB. For arm64 it
// would otherwise leave room for pages of 64 KiB, which Floe's kernel has not.
const pages = "-Wl,-z,max-page-size=4096"

// compiles says whether a line of output tells that a C file is compiled.
func compiles(line string) bool {
	return strings.HasPrefix(line, "  CC ") || strings.Contains(line, "-gcc ") && strings.Contains(line, " -c ")
}

// busybox builds busybox.
func (b *builder) busybox(ctx context.Context, jobs int) error {
	text, err := assets.Userland.ReadFile("userland/busybox.config")
	if err != nil {
		return err
	}
	list, err := ParseList(string(text))
	if err != nil {
		return fault.New(fault.Build, "read", "busybox.config", err, "")
	}
	run := func(stdin string, args ...string) error {
		return b.run(ctx, "busybox", sandbox.Command{
			// "quiet" would be guessed wrongly: the makefile takes any "s" in a
			// variable given here for "make -s", and says nothing.
			Args: append([]string{"make", "quiet=quiet_", "KCONFIG_NOTIMESTAMP=1", "CC=" + b.cc(), "HOSTCC=gcc", "SKIP_STRIP=y",
				// What Debian's syslogd does with socket addresses is right with glibc's transparent union only.
				"CONFIG_EXTRA_CFLAGS=-idirafter ../" + headersDir + " -Wno-error=incompatible-pointer-types",
				"CONFIG_EXTRA_LDFLAGS=-Wl,--build-id=none " + pages}, args...),
			Sub:   busyboxDir,
			Stdin: strings.NewReader(stdin),
		})
	}
	if err := run("", "allnoconfig"); err != nil {
		return err
	}
	if err := b.configure(list, func() error {
		// Empty lines answer the questions that new symbols raise.
		return run(strings.Repeat("\n", 2000), "oldconfig")
	}); err != nil {
		return err
	}
	if err := run("", fmt.Sprintf("-j%d", jobs), "busybox", "busybox.links"); err != nil {
		return err
	}
	if err := b.strip(ctx, "busybox", path.Join(busyboxDir, "busybox")); err != nil {
		return err
	}
	return errors.Join(
		b.keep(path.Join(busyboxDir, "busybox"), BusyboxName, 0o755),
		b.keep(path.Join(busyboxDir, "busybox.links"), LinksName, 0o644),
		b.keep(path.Join(busyboxDir, ".config"), ConfigName, 0o644),
	)
}

// configure puts the list into busybox's .config, lets oldconfig settle it,
// and checks what came out.
func (b *builder) configure(list []Symbol, oldconfig func() error) error {
	file := filepath.Join(b.Work, busyboxDir, ".config")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	failed := func(err error) error {
		return fault.New(fault.Build, "configure busybox", "", err, "change assets/userland/busybox.config")
	}
	config, err := Apply(string(text), list)
	if err != nil {
		return failed(err)
	}
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	if err := oldconfig(); err != nil {
		return err
	}
	if text, err = os.ReadFile(file); err != nil {
		return err
	}
	if err := Check(string(text), list); err != nil {
		return failed(err)
	}
	return nil
}

// dropbearPrograms are in the one binary of dropbear's, and names it goes by.
var dropbearPrograms = []string{"dropbear", "dropbearkey", "scp"}

// dropbear builds the ssh server.
func (b *builder) dropbear(ctx context.Context, jobs int) error {
	options, err := assets.Userland.ReadFile("userland/localoptions.h")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.Work, dropbearDir, "localoptions.h"), options, 0o644); err != nil {
		return err
	}
	configure := []string{"./configure", "--host=" + b.Arch.Triplet(), "--build=" + b.Host.Triplet(),
		"--enable-static", "--enable-bundled-libtom", "--disable-harden", "--disable-zlib", "--disable-pam", "--disable-shadow",
		// Nobody keeps a record of who is logged in.
		"--disable-lastlog", "--disable-utmp", "--disable-utmpx", "--disable-wtmp", "--disable-wtmpx",
		"--disable-loginfunc", "--disable-pututline", "--disable-pututxline",
		"CC=" + b.cc(), "CFLAGS=" + strings.Join(hardened, " "), "LDFLAGS=" + strings.Join(hardenedLink, " ")}
	if err := b.run(ctx, "dropbear", sandbox.Command{Args: configure, Sub: dropbearDir}); err != nil {
		return err
	}
	if err := b.run(ctx, "dropbear", sandbox.Command{
		Args: []string{"make", fmt.Sprintf("-j%d", jobs), "MULTI=1", "PROGRAMS=" + strings.Join(dropbearPrograms, " ")},
		Sub:  dropbearDir,
	}); err != nil {
		return err
	}
	binary := path.Join(dropbearDir, "dropbearmulti")
	if err := b.strip(ctx, "dropbear", binary); err != nil {
		return err
	}
	return b.keep(binary, DropbearName, 0o755)
}

// own builds Floe's own programs, each from one file, and one of them with
// dropbear's arithmetic.
func (b *builder) own(ctx context.Context) error {
	const bear = "../" + dropbearDir
	for _, name := range []string{SudoName, LinkwatchName, SigcheckName} {
		args := append([]string{b.cc(), "-Wall", "-Wextra", "-s", "-idirafter", "../" + headersDir}, hardened...)
		args = append(append(args, hardenedLink...), "-o", name, name+".c")
		if name == SigcheckName {
			args = append(args, "-DDROPBEAR_SERVER=1", "-DLOCALOPTIONS_H_EXISTS", "-I"+bear, "-I"+bear+"/src",
				"-I"+bear+"/libtomcrypt/src/headers", bear+"/libtomcrypt/libtomcrypt.a")
		} else {
			args = append(args, "-Werror")
		}
		if err := b.run(ctx, name, sandbox.Command{Args: args, Sub: ownDir}); err != nil {
			return err
		}
		if err := b.keep(path.Join(ownDir, name), name, 0o755); err != nil {
			return err
		}
	}
	return nil
}
