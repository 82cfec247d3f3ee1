package debian

import (
	"math/rand/v2"
	"os/exec"
	"testing"
)

// versionOrder lists versions from the earliest to the latest. Those of one
// line are the same.
func versionOrder() [][]string {
	return [][]string{
		{"~~"}, {"~~a"}, {"~"}, {"", "0", "0-0", "0:0", "00"}, {"0-0.1"}, {"0a"}, {"0+"},
		{"1.0~rc1-1"}, {"1.0~rc1-1+b1"}, {"1.0~rc2"}, {"1.0", "1.0-0", "1.00", "01.0", "0:1.0"}, {"1.0-1~bpo13+1"}, {"1.0-1"}, {"1.0-1+b1"}, {"1.0-1+deb13u1"}, {"1.0-1.1"},
		{"1.0a"}, {"1.0+dfsg-1"}, {"1.0.0"}, {"1.1"}, {"1.9"}, {"1.10"}, {"6.12.9-1"}, {"6.12.117-1"},
		{"99999999999999999999999999999999"}, {"100000000000000000000000000000000"},
		{"1:0.1"}, {"2:0.1-1"}, {"10:0"},
	}
}

func TestCompareVersions(t *testing.T) {
	order := versionOrder()
	for i, a := range order {
		for j, b := range order {
			for _, va := range a {
				for _, vb := range b {
					if got := sign3(CompareVersions(va, vb)); got != sign3(i-j) {
						t.Errorf("CompareVersions(%q, %q) = %d, want %d", va, vb, got, sign3(i-j))
					}
				}
			}
		}
	}
}

func sign3(n int) int { return min(1, max(-1, n)) }

// TestCompareVersionsAsDpkg compares with dpkg itself where the machine has
// it; the table above needs no tool.
func TestCompareVersionsAsDpkg(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Log("no dpkg on this machine: only the table was checked")
		return
	}
	parts := []string{"0", "1", "10", "09", "a", "Z", "~", "+", ".", "~rc", "+deb13u", "2:", "-1", "-"}
	r := rand.New(rand.NewPCG(13, 6))
	word := func() string {
		s := "1"
		for range r.IntN(5) {
			s += parts[r.IntN(len(parts))]
		}
		return s
	}
	compared := 0
	for range 200 {
		a, b := word(), word()
		got := CompareVersions(a, b)
		op := map[int]string{-1: "lt", 0: "eq", 1: "gt"}[sign3(got)]
		// dpkg warns of versions that are not valid and then takes no part.
		if out, err := exec.Command(dpkg, "--compare-versions", a, op, b).CombinedOutput(); len(out) == 0 {
			compared++
			if err != nil {
				t.Errorf("dpkg does not find %q %s %q", a, op, b)
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d pairs were valid", compared)
	}
}

func FuzzCompareVersions(f *testing.F) {
	for _, line := range versionOrder() {
		f.Add(line[0], "1.0-1", "1.0~rc1")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba := sign3(CompareVersions(a, b)), sign3(CompareVersions(b, a))
		if ab != -ba {
			t.Errorf("%q and %q: %d one way, %d the other", a, b, ab, ba)
		}
		if CompareVersions(a, a) != 0 {
			t.Errorf("%q differs from itself", a)
		}
		if bc := sign3(CompareVersions(b, c)); ab == bc && sign3(CompareVersions(a, c)) != ab {
			t.Errorf("%q, %q, %q: not an order", a, b, c)
		}
	})
}
