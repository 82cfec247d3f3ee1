package main

import (
	"fmt"
	"slices"
)

// figure is a row of the result.
type figure struct {
	name    string
	promise string
	values  []float64 // of each run
	unit    string
}

// String gives the median, and the range where there are several runs; of many
// also how far the median can be trusted.
func (f figure) String() string {
	v := slices.Sorted(slices.Values(f.values))
	format := "%.0f"
	switch f.unit {
	case "s":
		format = "%.2f"
	case "MB":
		format = "%.1f"
	}
	number := func(x float64) string { return fmt.Sprintf(format, x) }
	text := number(median(v)) + " " + f.unit
	if len(v) == 1 {
		return text
	}
	trust := ""
	if rank := trusted(len(v)); rank > 0 {
		trust = fmt.Sprintf("by 95 %% %s to %s; ", number(v[rank-1]), number(v[len(v)-rank]))
	}
	return text + fmt.Sprintf(" (%s%s to %s, %d runs)", trust, number(v[0]), number(v[len(v)-1]), len(v))
}

// median is the middle of sorted values, between the two middle ones where
// their number is even.
func median(v []float64) float64 { return (v[(len(v)-1)/2] + v[len(v)/2]) / 2 }

// trusted gives which of n sorted values, counted from 1 from either end, have
// the true median between them by 95 %, whatever the values' distribution; 0 if
// n is too small for that. Each value is below the true median by one half, so
// that the number of those below it has a binomial distribution.
func trusted(n int) (rank int) {
	const doubt = 0.05 / 2 // at either end
	term := 1.0
	for range n {
		term /= 2
	}
	for sum := term; sum <= doubt; sum += term {
		rank++
		term *= float64(n-rank+1) / float64(rank)
	}
	return rank
}
