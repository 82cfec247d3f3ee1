package vt

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func shown(cols, rows int, out string) *Screen {
	s := New(cols, rows)
	for i := range len(out) { // a byte at a time: sequences come in pieces
		_, _ = s.Write([]byte{out[i]})
	}
	return s
}

func TestScreen(t *testing.T) {
	for out, want := range map[string]string{
		"ab\r\ncd":                       "ab\ncd\n\n",
		"abcdefgh":                       "abcde\nfgh\n\n",
		"a\r\nb\r\nc\r\nd":               "b\nc\nd\n",
		"abc\x1b[2D*":                    "a*c\n\n\n",
		"abc\x1b[H\x1b[K":                "\n\n\n",
		"a\x1b[3b":                       "aaaa\n\n\n",
		"abc\r\x1b[1P":                   "bc\n\n\n",
		"x\x1b[?1049hy\x1b[2;3H\u2588":   " y\n  \u2588\n\n",
		"1\r\n2\r\n3\x1b[H\x1b[L":        "\n1\n2\n",
		"1\r\n2\r\n3\x1b[1;1H\x1b[M":     "2\n3\n\n",
		"\x1b[2;3r1\r\n2\r\n3\r\n4":      "1\n3\n4\n",
		"\u754c!":                        "\u754c!\n\n\n",
		"\x1b]2;title\x07a\x1b[38;5;1mb": "ab\n\n\n",
	} {
		if got := shown(5, 3, out).String(); got != want {
			t.Errorf("%q is shown as %q, not %q", out, got, want)
		}
	}
}

func TestStyles(t *testing.T) {
	for out, want := range map[string]Style{
		"\x1b[1;31mx":                              {Fore: "#cd0000", Bold: true},
		"\x1b[38;2;1;2;3;48;5;255mx":               {Fore: "#010203", Back: "#eeeeee"},
		"\x1b[38:2:1:2:3mx":                        {Fore: "#010203"},
		"\x1b[2;4;7;96mx":                          {Fore: "#00ffff", Faint: true, Underline: true, Invert: true},
		"\x1b[1;2;4;7;31;41m\x1b[22;24;27;39;49mx": {},
		"\x1b[1;31m\x1b[mx":                        {},
		"\x1b[38;5;208mx":                          {Fore: "#ff8700"},
		"\x1b[>4;2mx":                              {},
		"\x1b[38mx":                                {},
	} {
		if got := shown(5, 1, out).Rows()[0][0]; got.Style != want || got.Text != "x" {
			t.Errorf("%q gives %+v, not %+v", out, got, want)
		}
	}
}

// TestSVG: the picture is XML, has all the text, and draws blocks.
func TestSVG(t *testing.T) {
	var b strings.Builder
	if err := shown(20, 2, "a < b  \x1b[1mc & d\x1b[m \u2588\u2580\r\n\x1b[7minverse").SVG(&b, `a "title"`); err != nil {
		t.Fatal(err)
	}
	text, rects := "", 0
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			text += strings.TrimSpace(string(token)) + "|"
		case xml.StartElement:
			if token.Name.Local == "rect" {
				rects++
			}
		}
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == '|' })
	if want := []string{"a\u00a0<\u00a0b", "c\u00a0&\u00a0d", "inverse"}; !slices.Equal(words, want) {
		t.Errorf("text %q, not %q", words, want)
	}
	if rects != 4 { // the ground, two blocks, the inverse
		t.Errorf("%d rectangles in\n%s", rects, b.String())
	}
}
