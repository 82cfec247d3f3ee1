package deb822

import (
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	text := `

# a comment
Package: a
Depends: b,
 c
# another, within
Description: short
 long
 .
	tabbed: not a field
Empty:

Package: b	
` + "\r\n" + `Last:x`
	r := NewReader(strings.NewReader(text))
	want := []Paragraph{
		{{"Package", "a"}, {"Depends", "b,\nc"}, {"Description", "short\nlong\n\ntabbed: not a field"}, {"Empty", ""}},
		{{"Package", "b"}},
		{{"Last", "x"}},
	}
	for _, w := range want {
		if p, err := r.Next(); err != nil || !reflect.DeepEqual(p, w) {
			t.Errorf("got  %q, %v\nwant %q", p, err, w)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestParagraph(t *testing.T) {
	p, err := One([]byte("SHA256:\n aa 1 x\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Lines("sha256"); !reflect.DeepEqual(got, []string{"aa 1 x"}) {
		t.Errorf("Lines: %q", got)
	}
	if !p.Has("Sha256") || p.Has("Sha") || p.Get("nosuch") != "" {
		t.Errorf("Has or Get: %q", p)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		" starts with a blank\n": "line 1 continues no field",
		"Package: a\nno colon\n": `line 2: "no colon"`,
		"A b: c\n":               "is not the name of a field",
		"-A: b\n":                "is not of the form",
		"A: 1\nB: 2\na: 3\n":     `line 3: field "a" is there twice`,
		": empty\n":              "is not of the form",
		"A: " + strings.Repeat("x", MaxLine+1) + "\n": "too long",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
	if _, err := One([]byte("A: 1\n\nB: 2\n")); err == nil {
		t.Error("two paragraphs passed for one")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("A: b\n c\n\nD: e\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Parse(text)
		if err != nil {
			return
		}
		for _, p := range all {
			if len(p) == 0 {
				t.Error("an empty paragraph")
			}
		}
	})
}
