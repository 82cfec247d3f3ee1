package debian

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"floe/internal/arch"
	"floe/internal/fault"
)

const (
	inRelease = "/debian/dists/trixie/InRelease"
	toolDeb   = "/debian/pool/main/tool_1.0-1_amd64.deb"
)

func TestOpenResolveFetch(t *testing.T) {
	m := newMirror(t)
	a := open(t, m.options())
	if got, want := a.String(), "Debian 13.7, updates of 1 Mar 2026"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	sel := resolve(t, a, "tool")
	if got, want := names(sel), "libc6 2.41-12+deb13u1 amd64, libtool1 1.0-1 amd64, mawk 1.3-1 amd64, tool 1.0-1 amd64"; got != want {
		t.Errorf("closure:\n got %s\nwant %s", got, want)
	}
	paths, err := a.Fetch(context.Background(), sel.Files(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil || sum(data) != sel.Packages[i].File.SHA256 || filepath.Base(p) != sum(data) {
			t.Errorf("%s: wrong content at %s (%v)", sel.Packages[i], p, err)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(a.opt.Cache, "partial")); len(left) > 0 {
		t.Errorf("left in partial: %v", left)
	}
}

func names(s Selection) string {
	var all []string
	for _, p := range s.Packages {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

// TestBadRelease serves release files that must not be trusted.
func TestBadRelease(t *testing.T) {
	other := newKey(t, today.AddDate(-1, 0, 0), 0)
	cases := []struct {
		name  string
		spoil func(m *mirror)
		want  string
	}{
		{"tampered", func(m *mirror) {
			m.set(inRelease, bytes.Replace(m.files[inRelease], []byte("Version: 13.7"), []byte("Version: 13.8"), 1))
		}, "no good signature"},
		{"expired", func(m *mirror) { m.until = today.Add(-time.Minute); m.publish() }, "was valid until"},
		{"dated in the future", func(m *mirror) { m.date = today.Add(time.Hour); m.publish() }, "not valid at this time"},
		{"text dated in the future", func(m *mirror) {
			text := "Codename: trixie\nDate: " + today.Add(time.Hour).Format(dateForm) + " UTC\nSHA256:\n " + sum(nil) + " 0 x\n"
			m.set(inRelease, sign(t, text, today, m.key))
		}, "in the future"},
		{"other key", func(m *mirror) { m.key = other; m.publish() }, "is not one of the archive's keys"},
		{"unsigned", func(m *mirror) {
			text, _, err := publicKeys(t, m.key).Verify(m.files[inRelease], today)
			if err != nil {
				t.Fatal(err)
			}
			m.set(inRelease, text)
		}, "does not start with"},
		{"cut", func(m *mirror) { m.set(inRelease, m.files[inRelease][:len(m.files[inRelease])/2]) }, "damaged or cut"},
		{"text after it", func(m *mirror) { m.set(inRelease, append(m.files[inRelease], "\nVersion: 14\n"...)) }, "text follows"},
		{"text before it", func(m *mirror) { m.set(inRelease, append([]byte("Version: 14\n"), m.files[inRelease]...)) }, "does not start with"},
		{"other suite", func(m *mirror) { m.set(inRelease, m.files["/debian/dists/trixie-updates/InRelease"]) }, `expected "trixie"`},
		{"endless", func(m *mirror) { m.hook = endless(inRelease) }, "too large"},
		{"a web page", func(m *mirror) { m.set(inRelease, []byte("<html>please log in</html>")) }, "does not start with"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMirror(t)
			o := m.options() // with the key of the good archive
			c.spoil(m)
			_, err := Open(context.Background(), o)
			if err == nil || fault.Code(err) != int(fault.Verify) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v (code %d), want one of verification with %q", err, fault.Code(err), c.want)
			}
			if !strings.Contains(err.Error(), "InRelease") || fault.Hint(err) == "" {
				t.Errorf("error %q (hint %q) does not say which file or what to do", err, fault.Hint(err))
			}
			if kept, _ := filepath.Glob(filepath.Join(o.Cache, "*", "trixie*")); len(kept) > 0 {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

func TestNoEndAndOldDateAreFine(t *testing.T) {
	m := newMirror(t)
	m.until, m.date = time.Time{}, today.AddDate(0, -6, 0)
	m.publish()
	open(t, m.options())
}

// TestNetworkIsSpared checks when the mirror is asked and when it is not.
func TestNetworkIsSpared(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	now := today
	o.Now = func() time.Time { return now }
	a := open(t, o)
	want := names(resolve(t, a, "tool"))
	if n := m.asked(); n != 6 {
		t.Errorf("first run: %d requests, want 3 release files and 3 indices", n)
	}
	now = today.Add(23 * time.Hour)
	a = open(t, o)
	if got := names(resolve(t, a, "tool")); got != want || m.asked() != 0 {
		t.Errorf("second run asked the network or resolved otherwise: %s", got)
	}
	// The answer itself is on disk: no table is needed for it.
	if err := os.Rename(filepath.Join(o.Cache, "table"), filepath.Join(o.Cache, "away")); err != nil {
		t.Fatal(err)
	}
	if got := names(resolve(t, open(t, o), "tool")); got != want || m.asked() != 0 {
		t.Errorf("third run, without tables, asked the network or resolved otherwise: %s", got)
	}
	if err := os.Rename(filepath.Join(o.Cache, "away"), filepath.Join(o.Cache, "table")); err != nil {
		t.Fatal(err)
	}
	// A request that was never made is worked out from the table on disk.
	resolve(t, a, "gawk")
	if n := m.asked(); n != 0 {
		t.Errorf("another request: %d requests", n)
	}
	o.Refresh = true
	open(t, o)
	if n := m.asked(); n != 3 {
		t.Errorf("with Refresh: %d requests, want 3", n)
	}
	o.Refresh, now = false, now.Add(25*time.Hour)
	identity := a.Identity()
	m.date = today.Add(40 * time.Hour) // signed anew, nothing changed
	m.publish()
	a = open(t, o)
	if n := m.asked(); n != 3 || a.Identity() != identity {
		t.Errorf("a day later: %d requests, want 3; identity changed: %v", n, a.Identity() != identity)
	}
}

func TestOffline(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	o.Offline = true
	if _, err := Open(context.Background(), o); fault.Code(err) != int(fault.Network) || m.asked() != 0 {
		t.Fatalf("offline with nothing on disk: %v", err)
	}
	o.Offline = false
	sel := resolve(t, open(t, o), "mawk")
	if _, err := open(t, o).Fetch(context.Background(), sel.Files(), nil); err != nil {
		t.Fatal(err)
	}
	m.asked()
	o.Offline = true
	o.Now = func() time.Time { return m.until.Add(time.Hour) } // past Valid-Until
	a := open(t, o)
	if got := resolve(t, a, "mawk"); names(got) != names(sel) {
		t.Errorf("offline: %s", names(got))
	}
	if _, err := a.Fetch(context.Background(), sel.Files(), nil); err != nil {
		t.Errorf("offline, package on disk: %v", err)
	}
	if !o.Report.(*log).has("was valid until") {
		t.Error("the use of an expired release file was not told")
	}
	other := resolve(t, a, "gawk")
	_, err := a.Fetch(context.Background(), other.Files(), nil)
	if err == nil || !strings.Contains(err.Error(), "gawk") || m.asked() != 0 {
		t.Errorf("offline, package not on disk: %v", err)
	}
}

func TestUnreachableUsesValidRelease(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	open(t, o)
	m.hook = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	o.Now = func() time.Time { return today.AddDate(0, 0, 2) }
	open(t, o)
	if !o.Report.(*log).has("still valid") {
		t.Error("the use of the older release file was not told")
	}
	o.Now = func() time.Time { return today.AddDate(0, 0, 9) } // past Valid-Until
	_, err := Open(context.Background(), o)
	if fault.Code(err) != int(fault.Network) || !strings.Contains(fault.Hint(err), "--mirror") {
		t.Errorf("unreachable and expired: %v (hint %q)", err, fault.Hint(err))
	}
}

func TestMirrorIsBehind(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	open(t, o)
	m.date = m.date.Add(-48 * time.Hour)
	m.publish()
	o.Refresh = true
	open(t, o)
	if !o.Report.(*log).has("an older one than is on disk") {
		t.Error("an older release file took the place of a newer one")
	}
}

func TestNextMirror(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	broken := newMirror(t)
	broken.hook = func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "no", http.StatusForbidden)
		return true
	}
	o.Mirrors = append([]Mirror{
		{Main: "http://127.0.0.1:1/debian", Security: "http://127.0.0.1:1/debian-security"},
		{Main: broken.url + "/debian", Security: broken.url + "/debian-security"},
	}, o.Mirrors...)
	a := open(t, o)
	sel := resolve(t, a, "tool")
	broken.asked()
	if _, err := a.Fetch(context.Background(), sel.Files(), nil); err != nil {
		t.Fatal(err)
	}
	if n := broken.asked(); n != 0 {
		t.Errorf("%d requests to a mirror that was found not to work", n)
	}
	if l := o.Report.(*log); !l.has("403 Forbidden; trying "+m.url) || !l.has("connection refused; trying "+broken.url) {
		t.Errorf("the change of mirror was not told: %q", l.lines)
	}
}

func TestWrongByteInIndex(t *testing.T) {
	m := newMirror(t)
	o := m.options()
	a := open(t, o)
	for path, data := range m.files {
		if strings.Contains(path, "/trixie/main/binary-amd64/by-hash/") {
			data = bytes.Clone(data)
			data[len(data)/2] ^= 1
			m.files[path] = data
		}
	}
	_, err := a.Resolve(context.Background(), arch.AMD64, []string{"tool"})
	if fault.Code(err) != int(fault.Verify) || !strings.Contains(err.Error(), "trixie/main/binary-amd64/Packages.xz") {
		t.Fatalf("error %v, want one of verification that names the index", err)
	}
	if kept, _ := filepath.Glob(filepath.Join(o.Cache, "table", "*")); len(kept) > 2 {
		t.Errorf("kept: %v", kept)
	}
}
