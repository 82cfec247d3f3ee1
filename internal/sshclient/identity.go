package sshclient

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"floe/internal/fault"
)

// KeyFile is the name of floe's own private key in its folder. It is in
// OpenSSH's format, so that "ssh -i" takes it; the public key is beside it
// with ".pub" at the end.
const KeyFile = "id_ed25519"

// Identity gives floe's own key and the line for authorized_keys that belongs
// to it. At first use it makes the folder (mode 0700) and an Ed25519 key
// (0600); a key that is there is never replaced, not even a broken one. Of
// several floes that begin at once, all get the same key.
func Identity(dir string) (ssh.Signer, string, error) {
	path := filepath.Join(dir, KeyFile)
	fail := func(err error, hint string) (ssh.Signer, string, error) {
		return nil, "", fault.New(fault.Missing, "use floe's own ssh key", path, err, hint)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(dir, path); err == nil {
			text, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return fail(err, "")
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return fail(err, "move the file away, and floe makes a new key; images made with the old one will not know it")
	}
	line := authorizedLine(signer.PublicKey())
	if err := writeOnce(path+".pub", []byte(line+"\n"), 0o644); err != nil {
		return fail(err, "")
	}
	return signer, line, nil
}

func authorizedLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " floe"
}

func makeKey(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "floe")
	if err != nil {
		return err
	}
	return writeOnce(path, pem.EncodeToMemory(block), 0o600)
}

// writeOnce makes a file that appears whole or not at all. One that is there
// already stays as it is.
func writeOnce(path string, text []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	// A link, unlike a rename, leaves alone what is there.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// AgentSigners gives the keys of the ssh agent at a socket, which is
// $SSH_AUTH_SOCK as a rule; for "" there are none. The keys work until close
// is called.
func AgentSigners(ctx context.Context, socket string) (signers []ssh.Signer, close func(), err error) {
	if socket == "" {
		return nil, func() {}, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		signers, err = agent.NewClient(conn).Signers()
		stop()
		if err != nil {
			conn.Close()
		}
	}
	if err != nil {
		return nil, func() {}, fault.New(fault.Missing, "ask the ssh agent at", socket, err, "")
	}
	return signers, func() { conn.Close() }, nil
}

// HomeSigners gives the private keys that ssh itself would take without being
// told, from a folder such as ~/.ssh. Keys that are there and cannot be used,
// those with a passphrase above all, are named in skipped with the reason.
func HomeSigners(dir string) (signers []ssh.Signer, skipped []string) {
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var signer ssh.Signer
		if err == nil {
			signer, err = ssh.ParsePrivateKey(text)
		}
		var locked *ssh.PassphraseMissingError
		switch {
		case errors.As(err, &locked):
			skipped = append(skipped, path+": it has a passphrase; add it to the ssh agent")
		case err != nil:
			skipped = append(skipped, fmt.Sprintf("%s: %v", path, err))
		default:
			signers = append(signers, signer)
		}
	}
	return signers, skipped
}
