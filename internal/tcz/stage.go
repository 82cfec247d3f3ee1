package tcz

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"floe/internal/arch"
)

// stager lays out a package in a folder. Files of Debian packages are hard
// links to where these were unpacked.
type stager struct {
	dir     string
	files   []string // paths of files and links in the package
	changed []string // what was done to programs of Debian's, for people
}

// stage lays out what was chosen and what the definition adds.
func stage(c *choice, d *Definition, dir string) (*stager, error) {
	s := &stager{dir: dir}
	names := make([]string, 0, len(c.taken))
	for name := range c.taken {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := s.debian(c, name); err != nil {
			return nil, err
		}
	}
	for _, f := range d.Concat {
		if err := s.concat(c.index, f); err != nil {
			return nil, err
		}
	}
	for _, f := range d.Files {
		if err := s.write(f.Path, f.Data, f.Mode); err != nil {
			return nil, err
		}
	}
	if err := s.write(path.Join(manifestDir, d.Name), d.manifest(c.arch), 0o644); err != nil {
		return nil, err
	}
	if err := s.links(c, d); err != nil {
		return nil, err
	}
	for _, change := range d.changes() {
		if err := s.change(change, c.arch); err != nil {
			return nil, fmt.Errorf("%s %s: %w", change.key, change.path, err)
		}
	}
	for name, text := range d.Modes {
		mode, err := strconv.ParseUint(text, 8, 12)
		if err != nil {
			return nil, err
		}
		if err := s.chmod(name, uint32(mode)); err != nil {
			return nil, err
		}
	}
	slices.Sort(s.files)
	return s, nil
}

// free gives the host's path for a new file of the package, with its folder
// made; "" if the same path is taken already.
func (s *stager) free(name string) (string, error) {
	host := filepath.Join(s.dir, filepath.FromSlash(name))
	if _, err := os.Lstat(host); err == nil {
		return "", nil
	}
	if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
		return "", err
	}
	s.files = append(s.files, name)
	return host, nil
}

// debian lays out a path of the index.
func (s *stager) debian(c *choice, name string) error {
	it := c.index.entries[name]
	host, err := s.free(place(name))
	if err != nil || host == "" {
		return err // usr/bin and usr/sbin both had it: Debian has runc so
	}
	if it.target == "" {
		return os.Link(it.host, host)
	}
	target, err := s.target(c, name)
	if err != nil {
		return err
	}
	return os.Symlink(target, host)
}

// target gives where a link of the index leads, as the booted system sees it:
// straight to the end; within the package relative, so that it also holds
// where the package is mounted.
func (s *stager) target(c *choice, name string) (string, error) {
	end, _, err := c.index.resolve(name)
	if err != nil {
		return "", err
	}
	if c.provided[place(end)] {
		return "/" + place(end), nil
	}
	return filepath.Rel(path.Dir("/"+place(name)), "/"+place(end))
}

func (s *stager) write(name string, data []byte, mode fs.FileMode) error {
	host, err := s.free(name)
	if err != nil {
		return err
	}
	if host == "" {
		// Floe's own wins over Debian's. Not into the file: it is a hard link.
		host = filepath.Join(s.dir, filepath.FromSlash(name))
		if err := os.Remove(host); err != nil {
			return err
		}
	}
	if err := os.WriteFile(host, data, mode); err != nil {
		return err
	}
	return os.Chmod(host, mode) // whatever the umask
}

func (s *stager) concat(x *index, f Concat) error {
	var b bytes.Buffer
	for _, name := range x.match(f.Of) {
		data, err := os.ReadFile(x.entries[name].host)
		if err != nil {
			return err
		}
		b.Write(data)
		if !bytes.HasSuffix(data, []byte("\n")) {
			b.WriteByte('\n')
		}
	}
	if b.Len() == 0 {
		return fmt.Errorf("nothing is at %s to make %s of", f.Of, f.Path)
	}
	return s.write(f.Path, b.Bytes(), 0o644)
}

// change changes a program. Of the file that was unpacked it is a copy. A program
// that needs the change on amd64 need not on another architecture: Debian's
// containerd for arm64 has no symbols for plugins.
func (s *stager) change(c change, a arch.Arch) error {
	host := filepath.Join(s.dir, filepath.FromSlash(c.path))
	data, err := os.ReadFile(host)
	if err != nil {
		return err
	}
	err = c.do(data)
	if errors.Is(err, errNeedless) && a != arch.AMD64 {
		return nil
	}
	if err != nil {
		return err
	}
	s.changed = append(s.changed, c.path+": "+c.told)
	if err := os.Remove(host); err != nil {
		return err
	}
	return os.WriteFile(host, data, 0o755)
}

// links makes the definition's own links.
func (s *stager) links(c *choice, d *Definition) error {
	for name, target := range d.Links {
		end := target
		if !path.IsAbs(end) {
			end = path.Join("/", path.Dir(name), target)
		}
		if end = end[1:]; !c.provided[end] {
			if _, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(end))); err != nil {
				return fmt.Errorf("the link /%s leads to /%s, which is in no package", name, end)
			}
		}
		host, err := s.free(name)
		if err != nil {
			return err
		}
		if host == "" {
			return fmt.Errorf("a link is to be at /%s, where a file is", name)
		}
		if err := os.Symlink(target, host); err != nil {
			return err
		}
	}
	return nil
}

// chmod sets a mode in the numbers of chmod(2), which os.FileMode's are not.
func (s *stager) chmod(name string, mode uint32) error {
	m := fs.FileMode(mode & 0o777)
	for bit, as := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= as
		}
	}
	return os.Chmod(filepath.Join(s.dir, filepath.FromSlash(name)), m)
}
