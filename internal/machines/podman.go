package machines

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"
)

// podman keeps all connections in one file, podman-connections.json; before
// version 5 in containers.conf, which it still reads.
type podman struct {
	identity string // path of the private key
	older    string // containers.conf
}

// podmanFile is the file; what floe does not know of it stays as it is.
type podmanFile map[string]json.RawMessage

// podmanConnection is one entry of Connection.Connections.
type podmanConnection struct {
	URI       string
	Identity  string `json:",omitempty"`
	IsMachine bool   `json:",omitempty"`
}

func readJSON[M ~map[string]json.RawMessage](text json.RawMessage) (M, error) {
	m := M{}
	if len(text) == 0 {
		return m, nil
	}
	err := json.Unmarshal(text, &m)
	if m == nil { // "null"
		m = M{}
	}
	return m, err
}

// parts takes the file apart: all of it, its Connection, and the connections
// in that.
func (podman) parts(path string) (all, connection, list podmanFile, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, err
	}
	if all, err = readJSON[podmanFile](text); err == nil {
		connection, err = readJSON[podmanFile](all["Connection"])
	}
	if err == nil {
		list, err = readJSON[podmanFile](connection["Connections"])
	}
	return all, connection, list, err
}

func (p podman) target(m Made) (string, error) {
	_, _, list, err := p.parts(m.File)
	if err != nil {
		return "", err
	}
	if text, ok := list[m.Name]; ok {
		var c podmanConnection
		if err := json.Unmarshal(text, &c); err != nil {
			return "", err
		}
		return orNowhere(c.URI), nil
	}
	return p.olderTarget(m.Name), nil
}

// olderTarget looks into containers.conf. A file that cannot be read there is podman's
// business.
func (p podman) olderTarget(name string) string {
	var conf struct {
		Engine struct {
			Destinations map[string]struct {
				URI string `toml:"uri"`
			} `toml:"service_destinations"`
		} `toml:"engine"`
	}
	text, err := os.ReadFile(p.older)
	if err != nil || toml.Unmarshal(text, &conf) != nil {
		return ""
	}
	if c, ok := conf.Engine.Destinations[name]; ok {
		return orNowhere(c.URI)
	}
	return ""
}

func orNowhere(target string) string {
	if target == "" {
		return nowhere
	}
	return target
}

func (p podman) put(m Made) error {
	return p.edit(m, func(_, _, list podmanFile) (err error) {
		list[m.Name], err = json.Marshal(podmanConnection{URI: m.Target, Identity: p.identity})
		return err
	})
}

func (p podman) remove(m Made) (note string, err error) {
	return "", p.edit(m, func(all, connection, list podmanFile) error {
		delete(list, m.Name)
		leaveFarms(all, m.Name)
		var byDefault string
		if json.Unmarshal(connection["Default"], &byDefault) == nil && byDefault == m.Name {
			delete(connection, "Default")
		}
		return nil
	})
}

// leaveFarms takes a connection's name out of the person's farms, which podman would look
// for in vain. Farms that are not as podman writes them are left alone.
func leaveFarms(all podmanFile, name string) {
	farm, err := readJSON[podmanFile](all["Farm"])
	if err != nil {
		return
	}
	farms, err := readJSON[podmanFile](farm["List"])
	if err != nil {
		return
	}
	changed := false
	for of, text := range farms {
		var names []string
		if json.Unmarshal(text, &names) != nil || !slices.Contains(names, name) {
			continue
		}
		left := slices.DeleteFunc(names, func(n string) bool { return n == name })
		farms[of], _ = json.Marshal(left) // of strings: no error
		changed = true
	}
	if changed {
		farm["List"], _ = json.Marshal(farms)
		all["Farm"], _ = json.Marshal(farm)
	}
}

// edit changes the file in one step, under the lock that podman itself takes:
// fcntl(2) on the file's name with ".lock" at its end.
func (p podman) edit(m Made, change func(all, connection, list podmanFile) error) error {
	if err := os.MkdirAll(filepath.Dir(m.File), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(m.File+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		err = unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return err
	}
	all, connection, list, err := p.parts(m.File)
	if err != nil {
		return err
	}
	if err := change(all, connection, list); err != nil {
		return err
	}
	if connection["Connections"], err = json.Marshal(list); err != nil {
		return err
	}
	if all["Connection"], err = json.Marshal(connection); err != nil {
		return err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	file := m.File
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real // of somebody's dotfiles
	}
	return renameio.WriteFile(file, text, 0o644)
}
