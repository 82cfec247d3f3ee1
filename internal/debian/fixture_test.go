package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"floe/internal/arch"
	"floe/internal/report"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ulikunitz/xz"
)

// today is the time of the tests.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// mirror is a small archive, complete and signed, behind a web server on
// loopback. A test changes what it serves through files, before and hook.
type mirror struct {
	t     *testing.T
	url   string
	key   *openpgp.Entity
	pkgs  map[string][]pkg // by suite
	srcs  map[string]string
	date  time.Time
	until time.Time

	mu       sync.Mutex
	files    map[string][]byte // by path on the server
	hook     func(w http.ResponseWriter, r *http.Request) bool
	requests []string
}

// pkg is a package of the archive. Its content is made from its name.
type pkg struct {
	name, version, arch, fields string
	content                     []byte
}

func (p pkg) data() []byte {
	if p.content != nil {
		return p.content
	}
	return bytes.Repeat([]byte(p.name+" "+p.version+" "+p.arch+"\n"), 400)
}

func (p pkg) file() string {
	return "pool/main/" + p.name + "_" + strings.ReplaceAll(p.version, ":", "%3a") + "_" + p.arch + ".deb"
}

// newKey makes a throw-away key, valid for some time from a date on.
func newKey(t *testing.T, from time.Time, life time.Duration) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Test Archive", "", "archive@example.org", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return from }, KeyLifetimeSecs: uint32(life / time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// publicKeys is what a program would embed.
func publicKeys(t *testing.T, keys ...*openpgp.Entity) *Keyring {
	t.Helper()
	var out bytes.Buffer
	for _, k := range keys {
		if err := k.Serialize(&out); err != nil {
			t.Fatal(err)
		}
	}
	ring, err := NewKeyring(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// sign clear-signs a text with each of the keys.
func sign(t *testing.T, text string, when time.Time, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var private []*packet.PrivateKey
	for _, k := range keys {
		private = append(private, k.PrivateKey)
	}
	var out bytes.Buffer
	w, err := clearsign.EncodeMulti(&out, private, &packet.Config{Time: func() time.Time { return when }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newMirror(t *testing.T) *mirror {
	m := &mirror{
		t: t, key: newKey(t, today.AddDate(-1, 0, 0), 0), date: today.Add(-time.Hour), until: today.AddDate(0, 0, 7),
		pkgs: map[string][]pkg{
			"trixie": {
				{name: "tool", version: "1.0-1", arch: "amd64", fields: "Depends: libtool1 (>= 1.0), awk | gawk\nPre-Depends: libc6"},
				{name: "libtool1", version: "1.0-1", arch: "amd64", fields: "Source: tool\nDepends: libc6"},
				{name: "libc6", version: "2.41-12", arch: "amd64", fields: "Source: glibc\nMulti-Arch: same"},
				{name: "libc6", version: "2.41-12", arch: "arm64", fields: "Source: glibc\nMulti-Arch: same"},
				{name: "mawk", version: "1.3-1", arch: "amd64", fields: "Provides: awk\nPriority: required"},
				{name: "gawk", version: "5.2-1", arch: "amd64", fields: "Provides: awk"},
				{name: "linux-source-6.12", version: "6.12.9-1", arch: "all"},
				{name: "linux-source-6.12", version: "6.12.117-1", arch: "all"},
			},
			"trixie-updates":  nil,
			"trixie-security": {{name: "libc6", version: "2.41-12+deb13u1", arch: "amd64", fields: "Source: glibc\nMulti-Arch: same"}},
		},
		srcs: map[string]string{},
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.url = server.URL
	m.publish()
	return m
}

// root is the server's folder of a suite's archive.
func rootOf(suite string) string {
	if strings.HasSuffix(suite, "-security") {
		return "/debian-security/"
	}
	return "/debian/"
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func compress(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := xz.WriterConfig{DictCap: 1 << 16, BufSize: 1 << 16}.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// publish writes and signs all files of the archive.
func (m *mirror) publish() {
	files := map[string][]byte{}
	for _, suite := range []string{"trixie", "trixie-updates", "trixie-security"} {
		root := rootOf(suite)
		var release strings.Builder
		fmt.Fprintf(&release, "Origin: Debian\nVersion: 13.7\nCodename: %s\nDate: %s UTC\n", suite, m.date.Format(dateForm))
		if !m.until.IsZero() {
			fmt.Fprintf(&release, "Valid-Until: %s UTC\n", m.until.Format(dateForm))
		}
		release.WriteString("Acquire-By-Hash: yes\nSHA256:\n")
		add := func(path, text string) {
			data := compress(m.t, text)
			fmt.Fprintf(&release, " %s %8d %s\n", sum(data), len(data), path)
			files[root+"dists/"+suite+"/"+filepath.Dir(path)+"/by-hash/SHA256/"+sum(data)] = data
		}
		for _, ar := range []string{"amd64", "arm64"} {
			add("main/binary-"+ar+"/Packages.xz", m.packages(suite, ar, files))
		}
		add("main/source/Sources.xz", m.srcs[suite])
		files[root+"dists/"+suite+"/InRelease"] = sign(m.t, release.String(), m.date, m.key)
	}
	m.mu.Lock()
	m.files = files
	m.mu.Unlock()
}

// packages writes an index, and the packages that it names into files.
func (m *mirror) packages(suite, ar string, files map[string][]byte) string {
	var index strings.Builder
	for _, p := range m.pkgs[suite] {
		if p.arch != ar && p.arch != "all" {
			continue
		}
		fmt.Fprintf(&index, "Package: %s\nVersion: %s\nArchitecture: %s\n", p.name, p.version, p.arch)
		if p.fields != "" {
			index.WriteString(p.fields + "\n")
		}
		fmt.Fprintf(&index, "Filename: %s\nSize: %d\nSHA256: %s\n\n", p.file(), len(p.data()), sum(p.data()))
		files[rootOf(suite)+p.file()] = p.data()
	}
	return index.String()
}

// ServeHTTP serves the files, with ranges.
func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.requests = append(m.requests, r.URL.Path)
	data, ok := m.files[r.URL.Path]
	hook := m.hook
	m.mu.Unlock()
	if hook != nil && hook(w, r) {
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (m *mirror) asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.requests)
	m.requests = nil
	return n
}

// set changes what is served at one path.
func (m *mirror) set(path string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[path] == nil {
		m.t.Fatalf("the test archive has no %s", path)
	}
	m.files[path] = data
}

// log collects the lines of a report.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) Emit(e report.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind == report.Log {
		l.lines = append(l.lines, e.Text)
	}
}

func (l *log) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.lines, "\n"), text)
}

// options opens the mirror with a new cache.
func (m *mirror) options() Options {
	return Options{
		Cache:    m.t.TempDir(),
		Mirrors:  []Mirror{{Main: m.url + "/debian", Security: m.url + "/debian-security", From: "the test"}},
		Keyring:  publicKeys(m.t, m.key),
		Archs:    []arch.Arch{arch.AMD64, arch.ARM64},
		Patience: Patience{Stall: 20 * time.Second, Attempts: 3, Wait: time.Millisecond},
		Now:      func() time.Time { return today },
		Report:   &log{},
	}
}

func open(t *testing.T, o Options) *Archive {
	t.Helper()
	a, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func resolve(t *testing.T, a *Archive, names ...string) Selection {
	t.Helper()
	s, err := a.Resolve(context.Background(), arch.AMD64, names)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
