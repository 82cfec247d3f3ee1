package xzkernel_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble/archivetest"
	"floe/internal/sandbox"
	"floe/internal/xzkernel"
)

// code is what looks like a kernel: branches and addresses of pages, near and far,
// among other things.
func code(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]byte, 0, size)
	for len(words) < size {
		word := random.Uint32()
		switch random.IntN(4) {
		case 0: // BL
			word = 0x94000000 | word&0x03ffffff
		case 1: // ADRP
			word = 0x90000000 | word&0x60ffffff
		case 2: // ADRP nearby, on either side
			word = 0x90000000 | word&0x601fffff | []uint32{0, 0xe00000}[random.IntN(2)]
		}
		words = binary.LittleEndian.AppendUint32(words, word)
	}
	return words[:size]
}

// TestUnpack unpacks what xz itself has packed, as the kernel's build calls it.
func TestUnpack(t *testing.T) {
	root := archivetest.Tools(t, "checks-xz", "xz-utils")
	for name, options := range map[string]string{
		"as the kernel's build": "--check=crc32 --threads=1 --arm64 --lzma2=lp=2,lc=2,dict=128MiB",
		"without a filter":      "--check=crc32 --lzma2=lp=2,lc=2,dict=1MiB",
	} {
		for _, size := range []int{4, 4093, 300_001} {
			plain := code(size)
			packed := xz(t, root, plain, options)
			trailed := binary.LittleEndian.AppendUint32(packed, uint32(size)) // as in a kernel
			if got, err := xzkernel.Unpack(trailed, int64(size)); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: %d bytes came out of %d, %v", name, len(got), size, err)
			}
			if _, err := xzkernel.Unpack(packed, int64(size-1)); err == nil {
				t.Errorf("%s: more came out than is allowed", name)
			}
			for _, length := range []int{0, 11, 20, 30, len(packed) / 2} {
				if _, err := xzkernel.Unpack(packed[:length], int64(size)); err == nil {
					t.Errorf("%s: %d bytes of %d were enough", name, length, len(packed))
				}
			}
			packed[len(packed)/2] ^= 1
			if _, err := xzkernel.Unpack(packed, int64(size)); err == nil && size > 4 {
				t.Errorf("%s: damage was not seen", name)
			}
		}
	}
	// A header whose numbers never end.
	endless := append([]byte{0xfd, '7', 'z', 'X', 'Z', 0, 0, 1, 0, 0, 0, 0, 5, 0xc1}, bytes.Repeat([]byte{0xff}, 18)...)
	endless = binary.LittleEndian.AppendUint32(endless, crc32.ChecksumIEEE(endless[12:]))
	if _, err := xzkernel.Unpack(endless, 100); err == nil {
		t.Error("took a header whose numbers never end")
	}
	for _, options := range []string{"--check=crc32 --x86 --lzma2=preset=6", "--check=sha256"} {
		if _, err := xzkernel.Unpack(xz(t, root, code(100), options), 100); err == nil {
			t.Errorf("%s: took it", options)
		}
	}
}

// xz packs.
func xz(t *testing.T, root *sandbox.Root, plain []byte, options string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	argv := root.Direct("/usr/bin/xz", append(strings.Fields(options), "--keep", file)...)
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("xz %s: %v\n%s", options, err, out)
	}
	packed, err := os.ReadFile(file + ".xz")
	if err != nil {
		t.Fatal(err)
	}
	return packed
}
