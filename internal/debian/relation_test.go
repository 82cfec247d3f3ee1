package debian

import (
	"reflect"
	"testing"
)

func TestParseDependencies(t *testing.T) {
	got, err := parseDependencies("libc6 (>= 2.41), gcc:any|clang ( = 1:19~rc1-1 ), make [amd64 arm64] <!nocheck>,perl:native(<<6)\n , , x [!i386]")
	if err != nil {
		t.Fatal(err)
	}
	want := []dependency{
		{{name: "libc6", op: ">=", version: "2.41"}},
		{{name: "gcc", qualifier: "any"}, {name: "clang", op: "=", version: "1:19~rc1-1"}},
		{{name: "make", archs: []string{"amd64", "arm64"}}},
		{{name: "perl", qualifier: "native", op: "<<", version: "6"}},
		{{name: "x", archs: []string{"!i386"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if s := got[1].String(); s != "gcc:any | clang (= 1:19~rc1-1)" {
		t.Errorf("String() = %q", s)
	}
}

func TestParseDependenciesErrors(t *testing.T) {
	for _, bad := range []string{"a (>= 1", "a (1)", "a (>=)", "a (!= 1)", "(>= 1)", "a | ", "a b", "a [amd64"} {
		if got, err := parseDependencies(bad); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func FuzzParseDependencies(f *testing.F) {
	f.Add("a (>= 1) [amd64] <x> | b:any, c")
	f.Fuzz(func(t *testing.T, text string) {
		deps, err := parseDependencies(text)
		if err != nil {
			return
		}
		for _, d := range deps {
			again, err := parseDependencies(d.String())
			if err != nil || len(again) != 1 || again[0].String() != d.String() {
				t.Errorf("%q gives %q, which does not read the same: %v", text, d, err)
			}
		}
	})
}

func TestSatisfies(t *testing.T) {
	for _, c := range []struct {
		version, op, want string
		ok                bool
	}{
		{"1", "", "", true}, {"1", ">=", "1", true}, {"1", ">>", "1", false}, {"2", ">>", "1", true},
		{"1", "<<", "1", false}, {"1~", "<<", "1", true}, {"1", "<=", "1", true}, {"1-1", "=", "1", false}, {"1-0", "=", "1", true}, {"1", "~", "1", false},
	} {
		if got := satisfies(c.version, c.op, c.want); got != c.ok {
			t.Errorf("%s %s %s: %v", c.version, c.op, c.want, got)
		}
	}
}
