package main

import "testing"

// TestTrusted compares with the usual tables of the sign test.
func TestTrusted(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 1, 8: 1, 9: 2, 10: 2, 20: 6, 25: 8, 60: 22, 100: 40} {
		if got := trusted(n); got != want {
			t.Errorf("%d values: %d, not %d", n, got, want)
		}
	}
}

func TestFigure(t *testing.T) {
	for want, f := range map[string]figure{
		"3 %":                                  {unit: "%", values: []float64{3}},
		"2.50 s (1.00 to 4.00, 4 runs)":        {unit: "s", values: []float64{4, 1, 3, 2}},
		"5 % (by 95 % 2 to 8; 1 to 9, 9 runs)": {unit: "%", values: []float64{9, 8, 7, 6, 5, 4, 3, 2, 1}},
		"41.5 MB (41.0 to 42.0, 2 runs)":       {unit: "MB", values: []float64{41, 42}},
	} {
		if got := f.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
