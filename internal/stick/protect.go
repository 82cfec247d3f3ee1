package stick

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"floe/internal/store"
)

// accounts is where a machine's accounts are told, one a line: passwd(5).
const accounts = "/etc/passwd"

// needed are the paths whose disk is never written, whatever an order says: homes,
// floe itself and its store. An order can only add to them. What carries / and
// swap, and every mount outside the folders of desktops, package disks finds.
//
// A store that was put elsewhere, and the home of somebody whom no local account
// knows, are told by the order alone.
func needed(who *user.User) []string {
	paths := homes(accounts)
	if who != nil && who.HomeDir != "" {
		paths = append(paths, who.HomeDir, filepath.Join(who.HomeDir, ".cache", "floe"))
	}
	for _, find := range []func() (string, error){os.UserHomeDir, os.Getwd, os.Executable, store.DefaultDir} {
		if path, err := find(); err == nil && filepath.IsAbs(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// homes are the home folders of all accounts.
func homes(accounts string) (list []string) {
	text, err := os.ReadFile(accounts)
	if err != nil {
		return nil
	}
	const home, fields = 5, 7
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); len(f) == fields && filepath.IsAbs(f[home]) {
			list = append(list, f[home])
		}
	}
	return list
}
