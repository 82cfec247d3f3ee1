package sandbox

import (
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Direct gives the argv that runs a program of the root without any
// namespace: as the caller, with the host's files, network and terminal. It is
// for QEMU, which needs them. The program is started through the root's own
// dynamic loader (ld.so(8)), with the root's libraries, so that the host's do
// not matter.
//
// prog is looked up on the PATH of the root unless it has a slash. The
// program does not know that it lives in the root: where it keeps data,
// modules or other programs must be told to it. QEMU wants
// -L <root>/usr/share/qemu and -L <root>/usr/share/seabios, and
// QEMU_MODULE_DIR=<root>/usr/lib/<triplet>/qemu in its environment.
//
// If the root has no such program, the argv names where it should be, so that
// starting it says so. The path of the root must not contain a colon or a
// semicolon, which separate the loader's list of folders.
func (r *Root) Direct(prog string, args ...string) []string {
	root, err := filepath.Abs(r.dir)
	if err != nil {
		root = r.dir
	}
	path, err := r.find(prog)
	if err != nil {
		return append([]string{filepath.Join(root, "usr/bin", filepath.Base(prog))}, args...)
	}
	loader, err := r.loader(path)
	if err != nil || loader == "" {
		return append([]string{path}, args...)
	}
	libs := []string{filepath.Dir(loader), filepath.Join(root, "usr/lib")}
	argv := []string{loader, "--library-path", strings.Join(libs, ":")}
	if name := filepath.Base(prog); name != filepath.Base(path) { // a link, and some programs go by their name
		argv = append(argv, "--argv0", name)
	}
	return append(append(argv, path), args...)
}

// find gives the host's path of a program of the root.
func (r *Root) find(prog string) (string, error) {
	if strings.Contains(prog, "/") {
		return r.Path(prog)
	}
	for dir := range strings.SplitSeq(innerPath, ":") {
		path, err := r.Path(dir + "/" + prog)
		if err == nil {
			return path, nil
		}
	}
	return "", &fs.PathError{Op: "find", Path: prog, Err: fs.ErrNotExist}
}

// loader gives the host's path of the dynamic loader that a program of the
// root asks for (PT_INTERP); "" if it asks for none.
func (r *Root) loader(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return "", err
		}
		return r.Path(strings.TrimRight(string(name), "\x00"))
	}
	return "", nil
}

// maxLinks is how many symbolic links a path may go through, as in the kernel.
const maxLinks = 40

// Path gives the host's path of a path inside the root. Symbolic links are
// followed as if the root were "/", so the result lies in the root, always.
// What it leads to must be there: the error wraps fs.ErrNotExist otherwise.
func (r *Root) Path(inside string) (string, error) {
	root, err := filepath.Abs(r.dir)
	if err != nil {
		return "", err
	}
	at, links := "/", 0
	todo := strings.Split(inside, "/")
	for len(todo) > 0 {
		next := filepath.Join(at, todo[0]) // ".." ends at "/"
		todo = todo[1:]
		target, err := os.Readlink(filepath.Join(root, next))
		switch {
		case err == nil:
			if links++; links > maxLinks {
				return "", &fs.PathError{Op: "follow", Path: inside, Err: syscall.ELOOP}
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			todo = append(strings.Split(target, "/"), todo...)
		case errors.Is(err, syscall.EINVAL): // no link
			at = next
		default:
			return "", err
		}
	}
	return filepath.Join(root, at), nil
}
