package sshclient

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"floe/internal/fault"
)

func TestIdentityIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	var wg sync.WaitGroup
	lines := make([]string, 16)
	for i := range lines {
		wg.Go(func() {
			signer, line, err := Identity(dir)
			if err != nil {
				t.Error(err)
				return
			}
			if !strings.HasPrefix(line, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))) {
				t.Errorf("%q is not the signer's line", line)
			}
			lines[i] = line
		})
	}
	wg.Wait()
	for _, l := range lines {
		if l != lines[0] || !strings.HasPrefix(l, "ssh-ed25519 ") {
			t.Errorf("%q, %q", l, lines[0])
		}
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, KeyFile): 0o600, filepath.Join(dir, KeyFile+".pub"): 0o644} {
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); left != nil {
		t.Errorf("left over: %q", left)
	}
}

func TestBrokenIdentityIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, KeyFile)
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Identity(dir); fault.Code(err) != int(fault.Missing) || fault.Hint(err) == "" {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "broken" {
		t.Errorf("now %q, %v", text, err)
	}
}

// OpenSSH's own tool, where there is one, must read what we write.
func TestOpenSSHReadsIdentity(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen on this host; the format is also covered by x/crypto's parser")
	}
	dir := t.TempDir()
	_, line, err := Identity(dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), keygen, "-y", "-f", filepath.Join(dir, KeyFile)).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != line {
		t.Errorf("ssh-keygen says %q, %v; want %q", out, err, line)
	}
}

func TestAgentSigners(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, conn)
		}
	}()
	signers, done, err := AgentSigners(t.Context(), path)
	if err != nil || len(signers) != 1 {
		t.Fatalf("%d keys, %v", len(signers), err)
	}
	defer done()
	s := newServer(t)
	s.user = signers[0]
	c := connect(t, s)
	if r, err := c.Run(t.Context(), "echo in"); err != nil || string(r.Stdout) != "in" {
		t.Errorf("%q, %v", r.Stdout, err)
	}
	if none, done, err := AgentSigners(context.Background(), ""); none != nil || err != nil {
		t.Errorf("without an agent: %v, %v", none, err)
	} else {
		done()
	}
	if _, _, err := AgentSigners(t.Context(), path+"-not"); fault.Code(err) != int(fault.Missing) {
		t.Errorf("a dead agent: %v", err)
	}
}

func TestHomeSigners(t *testing.T) {
	dir := t.TempDir()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"id_ed25519": pem.EncodeToMemory(plain), "id_ecdsa": pem.EncodeToMemory(locked), "id_rsa": bytes.Repeat([]byte("x"), 9),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signers, skipped := HomeSigners(dir)
	if len(signers) != 1 || len(skipped) != 2 || !strings.Contains(skipped[0], "passphrase") {
		t.Errorf("%d keys, skipped %q", len(signers), skipped)
	}
}
