package assemble_test

import (
	"testing"

	"floe/internal/arch"
	"floe/kernel"
)

func TestKernelTakesEveryPatch(t *testing.T) {
	t.Parallel()
	everyPatch(t, arch.AMD64)
}

// everyPatch: an update of Debian's source that one of Floe's patches no
// longer fits costs nobody a kernel, nor one that they fit and do not help, but
// is to be seen here.
func everyPatch(t *testing.T, a arch.Arch) {
	t.Helper()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	entry, err := f.builder.Kernel(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	result, err := kernel.ReadResult(entry.Path)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Unfit) > 0 {
		t.Errorf("Linux %s for %s is without %q", result.Version, a, result.Unfit)
	}
	// One alone is the list of the headers itself: no object had them then.
	if result.Plain > result.Objects/20 || result.Plain == 1 {
		t.Errorf("Linux %s for %s: of %d objects, %d did not get along with the precompiled headers", result.Version, a, result.Objects, result.Plain)
	}
	// Progress would be told wrong.
	if known := kernel.Objects(a); result.Objects < known*99/100 || result.Objects > known*101/100 {
		t.Errorf("Linux %s for %s has %d objects, and package kernel says %d", result.Version, a, result.Objects, known)
	}
}

// dockerPatches uses what the patches moved or left out.
func dockerPatches(b *box) {
	b.expect("virtual consoles, and files about slabs", "/dev/tty12", "ls -d /dev/tty12 /dev/tty13 /sys/kernel/slab 2>/dev/null; true")
	b.serve("btrfs-progs", "iproute2")
	b.run("tce-load -w -l btrfs-progs iproute2")
	// The first mount makes the workspaces that compress.
	b.run("truncate -s 128M /tmp/disk && mkfs.btrfs -q /tmp/disk && mkdir /tmp/compressed")
	for _, kind := range []string{"zstd:15", "zlib"} {
		b.run("sudo mount -o loop,compress-force=" + kind + " /tmp/disk /tmp/compressed && seq 30000 | sudo tee /tmp/compressed/" + kind + " >/dev/null && sudo umount /tmp/compressed")
	}
	b.expect("what was compressed", "2", "seq 30000 >/tmp/want; sudo mount -o loop /tmp/disk /tmp/compressed; n=0; for f in /tmp/compressed/*; do cmp $f /tmp/want && n=$((n+1)); done; echo $n")
	b.run("sudo umount /tmp/compressed && rm /tmp/disk /tmp/want")
	// An encrypted network's keys ask for the generator that is tested at its first use.
	const generator = `awk '/^driver/ {name = $3} /^refcnt/ && name == "jitterentropy_rng" {print $3}' /proc/crypto`
	b.expect("the generator before its use", "1", generator)
	b.run("sudo ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x100 mode transport aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128")
	b.expect("the generator in use", "2", generator)
	b.run("sudo ip xfrm state flush")
}
