package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"floe/internal/fault"
	"floe/steps"
)

// Made is an entry that floe made for a machine in a file of another program:
// docker's context or podman's connection. It is what floe may change and
// remove. One that by now says something else is another's.
type Made struct {
	File   string `json:"file"`   // the program's file
	Name   string `json:"name"`   // the entry's, in it
	Target string `json:"target"` // where it leads
}

// entry is a program that keeps such entries.
type entry interface {
	// target says where the entry of that name leads; "" if there is none.
	target(m Made) (string, error)
	put(m Made) error
	remove(m Made) (note string, err error)
}

// nowhere is where an entry leads that is there and says nothing: nobody's but its
// maker's all the same.
const nowhere = "nowhere"

// Clients are the files of the container clients on this host.
type Clients struct {
	Docker string // docker's folder, ~/.docker
	Podman string // podman-connections.json
	Older  string // containers.conf, where podman before 5 keeps connections
}

// FindClients finds them as the programs themselves do, by their variables.
func FindClients(getenv func(string) string, home string) Clients {
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	first := func(paths ...string) string {
		for _, p := range paths {
			if p != "" {
				return p
			}
		}
		return ""
	}
	return Clients{
		Docker: first(getenv("DOCKER_CONFIG"), filepath.Join(home, ".docker")),
		Podman: first(getenv("PODMAN_CONNECTIONS_CONF"), filepath.Join(config, "containers", "podman-connections.json")),
		Older:  first(getenv("CONTAINERS_CONF"), filepath.Join(config, "containers", "containers.conf")),
	}
}

// Targets are where a machine's runtimes are reached.
type Targets struct {
	Docker string // "ssh://…", for docker's context and DOCKER_HOST
	Podman string // "ssh://…/run/podman/podman.sock", for the connection and CONTAINER_HOST
}

// Targets of a machine. Docker goes by ssh's own configuration if that knows
// the machine's alias; podman has its own ssh.
func (s Shelf) Targets(name, user string, port int, alias bool) Targets {
	direct := fmt.Sprintf("ssh://%s@127.0.0.1:%d", user, port)
	t := Targets{Docker: direct, Podman: direct + sockets[steps.Podman]}
	if alias {
		t.Docker = "ssh://" + Alias(name)
	}
	return t
}

// Connect makes docker's context and podman's connection for a machine, for
// those runtimes that it has, or brings them up to date, and removes that of one that it
// has no longer. One of the same name that floe did
// not make is left alone; a note says so. It gives the runtimes whose client has the entry.
func (s Shelf) Connect(name string, runtimes []string, t Targets, c Clients) (told, notes []string, err error) {
	made, err := s.made(name)
	if err != nil {
		return nil, nil, err
	}
	if notes, err = s.withdraw(name, made, c, runtimes...); err != nil {
		return nil, notes, err
	}
	for _, runtime := range runtimes {
		e, m := s.client(runtime, name, t, c)
		if e == nil {
			continue
		}
		there, err := e.target(m)
		if err != nil {
			return told, notes, fault.New(fault.Missing, "read "+runtime+"'s file", m.File, err, "mend it, or move it away; the machine itself works")
		}
		old := made[runtime]
		ours := old.File == m.File && old.Name == m.Name && old.Target == there
		switch {
		case there == "" || ours && there != m.Target:
		case ours:
			told = append(told, runtime)
			continue
		default:
			notes = append(notes, fmt.Sprintf("%s has an entry %q of somebody's own, for %s: left as it is; 'floe env' reaches the machine", runtime, m.Name, there))
			continue
		}
		// Written down first: a floe that is killed in between leaves
		// nothing that no floe knows as its own.
		made[runtime] = m
		if err := s.saveMade(name, made); err != nil {
			return told, notes, err
		}
		if err := e.put(m); err != nil {
			return told, notes, fault.New(fault.Missing, "tell "+runtime+" of machine", name, err, "the machine itself works; 'floe env' reaches it")
		}
		told = append(told, runtime)
	}
	return told, notes, nil
}

// Disconnect removes what Connect made, as far as it is still that.
func (s Shelf) Disconnect(name string, c Clients) (notes []string, err error) {
	made, err := s.made(name)
	if err != nil {
		return nil, err
	}
	return s.withdraw(name, made, c)
}

// withdraw removes what was made, as far as it is still that, but for some runtimes.
func (s Shelf) withdraw(name string, made map[string]Made, c Clients, but ...string) (notes []string, err error) {
	for _, runtime := range []string{steps.Docker, steps.Podman} {
		m, ok := made[runtime]
		if !ok || slices.Contains(but, runtime) {
			continue
		}
		e, _ := s.client(runtime, name, Targets{}, c)
		there, err := e.target(m)
		if err == nil && there == m.Target {
			var note string
			if note, err = e.remove(m); note != "" {
				notes = append(notes, note)
			}
		}
		if err != nil {
			return notes, fault.New(fault.Missing, "remove from "+runtime+"'s file", m.File, err, "remove its entry "+m.Name+" yourself")
		}
		delete(made, runtime)
	}
	return notes, s.saveMade(name, made)
}

// client is how a runtime's client keeps entries, and the one to be made.
func (s Shelf) client(runtime, name string, t Targets, c Clients) (entry, Made) {
	switch runtime {
	case steps.Docker:
		return docker{}, Made{File: dockerMeta(c.Docker, Alias(name)), Name: Alias(name), Target: t.Docker}
	case steps.Podman:
		return podman{identity: s.Identity, older: c.Older}, Made{File: c.Podman, Name: Alias(name), Target: t.Podman}
	}
	return nil, Made{}
}

func (s Shelf) made(name string) (map[string]Made, error) {
	path := filepath.Join(s.Dir(name), madeFile)
	made := map[string]Made{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return made, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	if err != nil {
		return nil, fault.New(fault.Missing, "read what was made for machine", path, err, "remove that file; contexts that floe made stay then")
	}
	return made, nil
}

func (s Shelf) saveMade(name string, made map[string]Made) error {
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.Dir(name), madeFile)
	if len(made) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return renameio.WriteFile(path, append(text, '\n'), 0o600)
}
