package kernel

import (
	"slices"
	"strings"

	"floe/internal/arch"
)

// makeArgs are the arguments that every call of make has. The kernel keeps the
// compiler's name, prefix and all: under one name it is the same kernel, whatever
// machine makes it.
func makeArgs(target arch.Arch, prefix string) []string {
	flags := slices.Concat(onlyMessages, compilerFlags[target])
	args := []string{"ARCH=" + target.Kernel(), "KCFLAGS=" + strings.Join(flags, " ")}
	for _, object := range forSpeed {
		args = append(args, "CFLAGS_"+object+".o=-O2")
	}
	if prefix != "" {
		args = append(args, "CROSS_COMPILE="+prefix)
	}
	return args
}

// onlyMessages are for every C file of the kernel. They change what the
// compiler can say of a mistake in it, and not what it makes of it: for each
// word that a macro gives it would otherwise remember the chain of macros that
// it came from, and for each "if" read the file again to look at its columns.
// Much of the work is reading headers, which are full of both; without, the
// compiler takes a sixth less time (GCC manual, "Preprocessor Options" and
// "Warning Options"). Where a warning of the kernel itself stands in a macro of
// several lines, the line that it names can be another of them.
var onlyMessages = []string{"-ftrack-macro-expansion=0", "-Wno-misleading-indentation"}

// compilerFlags are for every C file of an architecture's kernel, beside its
// own.
var compilerFlags = map[arch.Arch][]string{
	// Optimising for size, gcc writes "rep stos" and "rep movs" wherever it
	// knows the length. Those are slow to start on a processor and slow all
	// the way in an emulator, where each byte is a step of a loop. The
	// kernel's own memset and memcpy choose what the processor is good at.
	arch.AMD64: {"-mstringop-strategy=libcall"},
}

// forSpeed are the objects that are compiled for speed where the rest is for
// size, each by its path in the folder whose makefile names it
// (Documentation/kbuild/makefiles.rst, CFLAGS_$@; a makefile that sets the same
// variable itself would lose what it says there: those of fault.o and swap.o do).
// They are where an emulated machine was seen most often while docker started:
// packages are decompressed, memory is given out page by page, tasks are switched.
var forSpeed = []string{
	// drivers/firmware/efi/libstub: it unpacks the kernel.
	"zboot",
	// lib/zstd: for size, even its copies of sixteen bytes are calls.
	"decompress/huf_decompress", "decompress/zstd_decompress", "decompress/zstd_decompress_block",
	"common/entropy_common", "common/fse_decompress",
	// mm
	"filemap", "memcontrol", "memory", "page_alloc", "rmap", "slub", "vma",
	// kernel/sched, kernel/time, lib
	"fair", "hrtimer", "maple_tree", "xarray",
}
