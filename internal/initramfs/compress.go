package initramfs

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"floe/internal/fault"
	"floe/internal/sandbox"
)

// Compression names a way of compressing an archive that the kernel can undo
// (CONFIG_RD_XZ, CONFIG_RD_ZSTD).
//
// The compressors are the reference programs, not Go libraries. On a userland
// of 6.3 MB, ulikunitz/xz made files 19 % larger than xz -9e, and
// klauspost/compress files 12 % larger than zstd -19.
type Compression string

// The ways. Between xz and zstd lies a trade. Measured on Floe's own userland
// of 1.29 MB, with the instructions that the kernel spends until it is
// unpacked, which is what counts where the processor is emulated:
//
//	xz     559 kB    210 million
//	zstd   585 kB     58 million
//	none  1288 kB     21 million
const (
	None Compression = "none"
	XZ   Compression = "xz"
	Zstd Compression = "zstd"
)

// Compressions lists all ways, in a fixed order.
func Compressions() []Compression { return []Compression{XZ, Zstd, None} }

// ParseCompression takes the name of a way.
func ParseCompression(s string) (Compression, error) {
	for _, c := range Compressions() {
		if s == string(c) {
			return c, nil
		}
	}
	return "", fmt.Errorf("unknown compression %q; known are xz, zstd and none", s)
}

// Tool is the program that Compress runs, or "" where it runs none. Debian's
// packages xz-utils and zstd have them.
func (c Compression) Tool() string {
	if c == None {
		return ""
	}
	return string(c)
}

// argv gives the command for size bytes from standard input. One thread, since
// the programs cut the input differently with several.
func (c Compression) argv(size int) []string {
	switch c {
	case XZ:
		// The kernel's decoder knows no check but CRC32 (lib/xz). It allocates
		// the dictionary that the header asks for, so that this is also the
		// price in memory at boot: 1 MiB.
		return []string{"xz", "--compress", "--stdout", "--threads=1", "--check=crc32", "--lzma2=preset=9e,dict=1MiB"}
	case Zstd:
		// Level 19 keeps to a window of 8 MiB, the kernel's limit
		// (lib/decompress_unzstd.c).
		return []string{"zstd", "--compress", "--stdout", "--quiet", "--single-thread", "-19", fmt.Sprintf("--stream-size=%d", size)}
	}
	return nil
}

// Compress compresses data with a program that run finds. Work is a folder of
// the host that run may use; nothing stays in it. The same program gives the
// same bytes again.
func Compress(ctx context.Context, run sandbox.Runner, work string, c Compression, data []byte) ([]byte, error) {
	if c == None {
		return data, nil
	}
	argv := c.argv(len(data))
	if argv == nil {
		return nil, fmt.Errorf("initramfs: unknown compression %q", c)
	}
	var out bytes.Buffer
	err := run.Run(ctx, sandbox.Command{Args: argv, Work: work, Stdin: bytes.NewReader(data), Stdout: &out})
	if err != nil {
		return nil, fault.New(fault.Build, "compress the initrd with", strings.Join(argv[:1], " "), err, "")
	}
	if out.Len() == 0 {
		return nil, fault.New(fault.Build, "compress the initrd with", argv[0], fmt.Errorf("it wrote nothing"), "")
	}
	return out.Bytes(), nil
}

// Join puts archives one behind the other as a boot loader does with the files
// of its initrd line, each padded with zeros to a multiple of four: the kernel
// looks for the next archive only there.
func Join(archives ...[]byte) []byte {
	var b bytes.Buffer
	for _, a := range archives {
		b.Write(a)
		b.Write(make([]byte, -b.Len()&3))
	}
	return b.Bytes()
}
