package ui

import (
	"slices"
	"testing"
)

// TestParagraphs: lines that were broken by hand are one, where the width is known.
func TestParagraphs(t *testing.T) {
	const text = "one\ntwo\n\nthree\n  four\nfive"
	for width, want := range map[int][]string{
		0:  {"one", "two", "", "three", "  four", "five"},
		80: {"one two", "", "three", "  four five"},
	} {
		if got := (Styles{Width: width}).paragraphs(text); !slices.Equal(got, want) {
			t.Errorf("%d: %q", width, got)
		}
	}
}
