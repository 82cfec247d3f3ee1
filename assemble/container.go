package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/userland"
)

// ContainerRoot writes the root file system of a container to w, as a tar
// archive that 'docker import' and 'podman import' take: the booted system's
// own busybox under all its names, and nothing else. It is what a container
// can be tried with where no registry can be reached.
func (b *Builder) ContainerRoot(ctx context.Context, a arch.Arch, w io.Writer) error {
	programs, err := b.Userland(ctx, a)
	if err != nil {
		return err
	}
	list, err := userland.Image(programs.Path)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, dir := range []string{"bin", "etc", "proc", "root", "sys", "tmp", "var"} {
		mode := int64(0o755)
		if dir == "tmp" {
			mode = 0o1777
		}
		err = errors.Join(err, t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: mode, ModTime: assets.Date()}))
	}
	add := func(name string, data []byte, mode int64) {
		err = errors.Join(err, t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: assets.Date()}))
		if err == nil {
			_, err = t.Write(data)
		}
	}
	add("etc/passwd", []byte("root:*:0:0:root:/root:/bin/sh\nnobody:*:65534:65534:nobody:/:/bin/false\n"), 0o644)
	add("etc/group", []byte("root:*:0:\nnogroup:*:65534:\n"), 0o644)
	for _, e := range list {
		name := path.Join("bin", path.Base(e.Path))
		switch {
		case path.Base(e.Path) == userland.BusyboxName:
			add(name, e.Data, 0o755)
		case path.Base(e.Target) == userland.BusyboxName:
			err = errors.Join(err, t.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: userland.BusyboxName, Mode: 0o777, ModTime: assets.Date()}))
		}
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return fault.New(fault.Build, "write", "a container's root", err, "")
	}
	return nil
}
