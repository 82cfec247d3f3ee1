package initramfs_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
	"floe/internal/initramfs"
	"floe/internal/sandbox"
)

// tools gives the reference programs, from Debian.
func tools(t *testing.T) sandbox.Runner {
	t.Helper()
	return archivetest.Tools(t, "checks-initramfs", "cpio", "xz-utils", "zstd")
}

// ask runs a program with an input and gives its output.
func ask(t *testing.T, run sandbox.Runner, in []byte, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run.Run(t.Context(), sandbox.Command{Args: args, Work: t.TempDir(), Stdin: bytes.NewReader(in), Stdout: &out}); err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

// TestCpioReads has GNU cpio list what we write.
func TestCpioReads(t *testing.T) {
	run := tools(t)
	a := initramfs.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	a.Dir("home", 0o755, 0, 0)
	a.Dir("home/floe", 0o750, 1000, 1001)
	a.File("home/floe/notes", 0o600, 1000, 1001, []byte("abc"))
	a.File("su", 0o4755, 0, 0, []byte("x"))
	a.Dir("tmp", 0o1777, 0, 0)
	a.Symlink("sh", "bin/busybox")
	raw, err := a.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(ask(t, run, raw, "cpio", "--list", "--verbose", "--numeric-uid-gid", "--quiet")) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"drwxr-xr-x 2 0 0 0 Jan 2 2026 home",
		"drwxr-x--- 2 1000 1001 0 Jan 2 2026 home/floe",
		"-rw------- 1 1000 1001 3 Jan 2 2026 home/floe/notes",
		"lrwxrwxrwx 1 0 0 11 Jan 2 2026 sh -> bin/busybox",
		"-rwsr-xr-x 1 0 0 1 Jan 2 2026 su",
		"drwxrwxrwt 2 0 0 0 Jan 2 2026 tmp",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("cpio lists\n%s\nwant\n%s", g, w)
	}
}

func TestCompress(t *testing.T) {
	run := tools(t)
	data := []byte(strings.Repeat("a frozen penguin on a floe of ice\n", 50_000))
	for _, way := range initramfs.Compressions() {
		packed, err := initramfs.Compress(t.Context(), run, t.TempDir(), way, data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := initramfs.Compress(t.Context(), run, t.TempDir(), way, data)
		if err != nil || !bytes.Equal(packed, again) {
			t.Errorf("%s: other bytes the second time (%v)", way, err)
		}
		if way == initramfs.None {
			continue
		}
		if len(packed) > len(data)/100 {
			t.Errorf("%s: %d bytes from %d", way, len(packed), len(data))
		}
		if out := ask(t, run, packed, way.Tool(), "--decompress", "--stdout"); out != string(data) {
			t.Errorf("%s does not give back what went in", way)
		}
		if way == initramfs.XZ { // the kernel refuses every other check
			if flags := packed[6:8]; !bytes.Equal(flags, []byte{0, 1}) {
				t.Errorf("xz stream flags % x: not CRC32 (00 01)", flags)
			}
		}
	}
}

func TestCompressStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := initramfs.Compress(ctx, tools(t), t.TempDir(), initramfs.XZ, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the context was cancelled", err)
	}
}
