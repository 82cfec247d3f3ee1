package keysource

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"floe/internal/fault"
)

func publicLine(t *testing.T, comment string) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFindFiles(t *testing.T) {
	home := filepath.Join(t.TempDir(), "a[b]*")
	mine := publicLine(t, "me@home")
	write(t, filepath.Join(home, ".ssh/b.pub"), mine+"\n")
	write(t, filepath.Join(home, ".ssh/c.pub"), mine+"\n") // the same again
	write(t, filepath.Join(home, ".ssh/a.pub"), publicLine(t, "other"))
	write(t, filepath.Join(home, ".ssh/cert.pub"), "nonsense")
	write(t, filepath.Join(home, ".ssh/huge.pub"), strings.Repeat("x", maxFile+1))
	write(t, filepath.Join(home, ".ssh/private.pub"), "-----BEGIN OPENSSH PRIVATE KEY-----\n")
	if err := os.Mkdir(filepath.Join(home, ".ssh/dir.pub"), 0o700); err != nil {
		t.Fatal(err)
	}
	keys := Local{Home: home}.Find(t.Context())
	if len(keys) != 2 || keys[0].Value != "~/.ssh/a.pub" || keys[1].Value != "~/.ssh/b.pub" || keys[1].Comment != "me@home" {
		t.Errorf("%+v", keys)
	}
	if keys := (Local{Home: t.TempDir()}).Find(t.Context()); len(keys) != 0 {
		t.Errorf("from nothing: %+v", keys)
	}
}

// TestFindAgent asks a real agent on a real socket.
func TestFindAgent(t *testing.T) {
	home, ring := t.TempDir(), agent.NewKeyring()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []agent.AddedKey{{PrivateKey: private, Comment: "in\nthe agent"}, {PrivateKey: weak, Comment: "weak"}} {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(home, "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn)
		}
	}()
	keys := Local{Home: home, Agent: socket}.Find(t.Context())
	if len(keys) != 2 || keys[0].From != "agent" || keys[0].Comment != "in the agent" || keys[0].Value != keys[0].Line || keys[1].Weak == "" || keys[1].Bits != 1024 {
		t.Errorf("%+v", keys)
	}
	// An agent that says nothing holds nobody up, and for no longer than the context.
	mute, err := net.Listen("unix", filepath.Join(home, "mute"))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if err := errors.Join(os.Mkdir(filepath.Join(home, ".ssh"), 0o700), os.WriteFile(filepath.Join(home, ".ssh", "id.pub"), []byte(publicLine(t, "")), 0o600)); err != nil {
		t.Fatal(err)
	}
	found := make(chan []Key, 1)
	go func() { found <- (Local{Home: home, Agent: mute.Addr().String()}).Find(t.Context()) }()
	select {
	case keys := <-found:
		if len(keys) != 1 || keys[0].From != "~/.ssh/id.pub" {
			t.Errorf("%+v", keys)
		}
	case <-time.After(10 * agentPatience):
		t.Error("an agent that says nothing holds everybody up")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	home = t.TempDir()
	if keys := (Local{Home: home, Agent: mute.Addr().String()}).Find(ctx); len(keys) != 0 {
		t.Errorf("%+v", keys)
	}
}

func TestGenerate(t *testing.T) {
	l := Local{Home: t.TempDir()}
	key, err := l.Generate("~/.ssh/id_new", "floe, made here")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(l.Home, ".ssh/id_new")
	if key.Value != "~/.ssh/id_new.pub" || key.Comment != "floe, made here" {
		t.Errorf("%+v", key)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	// OpenSSH itself, where it is, must find the halves to belong together.
	if keygen, err := exec.LookPath("ssh-keygen"); err == nil {
		out, err := exec.CommandContext(t.Context(), keygen, "-y", "-f", path).Output()
		if err != nil || !strings.HasPrefix(key.Line, strings.Join(strings.Fields(string(out))[:2], " ")) {
			t.Errorf("ssh-keygen says %q, %v", out, err)
		}
	}
	data, _ := os.ReadFile(path)
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil || ssh.FingerprintSHA256(signer.PublicKey()) != key.Fingerprint {
		t.Errorf("the private half is of another key: %v", err)
	}
	for _, again := range []string{"~/.ssh/id_new", "~/.ssh/id_new.pub"} {
		if _, err := l.Generate(again, ""); fault.Code(err) != int(fault.Usage) {
			t.Errorf("%s again: %v", again, err)
		}
	}
	if now, _ := os.ReadFile(path); string(now) != string(data) {
		t.Error("the key was overwritten")
	}
	// Neither half is overwritten, and none is left alone.
	write(t, filepath.Join(l.Home, "half.pub"), "something")
	if _, err := l.Generate("~/half", ""); err == nil {
		t.Error("a public half was overwritten")
	}
	if _, err := os.Stat(filepath.Join(l.Home, "half")); err == nil {
		t.Error("a private half without its public half is left behind")
	}
	if err := os.Symlink("nowhere", filepath.Join(l.Home, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Generate("~/link", ""); err == nil {
		t.Error("a link was followed")
	}
}

func TestImport(t *testing.T) {
	one, two := publicLine(t, ""), publicLine(t, "")
	mux := http.NewServeMux()
	say := func(path string, code int, header, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if k, v, ok := strings.Cut(header, ": "); ok {
				w.Header().Set(k, v)
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		})
	}
	say("/ada.keys", 200, "", one+"\n"+two+"\n\nsk-unknown AAAA\n")
	say("/~ada/+sshkeys", 200, "", one)
	say("/none.keys", 200, "", "\n")
	say("/page.keys", 200, "", "<html>sign in</html>")
	say("/moved.keys", 302, "Location: /users/sign_in", "")
	say("/users/sign_in", 200, "", one)
	say("/busy.keys", 429, "", "")
	say("/limited.keys", 403, "X-RateLimit-Remaining: 0", "")
	say("/forbidden.keys", 403, "", "")
	say("/broken.keys", 500, "", "")
	say("/long.keys", 200, "", strings.Repeat("x", maxAnswer+1))
	server := httptest.NewServer(mux)
	defer server.Close()
	services := Services()
	hub, pad := services[0].At(server.URL+"/"), services[2].At(server.URL)

	keys, err := hub.Import(t.Context(), server.Client(), " ada ")
	if err != nil || len(keys) != 2 || keys[0].Line != strings.TrimSpace(one) || keys[0].Value != keys[0].Line || keys[0].From != "GitHub, ada" {
		t.Errorf("%+v %v", keys, err)
	}
	if keys, err := pad.Import(t.Context(), server.Client(), "ada"); err != nil || len(keys) != 1 {
		t.Errorf("Launchpad: %+v %v", keys, err)
	}
	for user, want := range map[string]struct {
		is    error
		class fault.Class
		says  string
	}{
		"nobody":    {ErrUnknownUser, fault.Usage, ""},
		"moved":     {ErrUnknownUser, fault.Usage, ""},
		"none":      {ErrNoKeys, fault.Usage, ""},
		"busy":      {ErrRateLimited, fault.Network, ""},
		"limited":   {ErrRateLimited, fault.Network, ""},
		"forbidden": {nil, fault.Network, "403"},
		"broken":    {nil, fault.Network, "500"},
		"page":      {nil, fault.Network, "no list of keys"},
		"long":      {nil, fault.Network, "too long"},
		"../ada":    {nil, fault.Usage, "user name"},
		"a/b":       {nil, fault.Usage, "user name"},
		"":          {nil, fault.Usage, "user name"},
	} {
		keys, err := hub.Import(t.Context(), server.Client(), user)
		if err == nil || len(keys) > 0 || fault.Code(err) != int(want.class) || want.is != nil && !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: %v, %v", user, keys, err)
		}
	}
	server.Close()
	if _, err := hub.Import(t.Context(), http.DefaultClient, "ada"); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("offline: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hub.Import(ctx, http.DefaultClient, "ada"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
