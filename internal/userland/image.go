package userland

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"floe/internal/fault"
)

// ImageEntry is a program's place in the image. All belong to root.
type ImageEntry struct {
	Path   string // without a slash at either end
	Mode   uint32 // permission bits, as for chmod(2); setuid for sudo
	Target string // of a symbolic link
	Data   []byte // of a file
}

// binDir is where all programs are; the image links /bin, /sbin and /usr/sbin to it.
const binDir = "usr/bin"

// Image lists what Build left in out as the image wants it: files first, then
// their links in order of their names.
func Image(out string) ([]ImageEntry, error) {
	var list []ImageEntry
	for _, f := range []struct {
		name string
		mode uint32
	}{
		{BusyboxName, 0o755}, {DropbearName, 0o755}, {LinkwatchName, 0o755}, {SigcheckName, 0o755}, {SudoName, 0o4755},
	} {
		data, err := os.ReadFile(filepath.Join(out, f.name))
		if err != nil {
			return nil, fault.New(fault.Build, "read the userland", f.name, err, "")
		}
		list = append(list, ImageEntry{Path: path.Join(binDir, f.name), Mode: f.mode, Data: data})
	}
	text, err := os.ReadFile(filepath.Join(out, LinksName))
	if err != nil {
		return nil, fault.New(fault.Build, "read the userland", LinksName, err, "")
	}
	links, err := appletLinks(string(text))
	if err != nil {
		return nil, fault.New(fault.Build, "read the userland", LinksName, err, "")
	}
	for _, name := range dropbearPrograms {
		if name != DropbearName {
			links[name] = DropbearName
		}
	}
	names := make([]string, 0, len(links))
	for name := range links {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, ImageEntry{Path: path.Join(binDir, name), Mode: 0o777, Target: links[name]})
	}
	return list, nil
}

// appletLinks reads busybox.links: the names of the applets, each with its
// link's target.
func appletLinks(text string) (map[string]string, error) {
	links := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "/") {
			return nil, fmt.Errorf("%q is no path", line)
		}
		// "linuxrc" is another name of init, for a boot protocol of the past.
		if name := path.Base(line); name != BusyboxName && name != "linuxrc" {
			links[name] = BusyboxName
		}
	}
	if len(links) == 0 {
		return nil, fmt.Errorf("no applets")
	}
	return links, nil
}
