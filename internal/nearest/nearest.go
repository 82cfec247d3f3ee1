// Package nearest finds the word that somebody probably meant. It knows
// nothing of what the words stand for.
package nearest

// Word gives the candidate that is closest to what was typed, the first one of
// several, or "" where none is close: up to two letters that are wrong, missing,
// too many or swapped, and fewer than half of what was typed.
func Word(typed string, candidates []string) string {
	best, distance := "", min(2, (len(typed)-1)/2)+1
	for _, c := range candidates {
		if d := Distance(typed, c); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// Distance is the least number of inserted, deleted and replaced bytes and of
// swapped neighbours that turn a into b, with no byte changed twice (optimal
// string alignment).
func Distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j-1]+cost, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
