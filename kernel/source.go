package kernel

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"floe/internal/debian/deb"
	"floe/internal/fault"
	"floe/internal/sandbox"
)

// notNeeded are parts of the source that no build of ours opens, a third of
// its bytes: patterns of tar.
var notNeeded = []string{
	"*/Documentation/*/*",
	"*/drivers/gpu/drm/amd/include/*",
	"*/tools/testing/*",
	"*/tools/perf/*",
	"*/sound/*/*.[ch]",
}

// unpack puts the source into the work folder. xz and tar are those of the
// toolchain: three times as fast as decoding xz in Go.
func (b *builder) unpack(ctx context.Context) error {
	b.Report.Log("unpacking the source")
	if err := os.MkdirAll(b.tree(), 0o755); err != nil {
		return err
	}
	f, err := os.Open(b.Source)
	if err != nil {
		return fault.New(fault.Missing, "open the kernel's source", b.Source, err, "")
	}
	defer f.Close()
	input, script := io.Reader(f), "xz -dc | "+untar()
	if b.isDeb() {
		member, data, err := deb.Data(f)
		if err != nil {
			return fault.New(fault.Build, "read the kernel's source", b.Source, err, "")
		}
		decode, ok := decoders[filepath.Ext(member)]
		if !ok {
			return fault.New(fault.Build, "read the kernel's source", b.Source,
				fmt.Errorf("its data are %s, which no known program decodes", member), "")
		}
		input = data
		script = decode + " | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | " + script
	}
	err = b.run(ctx, sandbox.Command{Args: []string{"sh", "-c", script}, Stdin: input})
	if err != nil {
		return b.failed("unpack the kernel", err)
	}
	if _, err := Version(b.tree()); err != nil {
		return fault.New(fault.Build, "unpack the kernel's source", b.Source, err, "")
	}
	return nil
}

// isDeb tells a package from the archive inside it. Verified downloads are
// named for their hash, so that a name without an ending is a package.
func (b *builder) isDeb() bool { return !strings.HasSuffix(b.Source, ".tar.xz") }

// decoders decode the data of a .deb from standard input, by file ending.
var decoders = map[string]string{".xz": "xz -dc", ".zst": "zstd -dcq", ".gz": "gzip -dc", ".tar": "cat"}

// untar is the command that unpacks the source's tar.
func untar() string {
	args := []string{"tar", "-x", "-C", treeDir, "--strip-components=1", "--no-same-owner"}
	for _, p := range notNeeded {
		args = append(args, "--exclude='"+p+"'")
	}
	return strings.Join(args, " ")
}

// Version reads the version of an unpacked source, such as "6.12.107", from
// its Makefile.
func Version(tree string) (string, error) {
	text, err := os.ReadFile(filepath.Join(tree, "Makefile"))
	if err != nil {
		return "", err
	}
	parts := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); ok && parts[name] == "" {
			parts[name] = strings.TrimSpace(value)
		}
		if name == "EXTRAVERSION" {
			break
		}
	}
	if parts["VERSION"] == "" || parts["PATCHLEVEL"] == "" {
		return "", fmt.Errorf("%s/Makefile names no version: it is not the source of Linux", tree)
	}
	v := parts["VERSION"] + "." + parts["PATCHLEVEL"]
	if parts["SUBLEVEL"] != "" {
		v += "." + parts["SUBLEVEL"]
	}
	return v + parts["EXTRAVERSION"], nil
}
