package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/arch"
)

func TestDetectAccel(t *testing.T) {
	dir := t.TempDir()
	device := filepath.Join(dir, "kvm")
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info := func(name string) string { return filepath.Join("testdata", "cpuinfo", name) }
	for _, row := range []struct {
		name  string
		guest arch.Arch
		host  Host
		kvm   bool
		says  string
	}{
		{"intel", arch.AMD64, Host{info("vmx"), device, arch.AMD64}, true, "KVM"},
		{"amd", arch.AMD64, Host{info("svm"), device, arch.AMD64}, true, "KVM"},
		{"virtual machine with a device that lies", arch.AMD64, Host{info("virtual"), device, arch.AMD64}, false, "shows no vmx or svm"},
		{"no device", arch.AMD64, Host{info("vmx"), device + "-not", arch.AMD64}, false, "is not there"},
		{"no cpuinfo", arch.AMD64, Host{info("not"), device, arch.AMD64}, false, "cannot see"},
		{"other guest", arch.ARM64, Host{info("vmx"), device, arch.AMD64}, false, "the guest is arm64"},
		{"arm", arch.ARM64, Host{info("arm64"), device, arch.ARM64}, true, "KVM"},
		{"arm without", arch.ARM64, Host{info("arm64"), device + "-not", arch.ARM64}, false, "is not there"},
		{"device that does not open for writing", arch.AMD64, Host{info("vmx"), dir, arch.AMD64}, false, "is a directory"},
	} {
		a := DetectAccel(row.guest, row.host)
		if a.KVM != row.kvm || !strings.Contains(a.String(), row.says) {
			t.Errorf("%s: %+v", row.name, a)
		}
	}
}

func TestCheckMemory(t *testing.T) {
	meminfo := filepath.Join("testdata", "meminfo") // 1024 MiB available
	for mib, want := range map[int]struct{ warns, fails bool }{
		256: {false, false}, 800: {true, false}, 896: {true, false}, 897: {false, true}, 4096: {false, true},
	} {
		warning, err := CheckMemory(Machine{Name: "m", Memory: mib}, meminfo)
		if (warning != "") != want.warns || (err != nil) != want.fails {
			t.Errorf("%d MiB: %q, %v", mib, warning, err)
		}
	}
	if warning, err := CheckMemory(Machine{Memory: 1 << 30}, meminfo+"-not"); warning == "" || err != nil {
		t.Errorf("without meminfo: %q, %v", warning, err)
	}
}
