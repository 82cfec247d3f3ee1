package grub_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/grub"
	"floe/internal/sandbox"

	"github.com/klauspost/compress/gzip"
)

// tools gives GRUB, from Debian.
func tools(t *testing.T) *sandbox.Root {
	t.Helper()
	return archivetest.Tools(t, "checks-grub", "grub-common", "grub-pc-bin:amd64", "grub-efi-amd64-bin:amd64")
}

// TestBIOS makes the image for BIOS: the same each time, with nothing left in
// the working folder, and no larger than what the image's budget has for it.
func TestBIOS(t *testing.T) {
	run, work := tools(t), t.TempDir()
	one, err := grub.CoreBIOS(t.Context(), run, work)
	if err != nil {
		t.Fatal(err)
	}
	two, err := grub.CoreBIOS(t.Context(), run, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Core, two.Core) {
		t.Error("other bytes the second time")
	}
	if len(one.Core) < 50_000 || len(one.Core) > 165_000 {
		t.Errorf("the image has %d bytes", len(one.Core))
	}
	if len(one.MBR) != 512 || one.MBR[510] != 0x55 || one.MBR[511] != 0xaa {
		t.Errorf("the boot sector has %d bytes, or no magic number", len(one.MBR))
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// TestEFI makes image and modules for UEFI.
func TestEFI(t *testing.T) {
	run := tools(t)
	efi, err := grub.CoreEFI(t.Context(), run, t.TempDir(), arch.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	again, err := grub.CoreEFI(t.Context(), run, t.TempDir(), arch.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(efi.Core, again.Core) {
		t.Error("other bytes the second time")
	}
	if !bytes.HasPrefix(efi.Core, []byte("MZ")) {
		t.Error("not a program for UEFI")
	}
	total := len(efi.Core)
	names := map[string]bool{}
	for _, f := range efi.Modules {
		total += len(f.Data)
		names[f.Path] = true
		plain, err := gzip.NewReader(bytes.NewReader(f.Data))
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		got, err := io.ReadAll(plain)
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		host, err := run.Path("/usr/lib/" + strings.TrimPrefix(f.Path, "boot/"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(host)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not GRUB's module (%v)", f.Path, err)
		}
	}
	if total > 370_000 {
		t.Errorf("%d bytes in all", total)
	}
	for _, name := range []string{"normal", "linux", "echo", "gettext"} {
		if !names["boot/grub/x86_64-efi/"+name+".mod"] {
			t.Errorf("no module %s", name)
		}
	}
	if names["boot/grub/x86_64-efi/iso9660.mod"] {
		t.Error("iso9660 is in the image, and once more among the modules")
	}
}

// TestMenuParses has GRUB's own parser read a menu with everything in it.
func TestMenuParses(t *testing.T) {
	run, work := tools(t), t.TempDir()
	files, err := grub.Menu(grub.MenuSpec{
		Title: "Floe 1.0; it's {fine}", Initrds: []string{"boot/core.img", "boot/personal.img"}, Serial: []string{"ttyS0"}, Timeout: 3,
		Args: []string{"host=a b", "docker=$x;y", `docker=it's\x`, "quiet"},
		Help: []grub.HelpPage{{Key: "f2", Title: "Help: boot codes", Lines: []string{"", "base   don't load packages; {x} $y"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) error {
		if err := os.WriteFile(filepath.Join(work, "grub.cfg"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		return run.Run(t.Context(), sandbox.Command{Args: []string{"grub-script-check", "grub.cfg"}, Work: work})
	}
	menu := files[0].Data
	if err := check(menu); err != nil {
		t.Errorf("%v\n%s", err, menu)
	}
	if check(append(menu, "menuentry {\n"...)) == nil {
		t.Error("the parser takes anything")
	}
}

// TestMessagesExist: every message that has Floe's words is one of GRUB's, to
// the letter.
func TestMessagesExist(t *testing.T) {
	run := tools(t)
	host, err := run.Path("/usr/lib/grub/i386-pc/normal.mod")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(host)
	if err != nil {
		t.Fatal(err)
	}
	for message := range grub.Messages(grub.MenuSpec{}) {
		if !bytes.Contains(module, []byte("\x00"+message+"\x00")) {
			t.Errorf("GRUB does not say %q", message)
		}
	}
}

// TestMissing checks the words for a platform whose package is not there.
func TestMissing(t *testing.T) {
	_, err := grub.CoreEFI(t.Context(), tools(t), t.TempDir(), arch.ARM64)
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(fault.Hint(err), "grub-efi-arm64-bin") {
		t.Errorf("error %v, hint %q", err, fault.Hint(err))
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v does not say that it is not there", err)
	}
}
