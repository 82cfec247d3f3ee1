package debian

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/fault"
)

// host writes an apt configuration below a folder.
func hostWith(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAptMirrors(t *testing.T) {
	const list, sources = "etc/apt/sources.list", "etc/apt/sources.list.d/debian.sources"
	cases := []struct {
		name  string
		files map[string]string
		want  string // "main security" of each, separated by "; "
	}{
		{"none", nil, ""},
		{"one-line style", map[string]string{list: `# a comment
deb http://one.example/debian/ bookworm main contrib # the main archive
deb-src http://one.example/debian bookworm main
deb http://sec.example/debian-security bookworm-security main
`}, "http://one.example/debian http://sec.example/debian-security"},
		{"options and another host order", map[string]string{list: `
deb http://other.example/debian-security stable-security main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://one.example/pub/debian stable main
deb http://one.example/debian-security stable-security main
deb http://two.example/debian sid main
`}, "https://one.example/pub/debian http://one.example/debian-security; http://two.example/debian http://other.example/debian-security"},
		{"stanzas", map[string]string{sources: `Types: deb
URIs: http://one.example/debian http://two.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://one.example/debian-security
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://three.example/debian
Suites: trixie
Components: main
`}, "http://one.example/debian http://one.example/debian-security; http://two.example/debian http://one.example/debian-security"},
		{"a root of another name", map[string]string{list: "deb http://one.example/mirrors/deb trixie main\n"}, "http://one.example/mirrors/deb http://one.example/mirrors/debian-security"},
		{"third parties", map[string]string{list: `
deb [signed-by=/etc/apt/keyrings/docker.gpg] https://vendor.example/linux/debian bookworm stable
deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example/ bookworm main
deb https://vendor.example/linux/debian bookworm stable
deb https://vendor.example/ubuntu noble main
deb https://vendor.example/apt vendor-bookworm main
deb cdrom:[Debian]/ bookworm main
deb file:/srv/debian bookworm main
deb http://broken.example
`}, ""},
		{"a list of mirrors in a file", map[string]string{
			sources: `Types: deb
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: trixie
Components: main

Types: deb
URIs: mirror+file:///etc/apt/mirrors/security.list
Suites: trixie-security
Components: main
`,
			"etc/apt/mirrors/debian.list":   "# comment\nhttp://one.example/debian\tpriority:1\n",
			"etc/apt/mirrors/security.list": "http://sec.example/debian-security\n",
		}, "http://one.example/debian http://sec.example/debian-security"},
		{"keys in the entry", map[string]string{sources: `Types: deb
URIs: http://one.example/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 /abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://two.example/debian
Suites: trixie
Components: main
Signed-By: 04B54C3CDCA79751B16BC6B5225629DF75B188BD

Types: deb
URIs: http://three.example/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg,/usr/share/keyrings/other.gpg
`}, "http://one.example/debian http://one.example/debian-security; http://two.example/debian http://two.example/debian-security"},
		{"old security suites", map[string]string{list: "deb http://one.example/debian buster main\ndeb http://one.example/sec buster/updates main\n"}, "http://one.example/debian http://one.example/sec"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := hostWith(t, c.files)
			var got []string
			for _, m := range aptMirrors(root) {
				got = append(got, m.Main+" "+m.Security)
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), c.want)
			}
			all, err := FindMirrors("", root)
			if err != nil || len(all) != len(got)+len(officialMirrors()) {
				t.Errorf("FindMirrors: %v, %v", all, err)
			}
		})
	}
}

func TestParseMirror(t *testing.T) {
	for text, want := range map[string]string{
		"http://one.example/debian":                             "http://one.example/debian http://one.example/debian-security",
		"https://one.example:8080/a/debian/":                    "https://one.example:8080/a/debian https://one.example:8080/a/debian-security",
		"http://one.example/debian, http://sec.example/s/":      "http://one.example/debian http://sec.example/s",
		"http://one.example/debian http://sec.example/security": "http://one.example/debian http://sec.example/security",
		"http://one.example":                                    "http://one.example http://one.example/debian-security",
	} {
		all, err := FindMirrors(text, "/nowhere")
		if err != nil || len(all) != 1 || all[0].Main+" "+all[0].Security != want {
			t.Errorf("%q: %v, %v", text, all, err)
		}
	}
	for _, bad := range []string{"one.example/debian", "ftp://one.example/debian", "/srv/debian", "http://", "a b c", " , ", "http://%zz/"} {
		if m, err := FindMirrors(bad, "/nowhere"); fault.Code(err) != int(fault.Usage) || fault.Hint(err) == "" {
			t.Errorf("%q: %v, %v", bad, m, err)
		}
	}
}

func TestOfficialMirrorsAreWellFormed(t *testing.T) {
	for _, m := range officialMirrors() {
		if !strings.HasPrefix(m.Main, "http://") || !strings.HasSuffix(m.Main, "/debian") || m.Security != m.Main+"-security" {
			t.Errorf("%+v", m)
		}
	}
}
