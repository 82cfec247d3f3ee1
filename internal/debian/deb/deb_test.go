package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

var epoch = time.Date(2025, 8, 9, 10, 0, 0, 0, time.UTC)

// entry is one entry of a tar archive in a test.
type entry struct {
	name, link, body string
	kind             byte
	mode             int64
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.body)), ModTime: epoch}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pack compresses as a suffix says.
func pack(t *testing.T, suffix string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch suffix {
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".xz":
		w, err = xz.WriterConfig{DictCap: 1 << 16}.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	default:
		return data
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type member struct {
	name string
	data []byte
}

func arOf(members ...member) []byte {
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, epoch.Unix(), 0, 0, "100644", len(m.data))
		out.Write(m.data)
		if len(m.data)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

const control = "Package: tool\nVersion: 1.0-1\nArchitecture: amd64\n"

func TestOpen(t *testing.T) {
	for _, suffix := range []string{".gz", ".xz", ".zst", ""} {
		t.Run("tar"+suffix, func(t *testing.T) {
			data := tarOf(t, entry{name: "./", kind: tar.TypeDir, mode: 0o755}, entry{name: "./usr/bin/tool", body: "binary", mode: 0o4755},
				entry{name: "./bin", link: "usr/bin", kind: tar.TypeSymlink})
			r, err := Open(write(t, "tool.deb", arOf(
				member{"debian-binary", []byte("2.0\n")},
				member{"_odd", []byte("odd")}, // to be passed over
				member{"control.tar" + suffix, pack(t, suffix, tarOf(t, entry{name: "./", kind: tar.TypeDir}, entry{name: "./control", body: control}))},
				member{"data.tar" + suffix, pack(t, suffix, data)},
			)))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if r.Control.Get("Package") != "tool" || r.Control.Get("Version") != "1.0-1" {
				t.Errorf("control: %q", r.Control)
			}
			var got []string
			for {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%s %o %s%s", h.Name, h.Mode, body, h.Linkname))
			}
			if s := strings.Join(got, ", "); s != "./ 755 , ./usr/bin/tool 4755 binary, ./bin 0 usr/bin" {
				t.Errorf("entries: %s", s)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	ctl := member{"control.tar.gz", pack(t, ".gz", tarOf(t, entry{name: "control", body: control}))}
	good := arOf(member{"debian-binary", []byte("2.0\n")}, ctl, member{"data.tar", tarOf(t)})
	for name, data := range map[string][]byte{
		"empty":           nil,
		"not ar":          []byte("hello, this is no package at all"),
		"only the magic":  good[:8],
		"cut in a header": good[:30],
		"cut in a member": good[:100],
		"no data":         arOf(member{"debian-binary", []byte("2.0\n")}, ctl),
		"no control":      arOf(member{"debian-binary", []byte("2.0\n")}, member{"data.tar", tarOf(t)}),
		"empty control":   arOf(member{"debian-binary", []byte("2.0\n")}, member{"control.tar", tarOf(t)}, member{"data.tar", nil}),
		"other format":    arOf(member{"debian-binary", []byte("3.0\n")}, ctl, member{"data.tar", nil}),
		"other members":   arOf(member{"hello", []byte("2.0\n")}, ctl, member{"data.tar", nil}),
		"negative size":   bytes.Replace(good, []byte("4         `"), []byte("-4        `"), 1),
	} {
		if r, err := Open(write(t, "x.deb", data)); err == nil {
			r.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "x.deb") {
			t.Errorf("%s: error %q does not name the file", name, err)
		}
	}
}

func TestDecompressDamage(t *testing.T) {
	text := bytes.Repeat([]byte("some text that is compressed\n"), 60000)
	for _, suffix := range []string{".gz", ".xz", ".zst"} {
		packed := pack(t, suffix, text)
		for _, bad := range [][]byte{packed[:len(packed)/2], flip(packed, len(packed)/2), {}} {
			r, err := Decompress("x"+suffix, bytes.NewReader(bad))
			if err != nil {
				continue
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err == nil && !bytes.Equal(got, text) {
				t.Errorf("%s: damage was not noticed", suffix)
			}
			if len(bad) < len(packed) && err == nil {
				t.Errorf("%s: %d of %d bytes passed for all", suffix, len(bad), len(packed))
			}
		}
	}
	if _, err := Decompress("x.lzma", bytes.NewReader(nil)); err == nil {
		t.Error("lzma passed")
	}
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 0x10
	return data
}

// TestDecompressAhead checks that the read-ahead neither loses bytes nor hangs
// when it is closed early.
func TestDecompressAhead(t *testing.T) {
	text := make([]byte, 5*aheadBuffers*aheadSize/2+17)
	for i := range text {
		text[i] = byte(i ^ i>>8 ^ i>>16)
	}
	packed := pack(t, ".xz", text)
	r, err := Decompress("x.xz", bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
	}
	r.Close()
	if r, err = Decompress("x.xz", bytes.NewReader(packed)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	r.Close()
	r.Close()
}

// TestAheadPassesOn checks readers that give little at a time, data together
// with the end, and an error in the middle.
func TestAheadPassesOn(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 60000)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		r   io.Reader
		err error
	}{
		"half":          {iotest.HalfReader(bytes.NewReader(text)), nil},
		"data with end": {iotest.DataErrReader(bytes.NewReader(text)), nil},
		"broken":        {io.MultiReader(bytes.NewReader(text), iotest.ErrReader(broken)), broken},
	} {
		r := ahead(c.r)
		got, err := io.ReadAll(r)
		if !bytes.Equal(got, text) || !errors.Is(err, c.err) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(text), err)
		}
		r.Close()
	}
}

func TestUntar(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	date, err := Untar(context.Background(), bytes.NewReader(tarOf(t,
		entry{name: "a/", kind: tar.TypeDir, mode: 0o700},
		entry{name: "a/run.sh", body: "#!", mode: 0o4775},
		entry{name: "a/b/c", body: "text", mode: 0o600}, // its folder was not listed
		entry{name: "a/up", link: "b/../run.sh", kind: tar.TypeSymlink},
		entry{name: "a/b/hard", link: "a/b/c", kind: tar.TypeLink},
		entry{name: "a/run.sh", body: "twice", mode: 0o755},
	)), dir)
	if err != nil || !date.Equal(epoch) {
		t.Fatal(date, err)
	}
	for name, want := range map[string]string{"a/run.sh": "-rwxr-xr-x twice", "a/b/c": "-rw-r--r-- text", "a/up": "-rwxr-xr-x twice", "a/b/hard": "-rw-r--r-- text"} {
		name = filepath.Join(dir, name)
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
			continue
		}
		body, _ := os.ReadFile(name)
		if got := info.Mode().String() + " " + string(body); got != want || !info.ModTime().Equal(epoch) {
			t.Errorf("%s: %s of %s, want %s", name, got, info.ModTime(), want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "a")); err != nil || !info.ModTime().Equal(epoch) || info.Mode().Perm() != 0o755 {
		t.Errorf("folder: %v, %v", info, err)
	}
}

// TestUntarRefuses checks entries that would reach outside the folder. Nothing
// may be changed there.
func TestUntarRefuses(t *testing.T) {
	link := func(name, to string) entry { return entry{name: name, link: to, kind: tar.TypeSymlink} }
	for name, entries := range map[string][]entry{
		"absolute name":            {{name: "/outside", body: "x"}},
		"name with ..":             {{name: "a/../../outside", body: "x"}},
		"only ..":                  {{name: "..", kind: tar.TypeDir}},
		"absolute link":            {link("l", "/etc/passwd")},
		"link out":                 {link("a/l", "../../outside")},
		"hard link out":            {{name: "l", link: "../outside", kind: tar.TypeLink}},
		"absolute hard link":       {{name: "l", link: "/etc/passwd", kind: tar.TypeLink}},
		"a chain of links":         {{name: "d/e/f", kind: tar.TypeDir}, link("d/e/f/top", "../../.."), link("up", "d/e/f/top/.."), {name: "up/outside", body: "x"}},
		"a folder through a chain": {{name: "d/e/f", kind: tar.TypeDir}, link("d/e/f/top", "../../.."), link("up", "d/e/f/top/.."), {name: "up/tree2/x", kind: tar.TypeDir}},
		"device":                   {{name: "null", kind: tar.TypeChar}},
		"fifo":                     {{name: "pipe", kind: tar.TypeFifo}},
	} {
		t.Run(name, func(t *testing.T) {
			above := t.TempDir()
			outside := filepath.Join(above, "outside")
			if err := os.WriteFile(outside, []byte("safe"), 0o644); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(above, "tree")
			_, err := Untar(context.Background(), bytes.NewReader(tarOf(t, entries...)), dir)
			if err == nil {
				t.Error("no error")
			} else if kind := entries[0].kind; kind != tar.TypeChar && kind != tar.TypeFifo && !errors.Is(err, ErrUnsafe) {
				t.Errorf("error %v is not ErrUnsafe", err)
			}
			if body, _ := os.ReadFile(outside); string(body) != "safe" {
				t.Error("a file outside was changed")
			}
			if got, _ := os.ReadDir(above); len(got) != 2 {
				t.Errorf("outside there is now %v", got)
			}
		})
	}
}

func TestUntarCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Untar(ctx, bytes.NewReader(tarOf(t, entry{name: "a", body: "x"})), filepath.Join(t.TempDir(), "x"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
