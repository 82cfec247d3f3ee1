package debian

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/internal/fault"
)

// world opens an archive that holds the given packages in trixie. A line is
// "name version arch; field: value; ...".
func world(t *testing.T, lines ...string) *Archive {
	t.Helper()
	m := newMirror(t)
	m.pkgs = map[string][]pkg{}
	for _, line := range lines {
		parts := strings.Split(line, "; ")
		w := strings.Fields(parts[0])
		suite := "trixie"
		if len(w) == 4 {
			suite = w[3]
		}
		m.pkgs[suite] = append(m.pkgs[suite], pkg{name: w[0], version: w[1], arch: w[2], fields: strings.Join(parts[1:], "\n")})
	}
	m.publish()
	return open(t, m.options())
}

func TestClosure(t *testing.T) {
	cases := []struct {
		name  string
		world []string
		ask   string
		opts  []Option
		want  string // names, with ":arch" where it is not amd64
	}{
		{"nothing to follow", []string{"a 1 amd64; Recommends: b; Suggests: c", "b 1 amd64"}, "a", nil, "a"},
		{"pre-depends", []string{"a 1 amd64; Pre-Depends: b", "b 1 amd64"}, "a", nil, "a b"},
		{"a circle", []string{"a 1 amd64; Depends: b", "b 1 amd64; Depends: c", "c 1 amd64; Depends: a"}, "b", nil, "a b c"},
		{"the first alternative", []string{"a 1 amd64; Depends: b | c", "b 1 amd64", "c 1 amd64"}, "a", nil, "a b"},
		{"the alternative that is there", []string{"a 1 amd64; Depends: nosuch | c", "c 1 amd64"}, "a", nil, "a c"},
		{"the alternative that was asked for", []string{"a 1 amd64; Depends: b | c", "b 1 amd64", "c 1 amd64"}, "a c", nil, "a c"},
		{"the alternative that another wants later", []string{"a 1 amd64; Depends: b | c, z", "b 1 amd64", "c 1 amd64", "z 1 amd64; Depends: c"}, "a", nil, "a c z"},
		{"an alternative by version", []string{"a 1 amd64; Depends: b (>= 2) | c", "b 1 amd64", "c 1 amd64"}, "a", nil, "a c"},
		{"a virtual package by priority", []string{"a 1 amd64; Depends: v", "p 1 amd64; Provides: v", "q 1 amd64; Provides: v; Priority: required"}, "a", nil, "a q"},
		{"a virtual package by name", []string{"a 1 amd64; Depends: v", "q 1 amd64; Provides: v", "p 1 amd64; Provides: w, v"}, "a", nil, "a p"},
		{"a virtual package that is chosen already", []string{"a 1 amd64; Depends: v, q", "p 1 amd64; Provides: v", "q 1 amd64; Provides: v"}, "a", nil, "a q"},
		{"a real package before providers", []string{"a 1 amd64; Depends: v", "v 1 amd64", "p 1 amd64; Provides: v; Priority: required"}, "a", nil, "a v"},
		{"a versioned provides", []string{"a 1 amd64; Depends: v (>= 2)", "p 1 amd64; Provides: v (= 1)", "q 1 amd64; Provides: v (= 3)"}, "a", nil, "a q"},
		{"a provides without version", []string{"a 1 amd64; Depends: v (>= 2) | z", "p 1 amd64; Provides: v", "z 1 amd64"}, "a", nil, "a z"},
		{"a provider that is too old stays out", []string{"a 1 amd64; Depends: v | z", "p 1 amd64; Provides: v", "p 2 amd64", "z 1 amd64"}, "a", nil, "a z"},
		{"restricted to another architecture", []string{"a 1 amd64; Depends: b [arm64], c [!arm64], d [linux-any]", "c 1 amd64", "d 1 amd64"}, "a", nil, "a c d"},
		{"excluded", []string{"a 1 amd64; Depends: b, c", "b 1 amd64; Depends: d", "c 1 amd64", "d 1 amd64"}, "a", []Option{Exclude("b")}, "a c"},
		{"an excluded alternative counts as there", []string{"a 1 amd64; Depends: b | c", "b 1 amd64", "c 1 amd64"}, "a", []Option{Exclude("c")}, "a"},
		{"shallow", []string{"a 1 amd64", "b 1 amd64; Depends: nosuch"}, "a", []Option{Shallow("b")}, "a b"},
		{"shallow of another architecture", []string{"musl-dev 1 amd64; Depends: musl", "musl-dev 1 arm64; Depends: musl", "musl 1 amd64", "musl 1 arm64"}, "musl-dev", []Option{Shallow("musl-dev:arm64")}, "musl musl-dev musl-dev:arm64"},
		{"of another architecture", []string{"a 1 arm64; Depends: b, t, d", "b 1 arm64", "b 1 amd64", "t 1 amd64; Multi-Arch: foreign", "t 1 arm64; Multi-Arch: foreign", "d 1 all"}, "a:arm64", nil, "a:arm64 b:arm64 d:all t"},
		{"any", []string{"a 1 amd64; Depends: p:any", "p 1 amd64; Multi-Arch: allowed"}, "a", nil, "a p"},
		{"native", []string{"a 1 arm64; Depends: p:native", "p 1 amd64", "p 1 arm64"}, "a:arm64", nil, "a:arm64 p"},
		{"essential", []string{"a 1 amd64", "e 1 amd64; Essential: yes; Depends: f", "f 1 amd64"}, "a", []Option{Essential()}, "a e f"},
		{"the newest of all suites", []string{"a 1 amd64; Depends: b (>= 2)", "b 1 amd64", "b 2 amd64 trixie-security", "b 1.5 amd64 trixie-updates"}, "a", nil, "a b"},
		{"an older one where it is asked for", []string{"a 1 amd64; Depends: b (<< 2)", "b 1 amd64", "b 2 amd64"}, "a", nil, "a b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := world(t, c.world...)
			s, err := a.Resolve(context.Background(), arch.AMD64, strings.Fields(c.ask), c.opts...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range s.Packages {
				name := p.Name
				if p.Arch != "amd64" {
					name += ":" + p.Arch
				}
				got = append(got, name)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestClosureErrors(t *testing.T) {
	cases := []struct {
		name  string
		world []string
		ask   string
		want  []string
	}{
		{"missing package", []string{"a 1 amd64"}, "b", []string{"find the package b", "no such package"}},
		{"virtual package", []string{"a 1 amd64; Provides: v", "b 1 amd64; Provides: v"}, "v", []string{"virtual", "a, b"}},
		{"wrong version", []string{"a 1 amd64"}, "a=2", []string{"a=2", "has version 1"}},
		{"missing dependency", []string{"a 1 amd64; Depends: b", "b 1 amd64; Depends: c (>= 2)", "c 1 amd64"}, "a", []string{"b 1 amd64, wanted by a", `"c (>= 2)"`, "it has c 1 amd64"}},
		{"other version chosen", []string{"a 1 amd64; Depends: b, c", "b 1 amd64", "b 2 amd64", "c 1 amd64; Depends: b (= 1)"}, "a", []string{`"b (= 1)"`, "chosen is b 2 amd64"}},
		{"architecture not opened", []string{"a 1 amd64"}, "a:riscv64", []string{"riscv64", "not opened"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := world(t, c.world...).Resolve(context.Background(), arch.AMD64, strings.Fields(c.ask))
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
			if code := fault.Code(err); code != int(fault.Network) && code != int(fault.Usage) {
				t.Errorf("code %d", code)
			}
		})
	}
}

// TestClosureIsDeterministic asks for the same in every order.
func TestClosureIsDeterministic(t *testing.T) {
	a := world(t,
		"a 1 amd64; Depends: v, x | y", "b 1 amd64; Depends: y | x, w", "c 1 amd64; Depends: p | q",
		"p 1 amd64; Provides: v, w", "q 1 amd64; Provides: w, v", "x 1 amd64; Depends: q", "y 1 amd64",
	)
	ask := []string{"a", "b", "c"}
	want := resolve(t, a, ask...)
	for range 20 {
		rand.Shuffle(len(ask), func(i, j int) { ask[i], ask[j] = ask[j], ask[i] })
		got, err := a.closure(context.Background(), a.current(), &request{arch: arch.AMD64, names: ask}) // past what is kept on disk
		if err != nil {
			t.Fatal(err)
		}
		if names(got) != names(want) || got.Digest() != want.Digest() {
			t.Fatalf("order %v:\n got %s\nwant %s", ask, names(got), names(want))
		}
	}
}

// TestTwoVersionsInOneSuite is the case of linux-source-6.12 in trixie.
func TestTwoVersionsInOneSuite(t *testing.T) {
	a := open(t, newMirror(t).options())
	if got := names(resolve(t, a, "linux-source-6.12")); got != "linux-source-6.12 6.12.117-1 all" {
		t.Errorf("newest: %s", got)
	}
	if got := names(resolve(t, a, "linux-source-6.12=6.12.9-1")); got != "linux-source-6.12 6.12.9-1 all" {
		t.Errorf("named: %s", got)
	}
}

func TestDigestFollowsContent(t *testing.T) {
	s := Selection{Packages: []Package{{Name: "a", Version: "1", Arch: "amd64", File: File{SHA256: "x"}}}}
	one := s.Digest()
	s.Packages[0].Suite = "elsewhere"
	if s.Digest() != one {
		t.Error("the suite changed the digest")
	}
	s.Packages[0].File.SHA256 = "y"
	if s.Digest() == one {
		t.Error("another content has the same digest")
	}
}

func TestSourcePackage(t *testing.T) {
	m := newMirror(t)
	row := func(name, version, extra string) string {
		return "Package: " + name + "\nVersion: " + version + "\nFormat: 3.0 (quilt)\nDirectory: pool/main/b/" + name + "\n" + extra +
			"Checksums-Sha256:\n " + sum([]byte(version)) + " 5 " + name + "_" + version + ".dsc\n " + sum(nil) + " 0 " + name + ".orig.tar.xz\n\n"
	}
	m.srcs["trixie"] = row("box", "1.0-1", "") + row("box", "1.2-1", "Extra-Source-Only: yes\n") + row("boxes", "9-1", "")
	m.srcs["trixie-security"] = row("box", "1.0-1+deb13u1", "")
	m.publish()
	a := open(t, m.options())
	s, err := a.Source(context.Background(), "box")
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "1.0-1+deb13u1" || s.Format != "3.0 (quilt)" || len(s.Files) != 2 || s.Files[0].Root != Security || s.Files[0].Path != "pool/main/b/box/box_1.0-1+deb13u1.dsc" || s.Files[0].Size != 5 {
		t.Errorf("got %+v", s)
	}
	if s, err = a.Source(context.Background(), "box=1.2-1"); err != nil || s.Version != "1.2-1" {
		t.Errorf("by version: %+v, %v", s, err)
	}
	if _, err = a.Source(context.Background(), "bo"); fault.Code(err) != int(fault.Network) {
		t.Errorf("missing source: %v", err)
	}
	lock := a.Lock([]Selection{resolve(t, a, "tool"), resolve(t, a, "mawk")}, []SourcePackage{s, s})
	if len(lock.Packages) != 4 || len(lock.Releases) != 3 || lock.Packages[0].Source != "glibc 2.41-12+deb13u1" {
		t.Errorf("lock: %+v", lock)
	}
}
