package debian

import (
	"context"
	"fmt"
	"sync"

	"floe/internal/fault"
)

// mirrorSet remembers which mirror worked last for each root.
type mirrorSet struct {
	list []Mirror

	mu        sync.Mutex
	preferred map[Root]int
}

// order lists the indices of the mirrors, the preferred one first.
func (s *mirrorSet) order(r Root) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.preferred[r]
	var order []int
	for i := range s.list {
		if n := (first + i) % len(s.list); s.list[n].root(r) != "" {
			order = append(order, n)
		}
	}
	return order
}

func (s *mirrorSet) prefer(r Root, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.preferred[r] = n
}

// never is the condition under which trying mirrors ends early: none.
func never(error) bool { return false }

// fromMirrors tries a file of an archive root on one mirror after another
// until one works, or fails with an error that final says is the answer.
func (a *Archive) fromMirrors(ctx context.Context, f File, log func(string), final func(error) bool, try func(t *transfer, url string) error) error {
	t := &transfer{client: a.opt.Client, patience: a.opt.Patience, log: log}
	order := a.mirrors.order(f.Root)
	var worst error
	for i, n := range order {
		m := a.mirrors.list[n]
		t.last = i+1 == len(order)
		err := try(t, m.root(f.Root)+"/"+f.Path)
		if err == nil {
			a.mirrors.prefer(f.Root, n)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ofDisk(err) {
			return fault.New(fault.Missing, "keep what came of", f.describe(), err, hintDisk)
		}
		worst = graver(worst, err)
		if final(err) {
			break
		}
		if !t.last {
			next := a.mirrors.list[order[i+1]]
			log(fmt.Sprintf("%v; trying %s (%s)", err, next.root(f.Root), next.From))
		}
	}
	if worst == nil {
		worst = fmt.Errorf("no mirror of the %s archive is known", f.Root)
	}
	if fault.Code(worst) == int(fault.Verify) {
		return worst
	}
	return fault.New(fault.Network, "fetch", f.describe(), worst, hintNetwork)
}

// graver chooses the error that tells most: wrong bytes, then a file that is
// not there, then the first.
func graver(a, b error) error {
	rank := func(err error) int {
		switch {
		case err == nil:
			return 0
		case fault.Code(err) == int(fault.Verify):
			return 3
		case notFound(err):
			return 2
		}
		return 1
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
