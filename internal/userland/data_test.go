package userland

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"floe/assets"
)

// partition is one as the kernel shows it in sysfs.
type partition struct {
	name        string // in its partition table; "" where that has no names
	start, size int    // in sectors of 512 bytes
}

// TestOnlyFloesPartitionIsWidened runs the booted system's own function on disks
// as the kernel shows them. What it would have sfdisk do is written down.
func TestOnlyFloesPartitionIsWidened(t *testing.T) {
	const disk, early, late = 1 << 20, 2048, 1 << 18
	for name, tt := range map[string]struct {
		parts []partition // the last one is the data disk
		want  string
	}{
		"floe's":             {[]partition{{"floe-data", early, late}}, "sfdisk -N 1"},
		"floe's, the second": {[]partition{{"ESP", early, early}, {"floe-data", late, late}}, "sfdisk -N 2"},
		"floe's, not last":   {[]partition{{"", late, late}, {"floe-data", early, early}}, ""},
		"floe's, no room":    {[]partition{{"floe-data", early, disk - early - 32768}}, ""},
		"somebody's own":     {[]partition{{"home", early, late}}, ""},
		"one with no name":   {[]partition{{"", early, late}}, ""},
		"of a name like it":  {[]partition{{"floe-data-2", early, late}}, ""},
	} {
		sys := t.TempDir()
		for i, p := range tt.parts {
			folder := filepath.Join(sys, "sda", fmt.Sprintf("sda%d", i+1))
			uevent := fmt.Sprintf("MAJOR=8\nDEVTYPE=partition\nPARTN=%d\n", i+1)
			if p.name != "" {
				uevent += "PARTNAME=" + p.name + "\n"
			}
			put(t, folder, map[string]string{"partition": fmt.Sprintln(i + 1), "start": fmt.Sprintln(p.start), "size": fmt.Sprintln(p.size), "uevent": uevent})
			if err := os.Symlink(folder, filepath.Join(sys, filepath.Base(folder))); err != nil {
				t.Fatal(err)
			}
		}
		put(t, filepath.Join(sys, "sda"), map[string]string{"size": fmt.Sprintln(disk)})
		for _, what := range []string{"", "blank"} {
			want := tt.want
			if want != "" && what != "" { // its end is made blank as well
				want = "dd of=/dev/sda bs=4096 seek=130048 count=1025\n" + want
			}
			script := "set -eu\ntool() { :; }\npartx() { :; }\nannounce() { :; }\nproblem() { echo \"PROBLEM: $1\"; }\n" +
				"dd() { shift; echo \"dd $*\" >>did; }\n" +
				"sfdisk() { while [ $# -gt 2 ]; do shift; done; echo \"sfdisk -N $1\" >>did; }\n" +
				strings.NewReplacer("/sys/class/block", sys, "/dev/console", "told").Replace(functions(t, "etc/init.d/data", "label_of", "widen")) +
				fmt.Sprintf("\nwiden /dev/sda%d %s\n", len(tt.parts), what)
			cmd := exec.Command("sh", "-c", script)
			cmd.Dir = t.TempDir()
			out, err := cmd.CombinedOutput()
			did, _ := os.ReadFile(filepath.Join(cmd.Dir, "did"))
			if err != nil || len(out) > 0 || strings.TrimSpace(string(did)) != want {
				t.Errorf("%s %s: it did %q, want %q\n%v\n%s", name, what, did, want, err, out)
			}
		}
	}
}

// put makes a folder with files.
func put(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// functions gives some of the functions of one of the booted system's scripts.
func functions(t *testing.T, script string, names ...string) string {
	t.Helper()
	var found strings.Builder
	for _, e := range assets.Rootfs() {
		if e.Path != script {
			continue
		}
		for _, name := range names {
			body := regexp.MustCompile(`(?ms)^` + name + `\(\) \{$.*?^\}$`).Find(e.Data)
			if body == nil {
				t.Fatalf("%s has no function %s", script, name)
			}
			found.Write(append(body, '\n'))
		}
	}
	return found.String()
}
