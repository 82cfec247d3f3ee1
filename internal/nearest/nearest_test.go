package nearest

import "testing"

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"host", "host", 0}, {"hsot", "host", 1}, {"hst", "host", 1},
		{"hosts", "host", 1}, {"hast", "host", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := Distance(tt.b, tt.a); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestWord(t *testing.T) {
	words := []string{"host", "noembed", "tz", "ip"}
	for typed, want := range map[string]string{
		"hots": "host", "noembd": "noembed", "no-embed": "noembed", "zt": "", "ipp": "ip", "quiet": "", "": "", "x": "", "hostname": "",
	} {
		if got := Word(typed, words); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
