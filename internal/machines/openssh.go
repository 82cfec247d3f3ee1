package machines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"floe/internal/fault"
)

// Alias is the name of a machine for other programs: the Host of OpenSSH's
// configuration, docker's context and podman's connection.
func Alias(name string) string {
	if name == DefaultName {
		return name
	}
	return DefaultName + "-" + name
}

// DefaultName is the name of a machine that nobody gave one.
const DefaultName = "floe"

// TellSSH writes down for OpenSSH how a machine is reached, in a file of
// floe's own: ssh_config(5) by the machine's alias, and known_hosts beside it.
// user is who logs in there, hostKey the machine's public host key as authorized_keys(5) has keys. Where
// floe's own key opens the machine, ssh is not to try all of an agent first: the
// machine hangs up after six.
func (s Shelf) TellSSH(name, user string, port int, hostKey string, opens bool, identities ...string) error {
	conf, known := s.sshFiles(name)
	alias := Alias(name)
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by floe for its machine %s, and removed with it.\nHost %s\n", name, alias)
	fmt.Fprintf(&b, "    HostName 127.0.0.1\n    Port %d\n    User %s\n", port, user)
	for _, path := range append([]string{s.Identity}, identities...) {
		fmt.Fprintf(&b, "    IdentityFile %s\n", sshPath(path))
	}
	if opens {
		b.WriteString("    IdentitiesOnly yes\n")
	}
	fmt.Fprintf(&b, "    HostKeyAlias %s\n    UserKnownHostsFile %s\n    StrictHostKeyChecking yes\n    LogLevel ERROR\n", alias, sshPath(known))
	err := os.MkdirAll(s.SSH, 0o700)
	if err == nil {
		err = renameio.WriteFile(known, []byte(alias+" "+strings.TrimSpace(hostKey)+"\n"), 0o600)
	}
	if err == nil {
		err = renameio.WriteFile(conf, []byte(b.String()), 0o600)
	}
	if err != nil {
		return fault.New(fault.Missing, "tell ssh of machine", name, err, "")
	}
	return nil
}

// ForgetKey removes a machine's host key, as TellSSH noted it, from a person's
// known_hosts, unless it is the key that it still has. Podman, which has its own
// ssh, writes it there at first sight, and would take the next machine at that
// port for an impostor.
func (s Shelf) ForgetKey(name, still, knownHosts string) error {
	_, known := s.sshFiles(name)
	text, err := os.ReadFile(known)
	if err != nil {
		return nil // it has told no key
	}
	_, key, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if key == "" || key == strings.TrimSpace(still) {
		return nil
	}
	_, err = s.editSSH(knownHosts, func(text string) string {
		var left strings.Builder
		for line := range strings.Lines(text) {
			host, its, _ := strings.Cut(strings.TrimSpace(line), " ")
			if its != key || !strings.HasPrefix(host, "[127.0.0.1]:") {
				left.WriteString(line)
			}
		}
		if strings.TrimSpace(left.String()) == "" { // podman begins with an empty line
			return ""
		}
		return left.String()
	})
	return err
}

// ForgetSSH removes what TellSSH wrote.
func (s Shelf) ForgetSSH(name string) error {
	conf, known := s.sshFiles(name)
	for _, path := range []string{conf, known} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s Shelf) sshFiles(name string) (conf, known string) {
	return filepath.Join(s.SSH, name+".conf"), filepath.Join(s.SSH, name+".known_hosts")
}

// sshPath writes a path for ssh_config(5), where "%" begins a token.
func sshPath(path string) string { return `"` + strings.ReplaceAll(path, "%", "%%") + `"` }

// SSHConfigured says whether ssh reads floe's files.
func (s Shelf) SSHConfigured(config string) bool {
	text, err := os.ReadFile(config)
	return err == nil && strings.Contains("\n"+string(text), "\n"+s.include())
}

// includeHead stands above the one line that floe adds to a person's
// ~/.ssh/config.
const includeHead = "# floe's machines; 'floe rm' of the last one removes these two lines\n"

// include is that line. Its path is a pattern of glob(7), in which a backslash takes a
// character as it is; within quotes ssh itself leaves those backslashes in place.
func (s Shelf) include() string {
	folder := strings.NewReplacer("[", `\[`, "*", `\*`, "?", `\?`).Replace(s.SSH)
	return includeHead + "Include \"" + filepath.Join(folder, "*.conf") + "\"\n"
}

// IncludeSSH makes ssh read floe's files: by one Include at the head of a
// person's configuration, where no Host line above it narrows it down. All
// else in the file stays as it is. It says whether anything had to be done.
func (s Shelf) IncludeSSH(config string) (added bool, err error) {
	added, err = s.editSSH(config, func(text string) string {
		if strings.Contains("\n"+text, "\n"+s.include()) {
			return text
		}
		return s.include() + text
	})
	if err != nil {
		err = fault.New(fault.Missing, "let ssh know machines by name", "", err, "put this line at its head yourself: "+
			strings.TrimSpace(strings.TrimPrefix(s.include(), includeHead)))
	}
	return added, err
}

// ExcludeSSH takes that line out again, once no machine is left that ssh
// knows. It says whether it did.
func (s Shelf) ExcludeSSH(config string) (removed bool, err error) {
	left, err := os.ReadDir(s.SSH)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if slices.ContainsFunc(left, func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) == ".conf" }) {
		return false, nil
	}
	if !s.SSHConfigured(config) {
		return false, nil
	}
	return s.editSSH(config, func(text string) string { return strings.Replace(text, s.include(), "", 1) })
}

// editSSH changes a file in one step, the file that it links to if it is a
// link. A file that would be empty is removed.
func (s Shelf) editSSH(config string, edit func(string) string) (changed bool, err error) {
	defer func() {
		if err != nil {
			err = fault.New(fault.Missing, "change ssh's file", config, err, "")
		}
	}()
	if err := os.MkdirAll(s.SSH, 0o700); err != nil {
		return false, err
	}
	lock := flock.New(filepath.Join(s.SSH, "lock"), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return false, err
	}
	defer lock.Unlock()
	if real, err := filepath.EvalSymlinks(config); err == nil {
		config = real
	}
	mode := fs.FileMode(0o600)
	text, err := os.ReadFile(config)
	if st, statErr := os.Stat(config); statErr == nil {
		mode = st.Mode().Perm()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	edited := edit(string(text))
	switch {
	case edited == string(text):
		return false, nil
	case edited == "":
		return true, os.Remove(config)
	}
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		return false, err
	}
	return true, renameio.WriteFile(config, []byte(edited), mode, renameio.IgnoreUmask())
}
