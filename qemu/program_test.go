package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/internal/fault"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\nCopyright (c)": {10, 0, 13},
		"QEMU emulator version 8.2":                           {8, 2, 0},
		"warning: something\nQEMU emulator version 7.2.17 ()": {7, 2, 17},
	} {
		if v, err := ParseVersion(text); err != nil || v != want {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
	if v, err := ParseVersion("bash: not found"); err == nil {
		t.Errorf("a version in nothing: %v", v)
	}
	for _, row := range []struct {
		a, b Version
		want bool
	}{
		{Version{10, 0, 0}, Version{8, 2, 0}, true},
		{Version{8, 2, 0}, Version{8, 2, 0}, true},
		{Version{8, 1, 9}, Version{8, 2, 0}, false},
		{Version{7, 99, 99}, Version{8, 2, 0}, false},
	} {
		if row.a.AtLeast(row.b) != row.want {
			t.Errorf("%s at least %s", row.a, row.b)
		}
	}
}

// program writes a program that prints the text.
func program(t *testing.T, dir, name, text string, status int) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho '%s'\nexit %d\n", text, status)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestFindHost(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	find := func() (Program, error) { return FindHost(t.Context(), arch.AMD64, MinVersion()) }
	refused := func(why string) {
		t.Helper()
		_, err := find()
		if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), why) || fault.Hint(err) == "" {
			t.Errorf("want %q, got %v", why, err)
		}
	}
	refused("not on the PATH")
	program(t, dir, "qemu-system-x86_64", "QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg-7+deb12u13)", 0)
	refused("version 7.2.17; at least 8.2")
	program(t, dir, "qemu-system-x86_64", "symbol lookup error", 127)
	refused("symbol lookup error")
	program(t, dir, "qemu-system-x86_64", "QEMU emulator version 9.1.0", 0)
	p, err := find()
	if err != nil || p.Version != (Version{9, 1, 0}) || p.Root != "/" || p.Argv[0] != filepath.Join(dir, "qemu-system-x86_64") {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestFindHostWithFirmware: a QEMU for arm64 is of use with firmware only.
func TestFindHostWithFirmware(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	program(t, dir, "qemu-system-aarch64", "QEMU emulator version 9.1.0", 0)
	_, err := findHost(t.Context(), arch.ARM64, MinVersion(), t.TempDir())
	if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), "UEFI firmware") {
		t.Errorf("without firmware: %v", err)
	}
	root := firmware(t, map[string]string{"usr/share/qemu/firmware/60-edk2-aarch64.json": `{"interface-types": ["uefi"],
		"mapping": {"device": "flash", "executable": {"filename": "/code", "format": "raw"}, "nvram-template": {"filename": "/vars", "format": "raw"}},
		"targets": [{"architecture": "aarch64", "machines": ["virt-*"]}], "features": []}`}, "code", "vars")
	if p, err := findHost(t.Context(), arch.ARM64, MinVersion(), root); err != nil || p.Root != root {
		t.Errorf("with firmware: %+v, %v", p, err)
	}
}

// firmware fills a root folder with descriptors and firmware files.
func firmware(t *testing.T, descriptors map[string]string, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range files {
		descriptors[f] = "firmware"
	}
	for name, text := range descriptors {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// descriptorText is a descriptor as distributions ship it.
func descriptorText(code, vars, target, machines, mapping, features string) string {
	return fmt.Sprintf(`{"description": "x", "interface-types": ["uefi"],
"mapping": {"device": "flash", %s "executable": {"filename": "%s", "format": "raw"}, "nvram-template": {"filename": "%s", "format": "qcow2"}},
"targets": [{"architecture": "%s", "machines": ["%s"]}], "features": [%s], "tags": []}`, mapping, code, vars, target, machines, features)
}

func TestFindFlash(t *testing.T) {
	const share, etc = "usr/share/qemu/firmware/", "etc/qemu/firmware/"
	plain := descriptorText("/fw/code", "/fw/vars", "x86_64", "pc-q35-*", "", `"acpi-s3"`)
	arm := descriptorText("/fw/arm", "/fw/vars", "aarch64", "virt-*", "", "")
	all := []string{"fw/code", "fw/vars", "fw/arm", "fw/other"}
	for name, row := range map[string]struct {
		descriptors map[string]string
		guest       arch.Arch
		code        string // "": none is found
		says        string
	}{
		"the plain one": {map[string]string{
			share + "40-secure.json": descriptorText("/fw/other", "/fw/vars", "x86_64", "pc-q35-*", "", `"requires-smm", "secure-boot"`),
			share + "50-bios.json":   strings.Replace(plain, "uefi", "bios", 1),
			share + "60-plain.json":  plain,
			share + "README":         "not JSON",
		}, arch.AMD64, "/fw/code", ""},
		"by architecture":   {map[string]string{share + "1.json": plain, share + "2.json": arm}, arch.ARM64, "/fw/arm", ""},
		"by board":          {map[string]string{share + "1.json": descriptorText("/fw/other", "/fw/vars", "x86_64", "pc-i440fx-*", "", "")}, arch.AMD64, "", "no firmware descriptor fits"},
		"combined is not":   {map[string]string{share + "1.json": descriptorText("/fw/other", "", "x86_64", "pc-q35-*", `"mode": "combined",`, "")}, arch.AMD64, "", "no firmware"},
		"the lower number":  {map[string]string{share + "9.json": plain, share + "1.json": descriptorText("/fw/other", "/fw/vars", "x86_64", "*", "", "")}, arch.AMD64, "/fw/other", ""},
		"etc hides":         {map[string]string{share + "1.json": plain, etc + "1.json": descriptorText("/fw/other", "/fw/vars", "x86_64", "*", "", "")}, arch.AMD64, "/fw/other", ""},
		"etc hides by void": {map[string]string{share + "1.json": plain, etc + "1.json": ""}, arch.AMD64, "", "no firmware"},
		"a missing file":    {map[string]string{share + "1.json": descriptorText("/fw/gone", "/fw/vars", "x86_64", "*", "", "")}, arch.AMD64, "", "gone"},
		"broken JSON":       {map[string]string{share + "1.json": "{"}, arch.AMD64, "", "1.json"},
		"nothing at all":    {map[string]string{}, arch.AMD64, "", "no firmware"},
	} {
		root := firmware(t, row.descriptors, all...)
		f, err := FindFlash(root, row.guest)
		if row.code == "" {
			if fault.Code(err) != int(fault.Missing) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
			continue
		}
		want := Flash{Code: filepath.Join(root, row.code), Format: "raw", Vars: filepath.Join(root, "fw/vars"), VarsFormat: "qcow2"}
		if err != nil || f != want {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	root := firmware(t, map[string]string{share + "1.json": descriptorText("/fw/code", "", "x86_64", "*", `"mode": "stateless",`, "")}, all...)
	if f, err := FindFlash(root, arch.AMD64); err != nil || f.Vars != "" {
		t.Errorf("stateless: %+v, %v", f, err)
	}
}
