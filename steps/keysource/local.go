package keysource

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"floe/internal/fault"
	"floe/steps"
)

// Local is where keys are on this machine.
type Local struct {
	Home  string // the person's home folder
	Agent string // socket of the ssh agent; "" if there is none
}

// agentPatience is how long an agent may take to list its keys: one that was forwarded over
// a connection that hangs never does.
const agentPatience = 3 * time.Second

// maxFile is more than any public key takes, in bytes.
const maxFile = 64 << 10

// Find gives the public keys in .ssh, by name, and then those that only the
// agent has. What cannot be read is left out: files of other kinds are common
// there. A key that is in several places is given once.
func (l Local) Find(ctx context.Context) []Key {
	var keys []Key
	add := func(k Key) {
		same := func(o Key) bool { return o.Fingerprint == k.Fingerprint }
		if !slices.ContainsFunc(keys, same) {
			keys = append(keys, k)
		}
	}
	paths, _ := filepath.Glob(filepath.Join(escapeGlob(l.Home), ".ssh", "*.pub"))
	for _, path := range paths {
		if found, err := readFile(path); err == nil {
			short := l.short(path)
			add(Key{PublicKey: found, Value: short, From: short})
		}
	}
	for _, k := range l.agentKeys(ctx) {
		add(k)
	}
	return keys
}

// readFile reads a file with one public key.
func readFile(path string) (steps.PublicKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return steps.PublicKey{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return steps.PublicKey{}, errors.New("no file of a public key")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return steps.PublicKey{}, err
	}
	keys, err := steps.ReadKeys(data)
	if err != nil {
		return steps.PublicKey{}, err
	}
	return keys[0], nil
}

func (l Local) agentKeys(ctx context.Context) (keys []Key) {
	if l.Agent == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, agentPatience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", l.Agent)
	if err != nil {
		return nil
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	list, err := agent.NewClient(conn).List()
	if err != nil {
		return nil
	}
	for _, k := range list {
		pub, err := ssh.ParsePublicKey(k.Blob)
		if err != nil {
			continue // a kind that is not known here, such as a certificate of a new type
		}
		if _, certificate := pub.(*ssh.Certificate); certificate {
			continue
		}
		d := steps.Describe(pub, oneLine(k.Comment))
		keys = append(keys, Key{PublicKey: d, Value: d.Line, From: "agent"})
	}
	return keys
}

// Generate makes a new ed25519 key: the private half at path, readable by its
// owner only and without a passphrase, the public half beside it with .pub at
// its end. A file that is there already is left alone, and is the error.
func (l Local) Generate(path, comment string) (Key, error) {
	const op = "make a new ssh key"
	path = l.long(path)
	if strings.HasSuffix(path, ".pub") {
		return Key{}, fault.New(fault.Usage, op, path, errors.New("this is a public key's name"), "Leave .pub out: it is added.")
	}
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fault.New(fault.Missing, op, path, err, "")
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return Key{}, fault.New(fault.Missing, op, path, err, "")
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		return Key{}, fault.New(fault.Missing, op, path, err, "")
	}
	d := steps.Describe(key, comment)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Key{}, fault.New(fault.Missing, op, path, err, "")
	}
	if _, err := os.Lstat(path + ".pub"); err == nil {
		return Key{}, taken(op, path+".pub")
	}
	if err := create(path, pem.EncodeToMemory(block), 0o600); err != nil {
		if errors.Is(err, os.ErrExist) {
			return Key{}, taken(op, path)
		}
		return Key{}, fault.New(fault.Missing, op, path, err, "")
	}
	if err := create(path+".pub", []byte(d.Line+"\n"), 0o644); err != nil {
		return Key{}, fault.New(fault.Missing, op, path+".pub", err, "")
	}
	short := l.short(path + ".pub")
	return Key{PublicKey: d, Value: short, From: short}, nil
}

func taken(op, path string) error {
	return fault.New(fault.Usage, op, path, errors.New("there is such a file already, and it is left as it is"), "Choose another name.")
}

// create writes a file that must not be there yet, to the disk.
func create(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// short writes a path below the home folder with ~.
func (l Local) short(path string) string {
	if rest, err := filepath.Rel(l.Home, path); err == nil && filepath.IsLocal(rest) {
		return "~/" + rest
	}
	return path
}

func (l Local) long(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(l.Home, rest)
	}
	return path
}

// escapeGlob writes a path as a pattern of filepath.Glob that only it matches.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
